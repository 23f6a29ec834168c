package nestor.cpu.arm64;

import nestor.cpu.arm64.Fp.Unpacked;

/** Comparisons, maximum and minimum (§J1 FPCompare, FPMax, FPMaxNum ...). */
final class FpCompare {
    /** Results as NZCV, N in bit 3. */
    static final int UNORDERED = 0b0011;

    static final int LESS = 0b1000;
    static final int EQUAL = 0b0110;
    static final int GREATER = 0b0010;

    private FpCompare() {}

    /**
     * FPCompare, of single or double precision.
     *
     * @param signalling whether a quiet NaN is invalid too
     */
    static int compare(Arm64Cpu cpu, FpFormat format, long a, long b, boolean signalling) {
        if ((cpu.fpcr & Fp.FZ) == 0) {
            int flags = format.bits() == 64 ? compareDouble(a, b) : compareSingle(a, b);
            if (flags != UNORDERED) {
                return flags;
            }
        }
        Unpacked x = Fp.unpack(cpu, format, a);
        Unpacked y = Fp.unpack(cpu, format, b);
        if (x.isNan() || y.isNan()) {
            if (signalling || format.isSignallingNan(a) || format.isSignallingNan(b)) {
                cpu.fpsr |= Fp.IOC;
            }
            return UNORDERED;
        }
        int order = Long.compare(ordered(format, x, a), ordered(format, y, b));
        return order == 0 ? EQUAL : order < 0 ? LESS : GREATER;
    }

    private static int compareDouble(long a, long b) {
        double x = Double.longBitsToDouble(a);
        double y = Double.longBitsToDouble(b);
        return x == y ? EQUAL : x < y ? LESS : x > y ? GREATER : UNORDERED;
    }

    private static int compareSingle(long a, long b) {
        float x = Float.intBitsToFloat((int) a);
        float y = Float.intBitsToFloat((int) b);
        return x == y ? EQUAL : x < y ? LESS : x > y ? GREATER : UNORDERED;
    }

    /** A number that orders as the floating-point number does; zeros are equal. */
    private static long ordered(FpFormat format, Unpacked x, long number) {
        if (x.isZero()) {
            return 0;
        }
        long magnitude = number & ~format.signBit();
        return x.negative() ? -magnitude : magnitude;
    }

    /** FPMax. */
    static long max(Arm64Cpu cpu, FpFormat format, long a, long b) {
        return choose(cpu, format, a, b, true);
    }

    /** FPMin. */
    static long min(Arm64Cpu cpu, FpFormat format, long a, long b) {
        return choose(cpu, format, a, b, false);
    }

    /** FPMaxNum: a quiet NaN loses against a number. */
    static long maxNumber(Arm64Cpu cpu, FpFormat format, long a, long b) {
        return chooseNumber(cpu, format, a, b, true);
    }

    /** FPMinNum. */
    static long minNumber(Arm64Cpu cpu, FpFormat format, long a, long b) {
        return chooseNumber(cpu, format, a, b, false);
    }

    private static long chooseNumber(
            Arm64Cpu cpu, FpFormat format, long a, long b, boolean largest) {
        boolean aQuiet = format.isNan(a) && !format.isSignallingNan(a);
        boolean bQuiet = format.isNan(b) && !format.isSignallingNan(b);
        long loser = format.infinity(largest);
        if (aQuiet && !bQuiet) {
            return choose(cpu, format, loser, b, largest);
        }
        return choose(cpu, format, a, bQuiet && !aQuiet ? loser : b, largest);
    }

    private static long choose(Arm64Cpu cpu, FpFormat format, long a, long b, boolean largest) {
        Unpacked x = Fp.unpack(cpu, format, a);
        Unpacked y = Fp.unpack(cpu, format, b);
        if (x.isNan() || y.isNan()) {
            return Fp.processNans(cpu, format, a, b);
        }
        if (x.isZero() && y.isZero()) {
            boolean both = x.negative() && y.negative();
            boolean either = x.negative() || y.negative();
            return format.zero(largest ? both : either);
        }
        boolean greater = ordered(format, x, a) > ordered(format, y, b);
        boolean first = greater == largest;
        Unpacked chosen = first ? x : y;
        long number = first ? a : b;
        return chosen.isZero() ? format.zero(chosen.negative()) : number;
    }
}
