package nestor.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import nestor.control.ControlledMachine;
import nestor.control.Json;
import nestor.control.ListenAddress;

/**
 * This process as the training run of Java's ahead-of-time cache (JEP 514, 515), which the launcher
 * assembles after its end; {@code scripts/aot-cache.sh} has the other half.
 */
final class TrainingRun {
    /** A guest that ended sooner has not shown which methods are hot. */
    private static final long WORTH_INSTRUCTIONS = 300_000_000;

    /** The file by which the launcher learns that the recording is good. */
    private static final String FILE_PROPERTY = "nestor.aot.learned";

    private TrainingRun() {}

    /**
     * A guest has ended. Does nothing where nobody records.
     *
     * @param machine that has ended, and is not closed yet
     */
    static void ended(long instructions, ControlledMachine machine) {
        String file = System.getProperty(FILE_PROPERTY, "");
        if (file.isEmpty() || instructions < WORTH_INSTRUCTIONS) {
            return;
        }
        try {
            converse(machine);
            Files.write(Path.of(file), new byte[0]);
        } catch (CommandException | IOException e) {
            // Then there is no cache: the next run that boots a guest records again.
        }
    }

    /** Has the machine answer a client, so that its sockets are in the cache, too. */
    private static void converse(ControlledMachine machine) throws CommandException, IOException {
        Path folder = Files.createTempDirectory("nestor-training-");
        Path socket = folder.resolve("qmp");
        Log unheard = new Log(new PrintStream(OutputStream.nullOutputStream()));
        try (ControlSockets sockets = new ControlSockets(unheard)) {
            sockets.openQmp(new ListenAddress.Unix(socket), machine);
            try (CtlConnection client = new CtlConnection(socket)) {
                client.call("query-status", Json.object());
            }
        } finally {
            Files.deleteIfExists(socket);
            Files.deleteIfExists(folder);
        }
    }
}
