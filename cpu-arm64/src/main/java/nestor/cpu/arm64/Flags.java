package nestor.cpu.arm64;

/**
 * PSTATE condition flags, packed N 8, Z 4, C 2, V 1. A 32-bit operation passes its operands and
 * result shifted up by 32: every flag then comes out of bit 63 the same way.
 */
final class Flags {
    private Flags() {}

    /** Of {@code result = a + b + carry} (§J1.1, AddWithCarry). */
    static int ofAdd(long a, long b, long result) {
        long carry = a & b | (a | b) & ~result;
        long overflow = (a ^ result) & (b ^ result);
        return ofLogical(result) | (int) (carry >>> 62) & 2 | (int) (overflow >>> 63);
    }

    /** Of {@code result = a - b}: C is set if there was no borrow. */
    static int ofSubtract(long a, long b, long result) {
        long noBorrow = a & ~b | (a | ~b) & ~result;
        long overflow = (a ^ b) & (a ^ result);
        return ofLogical(result) | (int) (noBorrow >>> 62) & 2 | (int) (overflow >>> 63);
    }

    /** N and Z of {@code result}; C and V clear. */
    static int ofLogical(long result) {
        return (int) (result >>> 60) & 8 | (result == 0 ? 4 : 0);
    }

    /**
     * The flag values for which a condition holds (§C1.2.4), as a set: bit {@code nzcv} of the
     * result. {@code holding(cond) >>> cpu.nzcv & 1} is one test for any condition.
     */
    static int holding(int condition) {
        int set = 0;
        for (int nzcv = 0; nzcv < 16; nzcv++) {
            if (holds(condition, nzcv)) {
                set |= 1 << nzcv;
            }
        }
        return set;
    }

    private static boolean holds(int condition, int nzcv) {
        boolean n = (nzcv & 8) != 0;
        boolean z = (nzcv & 4) != 0;
        boolean c = (nzcv & 2) != 0;
        boolean v = (nzcv & 1) != 0;
        boolean base =
                switch (condition >>> 1) {
                    case 0b000 -> z;
                    case 0b001 -> c;
                    case 0b010 -> n;
                    case 0b011 -> v;
                    case 0b100 -> c && !z;
                    case 0b101 -> n == v;
                    case 0b110 -> n == v && !z;
                    default -> true;
                };
        boolean invert = (condition & 1) != 0 && condition != 0b1111;
        return base != invert;
    }
}
