package nestor.machine.acpi;

/** A resource template (ACPI 6.4 §6.4): descriptors, and the end tag as it is finished. */
final class Resources {
    /** §6.4.3.5: the range is produced for what is below, with both ends fixed. */
    private static final int WINDOW = 0x0c;

    private static final int MEMORY = 0;
    private static final int IO = 1;
    private static final int BUS = 2;

    /** §6.4.3.5.4, §6.4.3.5.5: writable memory, and the whole of an I/O range. */
    private static final int READ_WRITE = 1;

    private static final int ENTIRE_RANGE = 3;

    private final Bytes descriptors = new Bytes();

    /** §6.4.3.5.3, bus numbers. */
    Resources buses(int first, int last) {
        return word(BUS, 0, first, last);
    }

    /** §6.4.3.5.3, a window of I/O ports. */
    Resources portWindow(int first, int count) {
        return word(IO, ENTIRE_RANGE, first, first + count - 1);
    }

    private Resources word(int type, int specific, int first, int last) {
        descriptors.u8(0x88).u16(0x0d).u8(type).u8(WINDOW).u8(specific);
        descriptors.u16(0).u16(first).u16(last).u16(0).u16(last - first + 1);
        return this;
    }

    /** §6.4.3.5.2, a window of memory below 4 GiB. */
    Resources window32(long base, long bytes) {
        descriptors.u8(0x87).u16(0x17).u8(MEMORY).u8(WINDOW).u8(READ_WRITE);
        descriptors.u32(0).u32(base).u32(base + bytes - 1).u32(0).u32(bytes);
        return this;
    }

    /** §6.4.3.5.1, a window of memory anywhere. */
    Resources window64(long base, long bytes) {
        descriptors.u8(0x8a).u16(0x2b).u8(MEMORY).u8(WINDOW).u8(READ_WRITE);
        descriptors.u64(0).u64(base).u64(base + bytes - 1).u64(0).u64(bytes);
        return this;
    }

    /** §6.4.2.5, I/O ports of a device. */
    Resources ports(int first, int count) {
        descriptors.u8(0x47).u8(1).u16(first).u16(first).u8(1).u8(count);
        return this;
    }

    /** §6.4.3.4, memory of a device. */
    Resources memory32(long base, long bytes) {
        descriptors.u8(0x86).u16(9).u8(READ_WRITE).u32(base).u32(bytes);
        return this;
    }

    /** §6.4.2.1, an edge-triggered interrupt, active high. */
    Resources interrupt(int irq) {
        descriptors.u8(0x22).u16(1L << irq);
        return this;
    }

    /** The buffer, with an end tag that has no checksum (§6.4.2.9). */
    byte[] toAml() {
        return Aml.buffer(new Bytes().bytes(descriptors.toArray()).u8(0x79).u8(0).toArray());
    }
}
