package nestor.debug.gdb;

import java.util.HexFormat;

/** Numbers and bytes as packets have them. */
final class Hex {
    private static final HexFormat FORMAT = HexFormat.of();

    private Hex() {}

    static String of(byte[] bytes) {
        return FORMAT.formatHex(bytes);
    }

    /** Throws what {@link Packets.Malformed} is for. */
    static byte[] bytes(String text) {
        try {
            return FORMAT.parseHex(text);
        } catch (IllegalArgumentException e) {
            throw new Packets.Malformed();
        }
    }

    /** An unsigned number of up to 16 digits. */
    static long number(String text) {
        try {
            return Long.parseUnsignedLong(text, 16);
        } catch (NumberFormatException e) {
            throw new Packets.Malformed();
        }
    }

    /** A number that has to be smaller than {@code bound}. */
    static int number(String text, int bound) {
        long number = number(text);
        if (number < 0 || number >= bound) {
            throw new Packets.Malformed();
        }
        return (int) number;
    }
}
