package nestor.cli;

import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Map;

/**
 * What a command sees of the process it runs in; tests hand in their own.
 *
 * @param in standard input
 * @param out standard output: data only
 * @param log standard error
 * @param environment the environment variables
 * @param workingDirectory what relative paths on the command line start from
 */
record Host(
        InputStream in,
        PrintStream out,
        Log log,
        Map<String, String> environment,
        Path workingDirectory) {
    static Host ofProcess() {
        return new Host(System.in, System.out, new Log(System.err), System.getenv(), Path.of(""));
    }
}
