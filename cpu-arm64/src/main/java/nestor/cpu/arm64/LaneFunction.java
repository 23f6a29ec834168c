package nestor.cpu.arm64;

/** What an AdvSIMD instruction computes for one element. */
@FunctionalInterface
interface LaneFunction {
    /** Stands in decode tables where the encoding is unallocated; never called. */
    LaneFunction UNALLOCATED =
            new LaneFunction() {
                @Override
                public long apply(Arm64Cpu cpu, int esize, long d, long n, long m) {
                    throw cpu.undefined();
                }

                @Override
                public boolean allocated() {
                    return false;
                }
            };

    /**
     * Computes one element.
     *
     * @param esize bits of the (narrower) source or destination element
     * @param d the destination's old element, zero-extended as are the others
     * @param n the first operand
     * @param m the second operand: an element, or an immediate
     * @return the new element; bits above its size are ignored
     */
    long apply(Arm64Cpu cpu, int esize, long d, long n, long m);

    /** Whether there is such an instruction. */
    default boolean allocated() {
        return true;
    }
}
