package nestor.cli;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/** Runs a command line as if it were typed, and keeps what it prints. */
final class Typed {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private final int exitCode;

    private Typed(String... arguments) {
        Host host =
                new Host(
                        InputStream.nullInputStream(),
                        out,
                        new PrintStream(out, true, StandardCharsets.UTF_8),
                        new Log(new PrintStream(err, true, StandardCharsets.UTF_8)),
                        Map.of("PATH", "/nowhere"));
        exitCode = Main.execute(host, List.of(arguments));
    }

    static Typed nestor(String... arguments) {
        return new Typed(arguments);
    }

    int exitCode() {
        return exitCode;
    }

    String out() {
        return out.toString(StandardCharsets.UTF_8);
    }

    String err() {
        return err.toString(StandardCharsets.UTF_8);
    }
}
