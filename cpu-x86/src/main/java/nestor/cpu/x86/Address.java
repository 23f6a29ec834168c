package nestor.cpu.x86;

/** A memory operand's address (1 §3.7.5): base plus scaled index plus displacement. */
final class Address {
    private static final int NO_OVERRIDE = -1;

    private final int base;
    private final int index;
    private final int scale;
    private long displacement;
    private final long mask;
    private final int segment;

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
        this.base = base;
        this.index = index;
        this.scale = scale;
        this.displacement = displacement;
        this.mask = mask;
        this.segment = segment;
        this.stack = stack;
    }

    /** The effective address, without the segment's base: what LEA computes. */
    long effective(X86Cpu cpu) {
        long[] x = cpu.x;
        return x[base] + (x[index] << scale) + displacement & mask;
    }

    /** The linear address. */
    long of(X86Cpu cpu) {
        long[] x = cpu.x;
        return (x[base] + (x[index] << scale) + displacement & mask) + x[segment];
    }

    /** The linear address of the operand's bit string, {@code bytes} further on. */
    long of(X86Cpu cpu, long bytes) {
        return (effective(cpu) + bytes & mask) + cpu.x[segment];
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
