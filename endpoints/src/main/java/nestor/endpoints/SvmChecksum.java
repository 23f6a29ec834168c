package nestor.endpoints;

/**
 * The demo device's CRC-8 (§3 "Data rules"): reflected, polynomial constant 0xab in the right-shift
 * form, initial value 0xff, no final exclusive or.
 */
final class SvmChecksum {
    static final int INITIAL = 0xff;

    private static final int POLYNOMIAL = 0xab;
    private static final byte[] TABLE = table();

    private SvmChecksum() {}

    private static byte[] table() {
        byte[] table = new byte[256];
        for (int index = 1; index < table.length; index++) {
            int value = index;
            for (int bit = 0; bit < Byte.SIZE; bit++) {
                value = value >>> 1 ^ ((value & 1) == 0 ? 0 : POLYNOMIAL);
            }
            table[index] = (byte) value;
        }
        return table;
    }

    /** Continues {@code crc} with the first {@code count} of {@code bytes}. */
    static int update(int crc, byte[] bytes, int count) {
        int now = crc;
        for (int i = 0; i < count; i++) {
            now = TABLE[(now ^ bytes[i]) & 0xff] & 0xff;
        }
        return now;
    }
}
