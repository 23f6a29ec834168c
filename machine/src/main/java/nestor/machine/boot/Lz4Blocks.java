package nestor.machine.boot;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;

/**
 * Walks the blocks of an lz4 stream in the legacy format, the one that Linux unpacks (LZ4 Frame
 * Format Description, "Legacy frame"). The format has no end mark: a stream that is cut right
 * between two of its blocks of 8 MiB looks whole.
 */
final class Lz4Blocks {
    private static final long MAGIC = 0x184c2102L;

    /** What 8 MiB can become at worst (LZ4_compressBound). */
    private static final long MAX_BLOCK_BYTES = (8L << 20) + (8L << 20) / 255 + 16;

    private Lz4Blocks() {}

    static void scan(InputStream stream) throws IOException, BootFileException {
        StreamReader in = new StreamReader(stream);
        try {
            in.skip(Integer.BYTES);
            boolean any = false;
            while (in.hasMore()) {
                long size = in.little(Integer.BYTES);
                if (size == 0) { // zeros between archives
                    return;
                }
                if (size == MAGIC) {
                    continue;
                }
                if (size > MAX_BLOCK_BYTES) {
                    throw new BootFileException("a damaged lz4 stream");
                }
                in.skip(size);
                any = true;
            }
            if (!any) {
                throw new EOFException();
            }
        } catch (EOFException e) {
            throw new BootFileException("truncated: the lz4 stream ends early");
        }
    }
}
