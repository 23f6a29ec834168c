package nestor.cpu.x86;

/**
 * A memory operand's address (1 §3.7.5): base plus scaled index plus displacement. Small: the
 * operands of a path through the kernel are more than a cache holds.
 */
final class Address {
    private static final int NO_OVERRIDE = -1;

    private final byte base;
    private final byte index;
    private final byte scale;
    private final byte segment;

    /** Upper bits of the sum that are not kept. */
    private final byte cut;

    private long displacement;

    /** Whether it goes through the stack segment. */
    final boolean stack;

    /**
     * An address.
     *
     * @param base index in {@link X86Cpu#x}
     * @param index index in {@link X86Cpu#x}
     * @param scale log2 of the factor
     * @param mask what is kept of the sum, by address size
     * @param segment index in {@link X86Cpu#x} of the segment's base
     */
    Address(
            int base,
            int index,
            int scale,
            long displacement,
            long mask,
            int segment,
            boolean stack) {
        this.base = (byte) base;
        this.index = (byte) index;
        this.scale = (byte) scale;
        this.displacement = displacement;
        this.cut = (byte) Long.numberOfLeadingZeros(mask);
        this.segment = (byte) segment;
        this.stack = stack;
    }

    /** The effective address, without the segment's base: what LEA computes. */
    long effective(X86Cpu cpu) {
        long[] x = cpu.x;
        return x[base] + (x[index] << scale) + displacement << cut >>> cut;
    }

    /** The linear address. */
    long of(X86Cpu cpu) {
        long[] x = cpu.x;
        return (x[base] + (x[index] << scale) + displacement << cut >>> cut) + x[segment];
    }

    /** The linear address of the operand's bit string, {@code bytes} further on. */
    long of(X86Cpu cpu, long bytes) {
        return (effective(cpu) + bytes << cut >>> cut) + cpu.x[segment];
    }

    /** Whether it is a register plus {@link #displacement}, 64 bits wide, in no segment. */
    boolean isNear() {
        return index == X86Cpu.ZERO
                && segment == X86Cpu.ZERO
                && cut == 0
                && base != X86Cpu.RIP; // whose displacement is not known yet
    }

    /** Index in {@link X86Cpu#x}. */
    int base() {
        return base;
    }

    long displacement() {
        return displacement;
    }

    /** RIP-relative: the end of the instruction has become known. */
    void relativeTo(int offset) {
        displacement += offset;
    }

    /**
     * Index in {@link X86Cpu#x} of the base to add for a segment register: in 64-bit mode only FS
     * and GS have one (1 §3.4.2.1).
     */
    static int baseOf(int segment, boolean mode64) {
        return mode64 && segment < Segment.FS ? X86Cpu.ZERO : X86Cpu.SEGMENT_BASES + segment;
    }

    /** The segment an override prefix chose, or the default. */
    static int chosen(int override, int otherwise) {
        return override == NO_OVERRIDE ? otherwise : override;
    }
}
