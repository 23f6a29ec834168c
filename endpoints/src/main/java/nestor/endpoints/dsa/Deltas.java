package nestor.endpoints.dsa;

/** An entry of a delta record: offset in quadwords, two bytes, then the eight bytes of data. */
final class Deltas {
    static final int ENTRY_BYTES = 10;
    static final int OFFSET_BYTES = 2;

    private Deltas() {}

    static int offset(byte[] record, int at) {
        return (int) LittleEndian.get(record, at, OFFSET_BYTES);
    }

    static void put(byte[] record, int at, int offset, long data) {
        LittleEndian.put(record, at, OFFSET_BYTES, offset);
        LittleEndian.put(record, at + OFFSET_BYTES, Long.BYTES, data);
    }
}
