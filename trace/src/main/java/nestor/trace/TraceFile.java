package nestor.trace;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.function.Consumer;

/**
 * A file of limited size. When the limit is reached or the disk is full it says so once, takes no
 * more, and ends behind the last whole piece.
 */
public final class TraceFile implements TraceOutput {
    /** How large a file becomes unless something else was asked for. */
    public static final long DEFAULT_LIMIT_BYTES = 1L << 30;

    private static final int BUFFER_BYTES = 64 << 10;

    private final Path path;
    private final FileChannel channel;
    private final long limitBytes;
    private final Consumer<String> warning;
    private final ByteArrayOutputStream buffer = new ByteArrayOutputStream();
    private long writtenBytes;
    private boolean full;

    private TraceFile(Path path, FileChannel channel, long limitBytes, Consumer<String> warning) {
        this.path = path;
        this.channel = channel;
        this.limitBytes = limitBytes;
        this.warning = warning;
    }

    /**
     * Creates the file, or empties it.
     *
     * @param warning is told once why no more is written
     */
    public static TraceFile create(Path path, long limitBytes, Consumer<String> warning)
            throws IOException {
        FileChannel channel =
                FileChannel.open(
                        path,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE,
                        StandardOpenOption.TRUNCATE_EXISTING);
        return new TraceFile(path, channel, limitBytes, warning);
    }

    @Override
    public void write(byte[] piece) {
        if (full) {
            return;
        }
        if (writtenBytes + buffer.size() + piece.length > limitBytes) {
            stop("reached its limit of %d bytes".formatted(limitBytes));
            return;
        }
        buffer.writeBytes(piece);
        if (buffer.size() >= BUFFER_BYTES) {
            flush();
        }
    }

    private void stop(String reason) {
        full = true;
        warning.accept("trace: %s %s; nothing more is written to it".formatted(path, reason));
    }

    @Override
    public void flush() {
        ByteBuffer bytes = ByteBuffer.wrap(buffer.toByteArray());
        buffer.reset();
        int length = bytes.remaining();
        try {
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            writtenBytes += length;
        } catch (IOException e) {
            if (!full) {
                stop("cannot be written (%s)".formatted(e.getMessage()));
            }
            cutTail();
        }
    }

    /** Takes back what was written of a buffer that did not fit. */
    private void cutTail() {
        try {
            channel.truncate(writtenBytes);
        } catch (IOException e) {
            warning.accept("trace: %s ends in the middle of a record".formatted(path));
        }
    }

    @Override
    public void close(String last) {
        if (!channel.isOpen()) {
            return;
        }
        buffer.writeBytes(last.getBytes(StandardCharsets.UTF_8));
        flush();
        try {
            channel.close();
        } catch (IOException e) {
            warning.accept("trace: %s: %s".formatted(path, e.getMessage()));
        }
    }
}
