package nestor.machine.boot;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;

/** Integers from a stream whose end is an {@link EOFException}. */
final class StreamReader {
    private final InputStream in;

    StreamReader(InputStream in) {
        this.in = in;
    }

    /** An unsigned integer of up to 8 bytes, lowest first. */
    long little(int bytes) throws IOException {
        long value = 0;
        for (int i = 0; i < bytes; i++) {
            value |= (long) next() << 8 * i;
        }
        return value;
    }

    /** An unsigned integer of up to 8 bytes, highest first. */
    long big(int bytes) throws IOException {
        long value = 0;
        for (int i = 0; i < bytes; i++) {
            value = value << 8 | next();
        }
        return value;
    }

    /** An unsigned byte. */
    int next() throws IOException {
        int value = in.read();
        if (value < 0) {
            throw new EOFException();
        }
        return value;
    }

    void skip(long bytes) throws IOException {
        in.skipNBytes(bytes);
    }

    /** Whether the stream goes on; looks one byte ahead. */
    boolean hasMore() throws IOException {
        in.mark(1);
        boolean more = in.read() >= 0;
        in.reset();
        return more;
    }
}
