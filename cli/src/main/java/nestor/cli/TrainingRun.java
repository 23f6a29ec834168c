package nestor.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

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

    /** A guest has ended. Does nothing where nobody records. */
    static void ended(long instructions) {
        String file = System.getProperty(FILE_PROPERTY, "");
        if (file.isEmpty() || instructions < WORTH_INSTRUCTIONS) {
            return;
        }
        try {
            Files.write(Path.of(file), new byte[0]);
        } catch (IOException e) {
            // Then there is no cache: the next run that boots a guest records again.
        }
    }
}
