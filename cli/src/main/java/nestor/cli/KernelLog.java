package nestor.cli;

import java.io.IOException;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The kernel's console during a test: kept in a file, and on standard error too if asked for. */
final class KernelLog implements AutoCloseable {
    /** A guest that prints for ever must not fill the disk. */
    private static final long MAX_BYTES = 64L << 20;

    private static final int MAX_FAULTS = 1_000;

    /** How Linux's virtio_iommu driver logs a fault report. */
    private static final Pattern FAULT = Pattern.compile(".*(fault from EP \\d+ at 0x[0-9a-f]+.*)");

    private final Path file;
    private final Writer out;
    private final Consumer<String> echo;
    private final LineBackend backend = new LineBackend(this::line);
    private final List<String> faults = new ArrayList<>();
    private long bytes;
    private boolean kept;

    KernelLog(Consumer<String> echo) throws IOException {
        this.echo = echo;
        file = Files.createTempFile("nestor-kernel-", ".log");
        out = Files.newBufferedWriter(file);
    }

    LineBackend backend() {
        return backend;
    }

    Path file() {
        return file;
    }

    /** The IOMMU faults the kernel logged. */
    synchronized List<String> faults() {
        return List.copyOf(faults);
    }

    /** The first lines so far that contain what a pattern matches. */
    synchronized List<String> lines(Pattern pattern, int most) throws IOException {
        out.flush();
        try (Stream<String> all = Files.lines(file)) {
            return all.filter(line -> pattern.matcher(line).find()).limit(most).toList();
        }
    }

    /** Leaves the file behind. */
    void keep() {
        kept = true;
    }

    /** Removes the file unless it is to be kept. */
    @Override
    public void close() throws IOException {
        backend.finish();
        out.flush();
        out.close();
        if (!kept) {
            Files.deleteIfExists(file);
        }
    }

    private synchronized void line(String text) {
        var fault = FAULT.matcher(text);
        if (fault.matches() && faults.size() < MAX_FAULTS) {
            faults.add(fault.group(1));
        }
        echo.accept(text);
        bytes += text.length() + 1;
        if (bytes > MAX_BYTES) {
            return;
        }
        try {
            out.write(text + "\n");
        } catch (IOException e) {
            bytes = MAX_BYTES;
            echo.accept("the kernel log " + file + " ends here: " + CommandException.reason(e));
        }
    }
}
