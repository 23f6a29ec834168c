package nestor.control.web;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What the browser gets is in the tree, whole and unchanged, and asks nobody else for anything. */
class PagesTest {
    private static final Pattern IMPORT = Pattern.compile("(?m)^import .*from '([^']+)';$");
    private static final Pattern SUM = Pattern.compile("([0-9a-f]{64})  (\\S+)");

    private static String read(String file) {
        return new String(bytes(file), StandardCharsets.UTF_8);
    }

    private static byte[] bytes(String file) {
        try (InputStream in =
                Objects.requireNonNull(PagesTest.class.getResourceAsStream("page/" + file), file)) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new AssertionError(file, e);
        }
    }

    private static List<String> own() {
        return Assets.FILES.stream().filter(file -> !file.startsWith("vendor/")).toList();
    }

    @Test
    void librariesAreAsTheyWerePublished() throws NoSuchAlgorithmException {
        Map<String, String> sums =
                SUM.matcher(read("vendor/SHA256SUMS"))
                        .results()
                        .collect(Collectors.toMap(sum -> sum.group(2), sum -> sum.group(1)));
        Set<String> shipped =
                Assets.FILES.stream()
                        .filter(file -> file.startsWith("vendor/"))
                        .map(file -> file.substring("vendor/".length()))
                        .collect(Collectors.toSet());
        assertThat(sums.keySet()).containsAll(shipped);
        for (String file : shipped) {
            assertThat(sums).containsKey("LICENSE." + file.substring(0, file.indexOf('.')));
        }
        for (Map.Entry<String, String> sum : sums.entrySet()) {
            byte[] digest =
                    MessageDigest.getInstance("SHA-256").digest(bytes("vendor/" + sum.getKey()));
            assertThat(HexFormat.of().formatHex(digest))
                    .describedAs(sum.getKey())
                    .isEqualTo(sum.getValue());
        }
    }

    @Test
    void everyImportIsAFileOfThePages() {
        for (String file : own()) {
            Matcher imported = IMPORT.matcher(read(file));
            while (imported.find()) {
                assertThat(imported.group(1)).describedAs(file).startsWith("./");
                assertThat(Assets.FILES).describedAs(file).contains(imported.group(1).substring(2));
            }
        }
    }

    @Test
    void nothingIsAskedOfAnotherSiteAndNothingIsInline() {
        for (String file : own()) {
            assertThat(read(file).replace("http://www.w3.org/2000/svg", ""))
                    .describedAs(file)
                    .doesNotContain("http://", "https://", "//cdn", "eval(", "innerHTML");
        }
        assertThat(read("index.html"))
                .doesNotContain("<style", "style=", "onload=", "onclick=")
                .doesNotContainPattern("<script[^>]*>[^<]");
    }
}
