package nestor.cpu.arm64;

/**
 * Integer arithmetic on one element (the pseudocode of §C7.2). Operands are zero-extended; results
 * may have any bits above the element.
 */
final class IntegerLanes {
    private IntegerLanes() {}

    /** All ones, or zero. */
    static long truth(boolean condition) {
        return condition ? -1 : 0;
    }

    static long halvingAddSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Lanes.signed(n, e) + Lanes.signed(m, e) >> 1;
    }

    static long halvingAddUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n + m >> 1;
    }

    static long roundingHalvingAddSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Lanes.signed(n, e) + Lanes.signed(m, e) + 1 >> 1;
    }

    static long roundingHalvingAddUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n + m + 1 >> 1;
    }

    static long halvingSubtractSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Lanes.signed(n, e) - Lanes.signed(m, e) >> 1;
    }

    static long halvingSubtractUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n - m >> 1;
    }

    static long maxSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Math.max(Lanes.signed(n, e), Lanes.signed(m, e));
    }

    static long maxUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Math.max(n, m);
    }

    static long minSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Math.min(Lanes.signed(n, e), Lanes.signed(m, e));
    }

    static long minUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Math.min(n, m);
    }

    static long differenceSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Math.abs(Lanes.signed(n, e) - Lanes.signed(m, e));
    }

    static long differenceUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Math.abs(n - m);
    }

    static long accumulateDifferenceSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return d + differenceSigned(cpu, e, d, n, m);
    }

    static long accumulateDifferenceUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return d + differenceUnsigned(cpu, e, d, n, m);
    }

    static long compareGreaterSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return truth(Lanes.signed(n, e) > Lanes.signed(m, e));
    }

    static long compareGreaterEqualSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return truth(Lanes.signed(n, e) >= Lanes.signed(m, e));
    }

    static long compareHigher(Arm64Cpu cpu, int e, long d, long n, long m) {
        return truth(Long.compareUnsigned(n, m) > 0);
    }

    static long compareHigherSame(Arm64Cpu cpu, int e, long d, long n, long m) {
        return truth(Long.compareUnsigned(n, m) >= 0);
    }

    static long compareTest(Arm64Cpu cpu, int e, long d, long n, long m) {
        return truth((n & m) != 0);
    }

    static long compareEqual(Arm64Cpu cpu, int e, long d, long n, long m) {
        return truth(n == m);
    }

    static long compareLessSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return truth(Lanes.signed(n, e) < Lanes.signed(m, e));
    }

    static long compareLessEqualSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return truth(Lanes.signed(n, e) <= Lanes.signed(m, e));
    }

    static long add(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n + m;
    }

    static long subtract(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n - m;
    }

    static long multiply(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n * m;
    }

    static long multiplyAdd(Arm64Cpu cpu, int e, long d, long n, long m) {
        return d + n * m;
    }

    static long multiplySubtract(Arm64Cpu cpu, int e, long d, long n, long m) {
        return d - n * m;
    }

    /** Product of two polynomials over GF(2) of degree below 8. */
    static long polynomialMultiply(Arm64Cpu cpu, int e, long d, long n, long m) {
        long product = 0;
        for (int i = 0; i < 8; i++) {
            product ^= (m >>> i & 1) * (n << i);
        }
        return product;
    }

    static long absolute(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Math.abs(Lanes.signed(n, e));
    }

    static long negate(Arm64Cpu cpu, int e, long d, long n, long m) {
        return -n;
    }

    static long countLeadingZeros(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Long.numberOfLeadingZeros(n) - (64L - e);
    }

    static long countLeadingSigns(Arm64Cpu cpu, int e, long d, long n, long m) {
        long value = Lanes.signed(n, e);
        return Long.numberOfLeadingZeros(value ^ value >> 63) - (64L - e) - 1;
    }

    static long countBits(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Long.bitCount(n);
    }

    static long reverseBits(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Long.reverse(n) >>> (64 - e);
    }

    /** SADDW, and SADDL with the first operand extended. */
    static long addWideSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n + Lanes.signed(m, e);
    }

    static long subtractWideSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n - Lanes.signed(m, e);
    }

    static long addLongSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Lanes.signed(n, e) + Lanes.signed(m, e);
    }

    static long subtractLongSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Lanes.signed(n, e) - Lanes.signed(m, e);
    }

    static long multiplyLongSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Lanes.signed(n, e) * Lanes.signed(m, e);
    }

    static long multiplyAddLongSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return d + Lanes.signed(n, e) * Lanes.signed(m, e);
    }

    static long multiplySubtractLongSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return d - Lanes.signed(n, e) * Lanes.signed(m, e);
    }

    static long addHighNarrow(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n + m >>> e;
    }

    static long roundingAddHighNarrow(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n + m + (1L << (e - 1)) >>> e;
    }

    static long subtractHighNarrow(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n - m >>> e;
    }

    static long roundingSubtractHighNarrow(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n - m + (1L << (e - 1)) >>> e;
    }

    /** SADDLP on an element pair: {@code e} is the width of each half of {@code n}. */
    static long addPairSigned(int e, long n) {
        return Lanes.signed(n, e) + Lanes.signed(n >>> e, e);
    }

    static long addPairUnsigned(int e, long n) {
        return (n & Lanes.mask(e)) + (n >>> e & Lanes.mask(e));
    }

    /** URECPE (§J1 UnsignedRecipEstimate). */
    static long reciprocalEstimate(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n >>> 31 == 0 ? -1 : (long) FpEstimate.reciprocal((int) (n >>> 23)) << 23;
    }

    /** URSQRTE (§J1 UnsignedRSqrtEstimate). */
    static long reciprocalRootEstimate(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n >>> 30 == 0 ? -1 : (long) FpEstimate.reciprocalRoot((int) (n >>> 23)) << 23;
    }
}
