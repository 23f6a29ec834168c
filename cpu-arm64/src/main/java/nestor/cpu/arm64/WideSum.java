package nestor.cpu.arm64;

import nestor.cpu.arm64.Fp.Unpacked;

/**
 * A number of 126 significant bits, enough for an exact product and for one sum rounded as if
 * exact: {@code (high:low) * 2^(exponent - 126)}, bit 62 of {@code high} set unless zero; bit 0 of
 * {@code low} also stands for anything below it.
 */
record WideSum(boolean negative, int exponent, long high, long low) {
    static WideSum of(boolean negative, int exponent, long high, long low) {
        return new WideSum(negative, exponent, high, low);
    }

    /** The exact product; zero if either factor is. */
    static WideSum product(boolean negative, Unpacked x, Unpacked y) {
        if (x.isZero() || y.isZero()) {
            return new WideSum(negative, 0, 0, 0);
        }
        long high = Math.multiplyHigh(x.significand(), y.significand());
        long low = x.significand() * y.significand();
        int exponent = x.exponent() + y.exponent();
        return high >>> 61 != 0
                ? new WideSum(negative, exponent + 1, high << 1 | low >>> 63, low << 1)
                : new WideSum(negative, exponent, high << 2 | low >>> 62, low << 2);
    }

    private boolean isZero() {
        return high == 0;
    }

    WideSum plus(boolean otherNegative, int otherExponent, long otherHigh, long otherLow) {
        WideSum other = new WideSum(otherNegative, otherExponent, otherHigh, otherLow);
        if (other.isZero()) {
            return isZero() && negative != otherNegative ? new WideSum(false, 0, 0, 0) : this;
        }
        if (isZero()) {
            return other;
        }
        boolean larger = compareMagnitude(other) >= 0;
        return larger ? plusSmaller(other) : other.plusSmaller(this);
    }

    private int compareMagnitude(WideSum other) {
        if (exponent != other.exponent) {
            return Integer.compare(exponent, other.exponent);
        }
        return high != other.high
                ? Long.compare(high, other.high)
                : Long.compareUnsigned(low, other.low);
    }

    private WideSum plusSmaller(WideSum smaller) {
        WideSum aligned = smaller.shiftRight(exponent - smaller.exponent);
        if (negative == smaller.negative) {
            long sumLow = low + aligned.low;
            long carry = Long.compareUnsigned(sumLow, low) < 0 ? 1 : 0;
            WideSum sum = new WideSum(negative, exponent, high + aligned.high + carry, sumLow);
            return sum.high < 0 ? sum.shiftRight(1) : sum;
        }
        long borrow = Long.compareUnsigned(low, aligned.low) < 0 ? 1 : 0;
        return new WideSum(negative, exponent, high - aligned.high - borrow, low - aligned.low)
                .normalize();
    }

    /** The same number with a higher exponent; what falls off is kept in bit 0. */
    private WideSum shiftRight(int distance) {
        int raised = exponent + distance;
        if (distance == 0) {
            return this;
        }
        if (distance < 64) {
            long lost = low << (64 - distance) != 0 ? 1 : 0;
            long shiftedLow = low >>> distance | high << (64 - distance) | lost;
            return new WideSum(negative, raised, high >>> distance, shiftedLow);
        }
        if (distance < 128) {
            int rest = distance - 64;
            long lost = (rest == 0 ? 0 : high << (64 - rest)) | low;
            return new WideSum(negative, raised, 0, high >>> rest | (lost != 0 ? 1 : 0));
        }
        return new WideSum(negative, raised, 0, 1);
    }

    private WideSum normalize() {
        if (high == 0 && low == 0) {
            return new WideSum(false, 0, 0, 0);
        }
        if (high == 0) {
            int distance = Long.numberOfLeadingZeros(low) - 1;
            long top = distance < 0 ? low >>> 1 : low << distance;
            long bottom = distance < 0 ? low << 63 : 0;
            return new WideSum(negative, exponent - 64 - distance, top, bottom);
        }
        int distance = Long.numberOfLeadingZeros(high) - 1;
        return distance == 0
                ? this
                : new WideSum(
                        negative,
                        exponent - distance,
                        high << distance | low >>> (64 - distance),
                        low << distance);
    }

    /**
     * Rounds by FPCR. A zero that is not a sum of zeros of one sign is negative only when rounding
     * toward minus infinity.
     */
    long round(Arm64Cpu cpu, FpFormat format, int exponentOffset) {
        int mode = Fp.roundingMode(cpu);
        if (isZero()) {
            return format.zero(mode == Fp.MINUS_INFINITY);
        }
        long significand = high | (low != 0 ? 1 : 0);
        return Fp.round(cpu, format, negative, exponent + exponentOffset, significand, mode);
    }
}
