package nestor.machine.boot;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import nestor.vmm.register.BitField;

/** Walks the frames and blocks of a zstd stream without decompressing it (RFC 8878, section 3). */
final class ZstdFrames {
    private static final int MAGIC = 0xfd2fb528;
    private static final int SKIPPABLE_MAGIC = 0x184d2a50;
    private static final int SKIPPABLE_MASK = 0xfffffff0;

    /** Frame_Header_Descriptor, section 3.1.1.1.1. */
    private static final BitField CONTENT_SIZE_FLAG = bits(7, 6);

    private static final BitField SINGLE_SEGMENT = bit(5);
    private static final BitField CHECKSUM = bit(2);
    private static final BitField DICTIONARY_ID = bits(1, 0);

    /** Block_Header, section 3.1.1.2. */
    private static final BitField LAST_BLOCK = bit(0);

    private static final BitField BLOCK_TYPE = bits(2, 1);
    private static final BitField BLOCK_SIZE = bits(23, 3);
    private static final int RLE_BLOCK = 1;
    private static final int RESERVED_BLOCK = 3;

    /** Offset of Window_Descriptor, section 3.1.1.1.2, in a frame that has one. */
    private static final int WINDOW_OFFSET = 5;

    /** Window_Descriptor of 8 MiB: Exponent 13, Mantissa 0. */
    private static final int SMALL_WINDOW = 13 << 3;

    private ZstdFrames() {}

    /**
     * The same frame with a window of 8 MiB at most. The window says how much of what was
     * decompressed must be kept; the decompressor that has all of it in one array needs none, but
     * refuses larger ones, such as the 128 MiB of kernels from 7.3 on.
     */
    static byte[] withSmallWindow(byte[] frame) {
        if (frame.length <= WINDOW_OFFSET
                || SINGLE_SEGMENT.isSet(frame[WINDOW_OFFSET - 1])
                || (frame[WINDOW_OFFSET] & 0xff) <= SMALL_WINDOW) {
            return frame;
        }
        byte[] small = frame.clone();
        small[WINDOW_OFFSET] = SMALL_WINDOW;
        return small;
    }

    /** Reads frames up to the end of the stream, or zeros between archives. */
    static void scan(InputStream in) throws IOException, BootFileException {
        try {
            int magic = little(in, Integer.BYTES);
            do {
                if (magic == MAGIC) {
                    frame(in);
                } else if ((magic & SKIPPABLE_MASK) == SKIPPABLE_MAGIC) {
                    in.skipNBytes(Integer.toUnsignedLong(little(in, Integer.BYTES)));
                } else {
                    return;
                }
                magic = next(in);
            } while (magic != 0);
        } catch (EOFException e) {
            throw new BootFileException("truncated: the zstd stream ends early");
        }
    }

    private static int next(InputStream in) throws IOException {
        byte[] word = in.readNBytes(Integer.BYTES);
        return word.length < Integer.BYTES
                ? 0
                : (word[0] & 0xff)
                        | (word[1] & 0xff) << 8
                        | (word[2] & 0xff) << 16
                        | (word[3] & 0xff) << 24;
    }

    private static void frame(InputStream in) throws IOException, BootFileException {
        int descriptor = little(in, 1);
        boolean single = SINGLE_SEGMENT.isSet(descriptor);
        int window = single ? 0 : 1;
        int dictionary = (1 << DICTIONARY_ID.getInt(descriptor)) >> 1;
        int sizeFlag = CONTENT_SIZE_FLAG.getInt(descriptor);
        int contentSize = sizeFlag == 0 ? (single ? 1 : 0) : 1 << sizeFlag;
        in.skipNBytes(window + dictionary + contentSize);
        int header;
        do {
            header = little(in, 3);
            int type = BLOCK_TYPE.getInt(header);
            if (type == RESERVED_BLOCK) {
                throw new BootFileException("a damaged zstd stream");
            }
            in.skipNBytes(type == RLE_BLOCK ? 1 : BLOCK_SIZE.getInt(header));
        } while (!LAST_BLOCK.isSet(header));
        if (CHECKSUM.isSet(descriptor)) {
            in.skipNBytes(Integer.BYTES);
        }
    }

    private static int little(InputStream in, int bytes) throws IOException {
        int value = 0;
        for (int i = 0; i < bytes; i++) {
            int next = in.read();
            if (next < 0) {
                throw new EOFException();
            }
            value |= next << 8 * i;
        }
        return value;
    }
}
