package nestor.cli;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * What a command sees of the process it runs in; tests hand in their own.
 *
 * @param in standard input, unbuffered
 * @param rawOut standard output, unbuffered; a failed write throws
 * @param out standard output for text: data only
 * @param log standard error
 * @param environment the environment variables
 */
record Host(
        InputStream in,
        OutputStream rawOut,
        PrintStream out,
        Log log,
        Map<String, String> environment) {
    static Host ofProcess() {
        OutputStream out = new FileOutputStream(FileDescriptor.out);
        return new Host(
                new FileInputStream(FileDescriptor.in),
                out,
                new PrintStream(out, false, StandardCharsets.UTF_8),
                new Log(
                        new PrintStream(
                                new FileOutputStream(FileDescriptor.err),
                                true,
                                StandardCharsets.UTF_8)),
                System.getenv());
    }
}
