package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the documentation names as a test is one. */
class DocumentedTestsTest {
    private static final Pattern NAMED =
            Pattern.compile(
                    "`([A-Z][A-Za-z0-9]*(?:Test|IT|Scenarios|Checks))\\.([a-z][A-Za-z0-9]*)`");

    private static Path root() {
        Path at = Path.of("").toAbsolutePath();
        while (!Files.exists(at.resolve("mvnw"))) {
            at = at.getParent();
        }
        return at;
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void everyTestThatIsNamedIsThere() throws IOException {
        Map<String, String> sources;
        try (Stream<Path> files = Files.walk(root())) {
            sources =
                    files.filter(file -> file.toString().contains("/src/"))
                            .filter(file ->
                                    file.toString().matches(".*(Test|IT|Scenarios|Checks)\\.java"))
                            .collect(
                                    Collectors.toMap(
                                            file ->
                                                    file.getFileName()
                                                            .toString()
                                                            .replace(".java", ""),
                                            DocumentedTestsTest::text,
                                            String::concat));
        }
        List<String> missing = new ArrayList<>();
        int named = 0;
        try (Stream<Path> pages = Files.list(root().resolve("docs"))) {
            for (Path page : pages.filter(file -> file.toString().endsWith(".md")).toList()) {
                Matcher matcher = NAMED.matcher(text(page));
                while (matcher.find()) {
                    named++;
                    String source = sources.getOrDefault(matcher.group(1), "");
                    String name = Pattern.quote(matcher.group(2));
                    String declared =
                            "(?s).*(void " + name + "\\(|> " + name + "\\(|\"" + name + "\").*";
                    if (!source.matches(declared)) {
                        missing.add(page.getFileName() + ": " + matcher.group());
                    }
                }
            }
        }
        assertThat(missing).isEmpty();
        assertThat(named).isGreaterThan(100);
    }
}
