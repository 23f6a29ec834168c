package nestor.cpu.arm64;

/** What an AdvSIMD instruction computes for 64 bits of its vectors. */
@FunctionalInterface
interface WordFunction {
    /** Stands in decode tables where the encoding is unallocated; never called. */
    WordFunction UNALLOCATED =
            new WordFunction() {
                @Override
                public long apply(Arm64Cpu cpu, long d, long n, long m) {
                    throw cpu.undefined();
                }

                @Override
                public boolean allocated() {
                    return false;
                }
            };

    /** Computes 64 bits from the old destination, the first and the second operand. */
    long apply(Arm64Cpu cpu, long d, long n, long m);

    /** Whether there is such an instruction. */
    default boolean allocated() {
        return true;
    }

    /** One element after the other; a scalar is the lowest element alone, the rest zero. */
    record PerLane(LaneFunction function, int esize, int bits) implements WordFunction {
        @Override
        public long apply(Arm64Cpu cpu, long d, long n, long m) {
            long mask = Lanes.mask(esize);
            long result = 0;
            for (int shift = 0; shift < bits; shift += esize) {
                long lane =
                        function.apply(
                                cpu,
                                esize,
                                d >>> shift & mask,
                                n >>> shift & mask,
                                m >>> shift & mask);
                result |= (lane & mask) << shift;
            }
            return result;
        }
    }

    /** All elements of a word. */
    static WordFunction lanes(LaneFunction function, int esize) {
        return new PerLane(function, esize, 64);
    }

    /** The lowest element of a word. */
    static WordFunction scalar(LaneFunction function, int esize) {
        return new PerLane(function, esize, esize);
    }
}
