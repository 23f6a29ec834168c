package nestor.cpu.arm64;

/** Where the second operand of an AdvSIMD instruction comes from. */
sealed interface SecondOperand {
    /** The bits for half {@code half} of the vector. */
    long word(long[] v, int half);

    /** A vector register; also what an instruction without second operand is given. */
    record Vector(int base) implements SecondOperand {
        @Override
        public long word(long[] v, int half) {
            return v[base + half];
        }
    }

    /** One element of a register, for every lane ("by element"). */
    record Element(int base, int index, int esize) implements SecondOperand {
        @Override
        public long word(long[] v, int half) {
            return Lanes.replicate(Lanes.get(v, base, index, esize), esize);
        }
    }

    /** An immediate, already in every lane. */
    record Immediate(long bits) implements SecondOperand {
        @Override
        public long word(long[] v, int half) {
            return bits;
        }
    }

    /** Register {@code m}. */
    static SecondOperand vector(int m) {
        return new Vector(2 * m);
    }

    /** The same number in lanes of {@code esize} bits. */
    static SecondOperand immediate(int value, int esize) {
        return new Immediate(Lanes.replicate(value, esize));
    }
}
