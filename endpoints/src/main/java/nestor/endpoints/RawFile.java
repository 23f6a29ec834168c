package nestor.endpoints;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/**
 * A disk in a raw image file. Nothing is kept in this process: a write is in the host's page cache
 * when it returns, and on storage after {@link #flush}.
 *
 * <p>An interrupt of the calling thread does not harm the disk: the channel it closes is opened
 * again, the access repeated, and the interrupt left pending.
 */
public final class RawFile implements BlockBackend {
    private static final int SECTOR_BYTES = 512;
    private static final int CHUNK_BYTES = 1 << 16;

    /** An access that an interrupt may cut short; repeating it is harmless. */
    @FunctionalInterface
    private interface Access {
        void run(FileChannel channel) throws IOException;
    }

    private final Path file;
    private final boolean readOnly;
    private final long sizeBytes;
    private final ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
    private final ByteBuffer zeros = ByteBuffer.allocateDirect(CHUNK_BYTES);
    private FileChannel channel;

    private RawFile(Path file, boolean readOnly, FileChannel channel) throws IOException {
        this.file = file;
        this.readOnly = readOnly;
        this.channel = channel;
        this.sizeBytes = channel.size();
    }

    /** Opens an image for reading and writing. */
    public static RawFile open(Path file) throws DiskImageException {
        return open(file, false);
    }

    /** Opens an image for reading. */
    public static RawFile openReadOnly(Path file) throws DiskImageException {
        return open(file, true);
    }

    private static RawFile open(Path file, boolean readOnly) throws DiskImageException {
        if (!Files.exists(file)) {
            throw new DiskImageException(file, DiskImageException.Reason.MISSING);
        }
        if (!Files.isRegularFile(file)) {
            throw new DiskImageException(file, DiskImageException.Reason.NOT_A_FILE);
        }
        if (!Files.isReadable(file)) {
            throw new DiskImageException(file, DiskImageException.Reason.UNREADABLE);
        }
        if (!readOnly && !Files.isWritable(file)) {
            throw new DiskImageException(file, DiskImageException.Reason.UNWRITABLE);
        }
        try {
            RawFile image = new RawFile(file, readOnly, openChannel(file, readOnly));
            if (image.sizeBytes == 0 || image.sizeBytes % SECTOR_BYTES != 0) {
                image.close();
                throw new DiskImageException(file, DiskImageException.Reason.BAD_SIZE);
            }
            return image;
        } catch (DiskImageException wrong) {
            throw wrong;
        } catch (IOException failed) {
            throw new DiskImageException(file, failed);
        }
    }

    private static FileChannel openChannel(Path file, boolean readOnly) throws IOException {
        Set<OpenOption> options =
                readOnly
                        ? Set.of(StandardOpenOption.READ)
                        : Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE);
        return FileChannel.open(file, options);
    }

    @Override
    public long sizeBytes() {
        return sizeBytes;
    }

    @Override
    public boolean isReadOnly() {
        return readOnly;
    }

    @Override
    public void read(long offsetBytes, ByteBuffer dst) throws IOException {
        int start = dst.position();
        uninterrupted(open -> readFully(open, offsetBytes, dst.position(start)));
    }

    @Override
    public void write(long offsetBytes, ByteBuffer src) throws IOException {
        int start = src.position();
        uninterrupted(open -> writeFully(open, offsetBytes, src.position(start)));
    }

    /** Holes and zeros stay what they are, so that a sparse image stays sparse. */
    @Override
    public void zero(long offsetBytes, long size) throws IOException {
        long end = offsetBytes + size;
        long at = offsetBytes;
        while (at < end) {
            int step = (int) Math.min(CHUNK_BYTES, end - at);
            read(at, chunk.clear().limit(step));
            if (!chunk.flip().equals(zeros.clear().limit(step))) {
                write(at, zeros);
            }
            at += step;
        }
    }

    @Override
    public void flush() throws IOException {
        uninterrupted(open -> open.force(false));
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    private void uninterrupted(Access access) throws IOException {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    access.run(channel);
                    return;
                } catch (ClosedByInterruptException closed) {
                    interrupted |= Thread.interrupted();
                    channel = openChannel(file, readOnly);
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static void readFully(FileChannel open, long offsetBytes, ByteBuffer dst)
            throws IOException {
        long at = offsetBytes;
        while (dst.hasRemaining()) {
            int count = open.read(dst, at);
            if (count < 0) {
                throw new EOFException("the disk image has shrunk");
            }
            at += count;
        }
    }

    private static void writeFully(FileChannel open, long offsetBytes, ByteBuffer src)
            throws IOException {
        long at = offsetBytes;
        while (src.hasRemaining()) {
            at += open.write(src, at);
        }
    }
}
