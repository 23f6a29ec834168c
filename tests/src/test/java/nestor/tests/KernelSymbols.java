package nestor.tests;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * Addresses from the symbol table that a Linux kernel carries in itself ({@code kallsyms}, in the
 * order of sections that kernels from 6.4 on have): names compressed by a table of 256 tokens, a
 * marker for each 256 names, and offsets from a base.
 */
final class KernelSymbols {
    /** Tokens of one character each: the digits, in their places. */
    private static final byte[] DIGITS =
            "0\0001\0002\0003\0004\0005\0006\0007\0008\0009\0".getBytes(StandardCharsets.US_ASCII);

    private static final int NAMES_PER_MARKER = 256;
    private static final int MAX_NAME_BYTES = 128;

    private final ByteBuffer image;
    private final String[] tokens = new String[256];
    private int tokenTable;
    private int tokenIndex;
    private int markers;
    private int markerCount;
    private int names;
    private int count;

    private KernelSymbols(byte[] bytes) {
        image = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** The addresses, before any relocation, of those symbols that the kernel has. */
    static Map<String, Long> of(byte[] image, Set<String> wanted) {
        KernelSymbols symbols = new KernelSymbols(image);
        symbols.findTokens();
        symbols.findMarkers();
        symbols.findNames();
        return symbols.read(wanted);
    }

    private void findTokens() {
        for (int at = find(DIGITS, 0); at >= 0; at = find(DIGITS, at + 1)) {
            int start = at;
            for (int token = '0'; token > 0; token--) {
                start--;
                while (image.get(start - 1) != 0) {
                    start--;
                }
            }
            if (readTokens(start)) {
                tokenTable = start;
                return;
            }
        }
        throw new IllegalArgumentException("no kallsyms in the image");
    }

    private int find(byte[] pattern, int from) {
        byte[] bytes = image.array();
        for (int i = from; i <= bytes.length - pattern.length; i++) {
            if (bytes[i] == pattern[0]
                    && Arrays.equals(bytes, i, i + pattern.length, pattern, 0, pattern.length)) {
                return i;
            }
        }
        return -1;
    }

    /** Whether an index follows that fits. */
    private boolean readTokens(int start) {
        int at = start;
        for (int i = 0; i < tokens.length; i++) {
            int end = at;
            while (image.get(end) != 0) {
                end++;
            }
            tokens[i] = new String(image.array(), at, end - at, StandardCharsets.US_ASCII);
            at = end + 1;
        }
        int second = tokens[0].length() + 1;
        for (tokenIndex = at; tokenIndex < at + 16; tokenIndex++) {
            if (image.getShort(tokenIndex) == 0 && image.getShort(tokenIndex + 2) == second) {
                return true;
            }
        }
        return false;
    }

    /** They end before the tokens, and the first is zero. */
    private void findMarkers() {
        int end = tokenTable & -4;
        while (image.getInt(end - 4) == 0) {
            end -= 4;
        }
        markers = end - 4;
        while (image.getInt(markers) != 0) {
            markers -= 4;
        }
        markerCount = (end - markers) / 4;
    }

    private int marker(int index) {
        return image.getInt(markers + 4 * index);
    }

    /** They end before the markers; their number is in front of them. */
    private void findNames() {
        int last = marker(markerCount - 1);
        int first = markers - last - NAMES_PER_MARKER * MAX_NAME_BYTES;
        for (names = markers - last & -4; names > first; names -= 4) {
            count = image.getInt(names - 8);
            if (count > (markerCount - 1) * NAMES_PER_MARKER
                    && count <= markerCount * NAMES_PER_MARKER
                    && fits()) {
                return;
            }
        }
        throw new IllegalArgumentException("no names in front of the markers");
    }

    private boolean fits() {
        int at = names;
        for (int i = 0; i < count; i++) {
            if (i % NAMES_PER_MARKER == 0 && at - names != marker(i / NAMES_PER_MARKER)) {
                return false;
            }
            at = next(at);
        }
        return at <= markers && markers - at < 16;
    }

    private int length(int at) {
        int octet = image.get(at) & 0xff;
        return octet < 0x80 ? octet : octet & 0x7f | (image.get(at + 1) & 0xff) << 7;
    }

    private int body(int at) {
        return image.get(at) < 0 ? at + 2 : at + 1;
    }

    private int next(int at) {
        return body(at) + length(at);
    }

    private Map<String, Long> read(Set<String> wanted) {
        int offsets = tokenIndex + 2 * tokens.length + 7 & -8;
        long base = image.getLong(offsets + 4 * count + 7 & -8);
        boolean negative = negativeOffsets(offsets);
        Map<String, Long> found = new HashMap<>();
        int at = names;
        for (int i = 0; i < count; i++) {
            StringBuilder name = new StringBuilder();
            for (int k = body(at); k < next(at); k++) {
                name.append(tokens[image.get(k) & 0xff]);
            }
            at = next(at);
            int offset = image.getInt(offsets + 4 * i);
            if (wanted.contains(name.substring(1))) {
                found.put(
                        name.substring(1),
                        negative ? base - 1 - offset : base + Integer.toUnsignedLong(offset));
            }
        }
        return found;
    }

    /** With absolute per-CPU symbols all others are counted downwards. */
    private boolean negativeOffsets(int offsets) {
        int below = 0;
        for (int i = 0; i < count; i++) {
            below += image.getInt(offsets + 4 * i) < 0 ? 1 : 0;
        }
        return below > count / 2;
    }
}
