package nestor.endpoints.dsa;

/** CRC-32C, polynomial 0x1EDC6F41, by a table; the state is the reflected one. */
final class Crc32c {
    /** The polynomial, reflected. */
    private static final int POLYNOMIAL = 0x82f6_3b78;

    private static final int[] TABLE = table();

    private Crc32c() {}

    private static int[] table() {
        int[] table = new int[1 << Byte.SIZE];
        for (int i = 0; i < table.length; i++) {
            int crc = i;
            for (int bit = 0; bit < Byte.SIZE; bit++) {
                crc = crc >>> 1 ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
            }
            table[i] = crc;
        }
        return table;
    }

    static int update(int crc, byte[] data, int bytes) {
        int now = crc;
        for (int i = 0; i < bytes; i++) {
            now = now >>> Byte.SIZE ^ TABLE[(now ^ data[i]) & 0xff];
        }
        return now;
    }

    /** As {@link #update}, each byte taken with its most significant bit first. */
    static int updateUnreflected(int crc, byte[] data, int bytes) {
        int now = crc;
        for (int i = 0; i < bytes; i++) {
            int reversed = Integer.reverse(data[i]) >>> Integer.SIZE - Byte.SIZE;
            now = now >>> Byte.SIZE ^ TABLE[(now ^ reversed) & 0xff];
        }
        return now;
    }
}
