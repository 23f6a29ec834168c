package nestor.cpu.arm64;

/** Shifts of one element, by register or by an immediate passed as the second operand. */
final class ShiftLanes {
    private ShiftLanes() {}

    /** Right by 1 or more; anything above the width of the value is allowed. */
    private static long rightSigned(long value, int shift) {
        return value >> Math.min(shift, 63);
    }

    private static long rightUnsigned(long value, int shift) {
        return shift > 63 ? 0 : value >>> shift;
    }

    /** Right by 1 or more with half a unit added first, at infinite precision. */
    private static long roundRightSigned(long value, int shift) {
        return shift > 63 ? 0 : (value >> shift) + (value >> (shift - 1) & 1);
    }

    private static long roundRightUnsigned(long value, int shift) {
        if (shift > 63) {
            return shift == 64 ? value >>> 63 : 0;
        }
        return (value >>> shift) + (value >>> (shift - 1) & 1);
    }

    private static long left(long value, int shift) {
        return shift > 63 ? 0 : value << shift;
    }

    // By register: the low byte of m is the distance, negative is to the right.

    static long registerSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        int shift = (byte) m;
        long value = Lanes.signed(n, e);
        return shift >= 0 ? left(value, shift) : rightSigned(value, -shift);
    }

    static long registerUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        int shift = (byte) m;
        return shift >= 0 ? left(n, shift) : rightUnsigned(n, -shift);
    }

    static long registerRoundingSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        int shift = (byte) m;
        long value = Lanes.signed(n, e);
        return shift >= 0 ? left(value, shift) : roundRightSigned(value, -shift);
    }

    static long registerRoundingUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        int shift = (byte) m;
        return shift >= 0 ? left(n, shift) : roundRightUnsigned(n, -shift);
    }

    static long registerSaturatingSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        int shift = (byte) m;
        long value = Lanes.signed(n, e);
        return shift >= 0
                ? Saturation.shiftLeftSigned(cpu, e, value, shift)
                : rightSigned(value, -shift);
    }

    static long registerSaturatingUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        int shift = (byte) m;
        return shift >= 0
                ? Saturation.shiftLeftUnsigned(cpu, e, n, shift)
                : rightUnsigned(n, -shift);
    }

    static long registerSaturatingRoundingSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        int shift = (byte) m;
        long value = Lanes.signed(n, e);
        return shift >= 0
                ? Saturation.shiftLeftSigned(cpu, e, value, shift)
                : roundRightSigned(value, -shift);
    }

    static long registerSaturatingRoundingUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        int shift = (byte) m;
        return shift >= 0
                ? Saturation.shiftLeftUnsigned(cpu, e, n, shift)
                : roundRightUnsigned(n, -shift);
    }

    // By immediate: m is the distance, 1 to e to the right or 0 to e-1 to the left.

    static long rightSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return rightSigned(Lanes.signed(n, e), (int) m);
    }

    static long rightUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return rightUnsigned(n, (int) m);
    }

    static long roundRightSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return roundRightSigned(Lanes.signed(n, e), (int) m);
    }

    static long roundRightUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return roundRightUnsigned(n, (int) m);
    }

    static long accumulateRightSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return d + rightSigned(cpu, e, d, n, m);
    }

    static long accumulateRightUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return d + rightUnsigned(cpu, e, d, n, m);
    }

    static long accumulateRoundRightSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return d + roundRightSigned(cpu, e, d, n, m);
    }

    static long accumulateRoundRightUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return d + roundRightUnsigned(cpu, e, d, n, m);
    }

    static long left(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n << m;
    }

    /** SRI: the bits shifted in stay the destination's. */
    static long insertRight(Arm64Cpu cpu, int e, long d, long n, long m) {
        long inserted = m == 64 ? 0 : Lanes.mask(e) >>> m;
        return d & ~inserted | rightUnsigned(n, (int) m);
    }

    /** SLI. */
    static long insertLeft(Arm64Cpu cpu, int e, long d, long n, long m) {
        long inserted = -1L << m;
        return d & ~inserted | n << m;
    }

    static long saturatingLeftSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Saturation.shiftLeftSigned(cpu, e, Lanes.signed(n, e), (int) m);
    }

    static long saturatingLeftUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Saturation.shiftLeftUnsigned(cpu, e, n, (int) m);
    }

    /** SSHLL. */
    static long longLeftSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Lanes.signed(n, e) << m;
    }

    // Narrowing, by immediate: n has 2e bits.

    static long narrowRight(Arm64Cpu cpu, int e, long d, long n, long m) {
        return n >>> m;
    }

    static long narrowRoundRight(Arm64Cpu cpu, int e, long d, long n, long m) {
        return roundRightUnsigned(n, (int) m);
    }

    static long narrowSaturatingSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Saturation.signed(cpu, Lanes.signed(n, 2 * e) >> m, e);
    }

    static long narrowSaturatingRoundingSigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Saturation.signed(cpu, roundRightSigned(Lanes.signed(n, 2 * e), (int) m), e);
    }

    static long narrowSaturatingUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Saturation.narrowUnsigned(cpu, e, d, n >>> m, 0);
    }

    static long narrowSaturatingRoundingUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Saturation.narrowUnsigned(cpu, e, d, roundRightUnsigned(n, (int) m), 0);
    }

    static long narrowSaturatingSignedToUnsigned(Arm64Cpu cpu, int e, long d, long n, long m) {
        return Saturation.unsigned(cpu, Lanes.signed(n, 2 * e) >> m, e);
    }

    static long narrowSaturatingRoundingSignedToUnsigned(
            Arm64Cpu cpu, int e, long d, long n, long m) {
        return Saturation.unsigned(cpu, roundRightSigned(Lanes.signed(n, 2 * e), (int) m), e);
    }
}
