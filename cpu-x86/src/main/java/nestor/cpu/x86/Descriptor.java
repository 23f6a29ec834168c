package nestor.cpu.x86;

/**
 * A segment or system descriptor (3A §3.4.5, §3.5, §7.2.3), as the hidden part of a register holds
 * it.
 *
 * @param selector what software loaded
 * @param base linear address; 64 bits of it only in system descriptors of long mode
 * @param limit the last valid offset, in bytes
 * @param attributes the descriptor's bits 55:40, as they stand there
 */
record Descriptor(int selector, long base, long limit, int attributes) {
    /** A null selector was loaded. */
    static final Descriptor NULL = new Descriptor(0, 0, 0, 0);

    /** Types of system descriptors in long mode (3A, table 3-2). */
    static final int LDT = 2;

    static final int TSS_AVAILABLE = 9;
    static final int TSS_BUSY = 11;
    static final int CALL_GATE = 12;
    static final int INTERRUPT_GATE = 14;
    static final int TRAP_GATE = 15;

    private static final int ACCESSED = 1;
    private static final int READ_WRITE = 1 << 1;
    private static final int CONFORMING = 1 << 2;
    private static final int CODE = 1 << 3;
    private static final int NOT_SYSTEM = 1 << 4;
    private static final int DPL_SHIFT = 5;
    private static final int PRESENT = 1 << 7;
    private static final int LONG = 1 << 13;
    private static final int DEFAULT_SIZE = 1 << 14;
    private static final int GRANULARITY = 1 << 15;

    /** Flat segments of a PVH entry, level 0. */
    static final Descriptor FLAT_CODE =
            new Descriptor(
                    0,
                    0,
                    0xffff_ffffL,
                    PRESENT | NOT_SYSTEM | CODE | READ_WRITE | ACCESSED | DEFAULT_SIZE
                            | GRANULARITY);

    static final Descriptor FLAT_DATA =
            new Descriptor(
                    0,
                    0,
                    0xffff_ffffL,
                    PRESENT | NOT_SYSTEM | READ_WRITE | ACCESSED | DEFAULT_SIZE | GRANULARITY);

    /** The TSS that TR has after reset: 32-bit, busy. */
    static final Descriptor INITIAL_TSS = new Descriptor(0, 0, 0x67, PRESENT | TSS_BUSY);

    /** An 8-byte descriptor. */
    static Descriptor of(int selector, long raw) {
        int attributes = (int) (raw >>> 40) & 0xf0ff;
        long limit = raw & 0xffff | raw >>> 32 & 0xf_0000;
        if ((attributes & GRANULARITY) != 0) {
            limit = limit << 12 | 0xfff;
        }
        long base = raw >>> 16 & 0xff_ffff | raw >>> 32 & 0xff00_0000L;
        return new Descriptor(selector, base, limit, attributes);
    }

    /** The same with the upper half of a 16-byte system descriptor. */
    Descriptor extended(long upper) {
        return new Descriptor(selector, base | upper << 32, limit, attributes);
    }

    /** The same, loaded by another selector. */
    Descriptor selectedBy(int newSelector) {
        return new Descriptor(newSelector, base, limit, attributes);
    }

    /** The same with another base: FS and GS in long mode. */
    Descriptor at(long newBase) {
        return new Descriptor(selector, newBase, limit, attributes);
    }

    boolean isPresent() {
        return (attributes & PRESENT) != 0;
    }

    boolean isSystem() {
        return (attributes & NOT_SYSTEM) == 0;
    }

    boolean isCode() {
        return !isSystem() && (attributes & CODE) != 0;
    }

    boolean isConforming() {
        return isCode() && (attributes & CONFORMING) != 0;
    }

    boolean isReadable() {
        return !isSystem() && (!isCode() || (attributes & READ_WRITE) != 0);
    }

    boolean isWritableData() {
        return !isSystem() && !isCode() && (attributes & READ_WRITE) != 0;
    }

    /** CS.L: 64-bit code. */
    boolean isLong() {
        return isCode() && (attributes & LONG) != 0;
    }

    /** CS.D: 32-bit code. */
    boolean isDefault32() {
        return (attributes & DEFAULT_SIZE) != 0;
    }

    int dpl() {
        return attributes >>> DPL_SHIFT & 3;
    }

    /** Type of a system descriptor. */
    int systemType() {
        return attributes & 0xf;
    }

    /** Attributes as LAR returns them, from bit 8 on. */
    long accessRights() {
        return (long) (attributes & 0xf0ff) << 8;
    }

    /** What becomes of the first 8 bytes in memory once the segment was accessed. */
    static long accessed(long raw) {
        return raw | (long) ACCESSED << 40;
    }

    /** What becomes of the first 8 bytes in memory of a TSS that TR refers to. */
    static long busy(long raw) {
        return raw | 1L << 41;
    }
}
