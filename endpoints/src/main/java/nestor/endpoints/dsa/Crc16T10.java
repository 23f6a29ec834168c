package nestor.endpoints.dsa;

/** CRC-16 of the T10 Data Integrity Field, polynomial 0x8BB7, most significant bit first. */
final class Crc16T10 {
    private static final int POLYNOMIAL = 0x8bb7;
    private static final int TOP = 1 << 15;
    private static final char[] TABLE = table();

    private Crc16T10() {}

    private static char[] table() {
        char[] table = new char[1 << Byte.SIZE];
        for (int i = 0; i < table.length; i++) {
            int crc = i << Byte.SIZE;
            for (int bit = 0; bit < Byte.SIZE; bit++) {
                crc = crc << 1 ^ ((crc & TOP) != 0 ? POLYNOMIAL : 0);
            }
            table[i] = (char) crc;
        }
        return table;
    }

    /** Of the first {@code bytes} of {@code data}. */
    static int of(byte[] data, int bytes, int seed) {
        int crc = seed;
        for (int i = 0; i < bytes; i++) {
            crc = (crc << Byte.SIZE ^ TABLE[(crc >>> Byte.SIZE ^ data[i]) & 0xff]) & 0xffff;
        }
        return crc;
    }
}
