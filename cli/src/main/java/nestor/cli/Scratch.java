package nestor.cli;

import java.io.IOException;
import java.io.OutputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.SplittableRandom;
import java.util.stream.Stream;

/**
 * A temporary folder for disk images, removed with everything in it; also when the process is ended
 * by a signal.
 */
final class Scratch implements AutoCloseable {
    private static final int CHUNK_BYTES = 1 << 16;

    private final Path folder;
    private final Thread hook;

    Scratch() throws IOException {
        folder = Files.createTempDirectory("nestor-");
        hook = new Thread(this::remove, "scratch removal");
        Runtime.getRuntime().addShutdownHook(hook);
    }

    /** Where a file of this name is to be. */
    Path file(String name) {
        return folder.resolve(name);
    }

    /** A disk of zeros that takes no space until it is written. */
    Path zeros(String name, long bytes) throws IOException {
        Path disk = folder.resolve(name);
        try (RandomAccessFile file = new RandomAccessFile(disk.toFile(), "rw")) {
            file.setLength(bytes);
        }
        return disk;
    }

    /** A disk of random content; the same seed gives the same. */
    Path random(String name, long bytes, long seed) throws IOException {
        Path disk = folder.resolve(name);
        SplittableRandom random = new SplittableRandom(seed);
        byte[] chunk = new byte[CHUNK_BYTES];
        try (OutputStream out = Files.newOutputStream(disk)) {
            for (long done = 0; done < bytes; done += CHUNK_BYTES) {
                random.nextBytes(chunk);
                out.write(chunk, 0, (int) Math.min(CHUNK_BYTES, bytes - done));
            }
        }
        return disk;
    }

    /** A file with this content. */
    Path file(String name, byte[] content) throws IOException {
        return Files.write(folder.resolve(name), content);
    }

    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The process is ending: the hook runs.
            return;
        }
        remove();
    }

    private void remove() {
        try (Stream<Path> files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
        } catch (IOException e) {
            // Left behind in the system's folder for such files, which is cleaned by others.
        }
    }
}
