package nestor.endpoints.dsa;

/** Little-endian fields of up to eight bytes in an array. */
final class LittleEndian {
    private LittleEndian() {}

    /** Zero-extended. */
    static long get(byte[] from, int offset, int bytes) {
        long value = 0;
        for (int i = 0; i < bytes; i++) {
            value |= (from[offset + i] & 0xffL) << i * Byte.SIZE;
        }
        return value;
    }

    static void put(byte[] to, int offset, int bytes, long value) {
        for (int i = 0; i < bytes; i++) {
            to[offset + i] = (byte) (value >>> i * Byte.SIZE);
        }
    }
}
