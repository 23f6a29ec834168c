package nestor.machine.boot;

import static nestor.vmm.register.BitField.bit;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import nestor.vmm.register.BitField;

/** Walks header and blocks of an lzop file, which ends with a block of length zero. */
final class LzopBlocks {
    private static final int MAGIC_BYTES = 9;

    /** From this version on the header has the version needed, a level, and 64-bit times. */
    private static final int LEVEL_VERSION = 0x0940;

    /** lzop never makes larger blocks. */
    private static final long MAX_BLOCK_BYTES = 64L << 20;

    /** Checksums behind each block's lengths: of the plain bytes, and of the compressed ones. */
    private static final BitField ADLER32_PLAIN = bit(0);

    private static final BitField ADLER32_COMPRESSED = bit(1);
    private static final BitField EXTRA_FIELD = bit(6);
    private static final BitField CRC32_PLAIN = bit(8);
    private static final BitField CRC32_COMPRESSED = bit(9);
    private static final BitField FILTER = bit(11);

    private LzopBlocks() {}

    static void scan(InputStream stream) throws IOException, BootFileException {
        StreamReader in = new StreamReader(stream);
        try {
            long flags = header(in);
            int plainSums = count(flags, ADLER32_PLAIN) + count(flags, CRC32_PLAIN);
            int compressedSums = count(flags, ADLER32_COMPRESSED) + count(flags, CRC32_COMPRESSED);
            long plain;
            while ((plain = in.big(Integer.BYTES)) != 0) {
                long compressed = in.big(Integer.BYTES);
                if (plain > MAX_BLOCK_BYTES || compressed > plain) {
                    throw new BootFileException("a damaged lzo stream");
                }
                // A block that did not shrink is stored, without a second checksum.
                int sums = plainSums + (compressed < plain ? compressedSums : 0);
                in.skip((long) sums * Integer.BYTES + compressed);
            }
        } catch (EOFException e) {
            throw new BootFileException("truncated: the lzo stream ends early");
        }
    }

    /** Skips the header. @return its flags. */
    private static long header(StreamReader in) throws IOException {
        in.skip(MAGIC_BYTES);
        boolean withLevel = in.big(2) >= LEVEL_VERSION;
        in.skip(2 + (withLevel ? 2 : 0) + 1 + (withLevel ? 1 : 0));
        long flags = in.big(Integer.BYTES);
        in.skip(FILTER.isSet(flags) ? Integer.BYTES : 0);
        in.skip(2 * Integer.BYTES + (withLevel ? Integer.BYTES : 0)); // mode and times
        in.skip(in.next() + Integer.BYTES); // name and checksum
        if (EXTRA_FIELD.isSet(flags)) {
            in.skip(in.big(Integer.BYTES) + Integer.BYTES);
        }
        return flags;
    }

    private static int count(long flags, BitField checksum) {
        return checksum.isSet(flags) ? 1 : 0;
    }
}
