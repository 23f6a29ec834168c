package nestor.endpoints;

import java.io.IOException;
import java.nio.ByteBuffer;

/**
 * Where a disk's bytes are. Ranges asked for lie inside the disk. Called on the device's loop, one
 * call at a time; what a call wrote is with the host when it returns.
 */
public interface BlockBackend extends AutoCloseable {
    /** Size of the disk, a multiple of 512; it never changes. */
    long sizeBytes();

    /** Whether {@link #write} and {@link #zero} are refused. */
    boolean isReadOnly();

    /** Fills the remaining bytes of {@code dst} from {@code offsetBytes} on. */
    void read(long offsetBytes, ByteBuffer dst) throws IOException;

    /** Writes the remaining bytes of {@code src} from {@code offsetBytes} on. */
    void write(long offsetBytes, ByteBuffer src) throws IOException;

    /** Makes {@code sizeBytes} from {@code offsetBytes} on read as zero. */
    void zero(long offsetBytes, long sizeBytes) throws IOException;

    /** Returns when everything written is on stable storage. */
    void flush() throws IOException;

    @Override
    void close() throws IOException;
}
