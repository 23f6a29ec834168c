package nestor.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** On a pseudo-terminal made by script(1), with stty(1) as the second opinion. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class TerminalTest {
    private static final Path SCRIPT = Path.of("/usr/bin/script");

    @ParameterizedTest
    @CsvSource({"end, 0", "throw, 1", "term, 143", "stuck, 143", "twice, 129"})
    void theModesAreBackHoweverTheProcessEnds(String way, int code) throws Exception {
        assumeTrue(Files.isExecutable(SCRIPT), "script(1) makes the pseudo-terminal");
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        String program =
                "stty -g; '%s' --enable-native-access=ALL-UNNAMED -cp '%s' %s %s; echo code: $?; stty -g"
                        .formatted(
                                java,
                                System.getProperty("java.class.path"),
                                RawProgram.class.getName(),
                                way);
        List<String> lines = onTerminal(program);

        assertThat(lines).contains("code: " + code);
        assertThat(lines).contains("while: opost -isig -icanon");
        assertThat(lines.getLast()).isEqualTo(lines.getFirst()).contains(":");
    }

    @Test
    void whatIsNoTerminalIsLeftAlone() {
        try (Terminal terminal = new Terminal()) {
            assertThat(terminal.isTerminal(-1)).isFalse();
        }
    }

    private static List<String> onTerminal(String program) throws Exception {
        Process process =
                new ProcessBuilder(SCRIPT.toString(), "-qec", program, "/dev/null")
                        .redirectInput(new File("/dev/null"))
                        .redirectErrorStream(true)
                        .start();
        String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        process.waitFor();
        return text.lines()
                .map(String::strip)
                .filter(line -> !line.isEmpty() && !line.equals("^D"))
                .toList();
    }
}
