package nestor.cpu.arm64;

/** What an AdvSIMD instruction computes for 64 bits of its vectors. */
@FunctionalInterface
interface WordFunction {
    /** Computes 64 bits from the old destination, the first and the second operand. */
    long apply(Arm64Cpu cpu, long d, long n, long m);

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
