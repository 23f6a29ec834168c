package nestor.cpu.arm64;

import static nestor.cpu.arm64.LaneFunction.UNALLOCATED;

/** AdvSIMD two-register miscellaneous and its scalar form (§C4.1.96). */
final class SimdTwoRegister {
    private SimdTwoRegister() {}

    static Op vector(int instruction) {
        int half = instruction >>> 30 & 1;
        boolean full = half == 1;
        int u = instruction >>> 29 & 1;
        int size = instruction >>> 22 & 3;
        int opcode = instruction >>> 12 & 31;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        int key = u << 5 | opcode;
        if (opcode == 0b10110 || opcode == 0b10111) {
            return fpResize(key, size, half, d, n);
        }
        int esize = 8 << size;
        SecondOperand zero = SecondOperand.immediate(0, 64);
        switch (key) {
            case 0b0_10010 -> {
                return size == 3 ? Undefined.OP : new SimdResize.Narrow(esize, half, d, n, 0);
            }
            case 0b1_10011 -> {
                return size == 3 ? Undefined.OP : new SimdResize.Widen(esize, half, d, n, esize);
            }
            case 0b1_10010, 0b0_10100, 0b1_10100 -> {
                return size == 3
                        ? Undefined.OP
                        : new SimdShapes.Narrow(narrow(key), esize, half, d, n, zero);
            }
            default -> {}
        }
        boolean fp = fp(opcode);
        int width = fp ? 32 << (size & 1) : esize;
        WordFunction words = fp ? fpWords(key, size) : words(key, size);
        if (!words.allocated() || width == 64 && !full) {
            return Undefined.OP;
        }
        return new SimdShapes.Same(words, full, d, n, zero);
    }

    static Op scalar(int instruction) {
        int u = instruction >>> 29 & 1;
        int size = instruction >>> 22 & 3;
        int opcode = instruction >>> 12 & 31;
        int n = instruction >>> 5 & 31;
        int d = instruction & 31;
        int key = u << 5 | opcode;
        switch (key) {
            case 0b1_10010, 0b0_10100, 0b1_10100 -> {
                return size == 3
                        ? Undefined.OP
                        : new SimdShapes.ScalarNarrow(narrow(key), 8 << size, d, n, 0);
            }
            case 0b1_10110 -> {
                return size == 1
                        ? new SimdShapes.ScalarNarrow(FpLanes::narrowToOdd, 32, d, n, 0)
                        : Undefined.OP;
            }
            default -> {}
        }
        LaneFunction function;
        int esize;
        if (fp(opcode)) {
            function = scalarFp(key, size >> 1);
            esize = 32 << (size & 1);
        } else {
            function = scalarInteger(key, size);
            esize = 8 << size;
        }
        return !function.allocated()
                ? Undefined.OP
                : new SimdShapes.Same(
                        WordFunction.scalar(function, esize),
                        false,
                        d,
                        n,
                        SecondOperand.immediate(0, 64));
    }

    /** The opcodes whose low size bit selects single or double precision. */
    private static boolean fp(int opcode) {
        return opcode >= 0b01100 && opcode <= 0b01111 || opcode >= 0b11000;
    }

    /** FCVTN, FCVTXN, FCVTL. */
    private static Op fpResize(int key, int size, int half, int d, int n) {
        SecondOperand zero = SecondOperand.immediate(0, 64);
        int esize = 16 << size;
        if (size > 1) {
            return Undefined.OP;
        }
        return switch (key) {
            case 0b0_10110 -> new SimdShapes.Narrow(FpLanes::narrow, esize, half, d, n, zero);
            case 0b1_10110 ->
                    size == 0
                            ? Undefined.OP
                            : new SimdShapes.Narrow(FpLanes::narrowToOdd, esize, half, d, n, zero);
            case 0b0_10111 ->
                    new SimdShapes.Lengthen(FpLanes::widen, false, esize, half, d, n, zero);
            default -> Undefined.OP;
        };
    }

    private static LaneFunction narrow(int key) {
        return switch (key) {
            case 0b0_10100 -> Saturation::narrowSigned;
            case 0b1_10100 -> Saturation::narrowUnsigned;
            default -> Saturation::narrowSignedToUnsigned;
        };
    }

    private static WordFunction words(int key, int size) {
        int esize = 8 << size;
        return switch (key) {
            case 0b0_00000, 0b1_00000, 0b0_00001 -> reverse(key, size);
            case 0b0_00010, 0b1_00010, 0b0_00110, 0b1_00110 ->
                    size == 3 ? WordFunction.UNALLOCATED : addPairs(key, esize);
            case 0b0_00101 -> size == 0 ? SimdWords::countBits : WordFunction.UNALLOCATED;
            case 0b1_00101 ->
                    switch (size) {
                        case 0 -> (_, _, n, _) -> ~n;
                        case 1 -> WordFunction.lanes(IntegerLanes::reverseBits, 8);
                        default -> WordFunction.UNALLOCATED;
                    };
            case 0b0_00100 -> counting(IntegerLanes::countLeadingSigns, size);
            case 0b1_00100 -> counting(IntegerLanes::countLeadingZeros, size);
            case 0b0_01001 -> SimdWords.equalZero(esize);
            default -> {
                LaneFunction function = anySize(key);
                yield !function.allocated()
                        ? WordFunction.UNALLOCATED
                        : WordFunction.lanes(function, esize);
            }
        };
    }

    private static WordFunction counting(LaneFunction function, int size) {
        return size == 3 ? WordFunction.UNALLOCATED : WordFunction.lanes(function, 8 << size);
    }

    /** REV64, REV32, REV16: the order of elements within a container of 64, 32 or 16 bits. */
    private static WordFunction reverse(int key, int size) {
        int containerLog2 =
                switch (key) {
                    case 0b0_00000 -> 3;
                    case 0b1_00000 -> 2;
                    default -> 1;
                };
        if (size >= containerLog2) {
            return WordFunction.UNALLOCATED;
        }
        int esize = 8 << size;
        int container = 8 << containerLog2;
        return (_, _, n, _) -> {
            long result = n;
            for (int width = esize; width < container; width *= 2) {
                long even = Lanes.evenMask(width);
                result = (result & even) << width | result >>> width & even;
            }
            return result;
        };
    }

    /** SADDLP, UADDLP, SADALP, UADALP: results twice as wide as the elements. */
    private static WordFunction addPairs(int key, int esize) {
        LaneFunction function =
                switch (key) {
                    case 0b0_00010 -> (_, e, _, n, _) -> IntegerLanes.addPairSigned(e / 2, n);
                    case 0b1_00010 -> (_, e, _, n, _) -> IntegerLanes.addPairUnsigned(e / 2, n);
                    case 0b0_00110 -> (_, e, d, n, _) -> d + IntegerLanes.addPairSigned(e / 2, n);
                    default -> (_, e, d, n, _) -> d + IntegerLanes.addPairUnsigned(e / 2, n);
                };
        return WordFunction.lanes(function, 2 * esize);
    }

    /** Integer operations for every element size. */
    private static LaneFunction anySize(int key) {
        return switch (key) {
            case 0b0_00011 -> Saturation::accumulateUnsigned;
            case 0b1_00011 -> Saturation::accumulateSigned;
            case 0b0_00111 -> Saturation::absolute;
            case 0b1_00111 -> Saturation::negate;
            case 0b0_01000 -> IntegerLanes::compareGreaterSigned;
            case 0b0_01001 -> IntegerLanes::compareEqual;
            case 0b0_01010 -> IntegerLanes::compareLessSigned;
            case 0b0_01011 -> IntegerLanes::absolute;
            case 0b1_01000 -> IntegerLanes::compareGreaterEqualSigned;
            case 0b1_01001 -> IntegerLanes::compareLessEqualSigned;
            case 0b1_01011 -> IntegerLanes::negate;
            default -> UNALLOCATED;
        };
    }

    private static LaneFunction scalarInteger(int key, int size) {
        boolean saturates =
                switch (key & 31) {
                    case 0b00011, 0b00111 -> true;
                    default -> false;
                };
        return saturates || size == 3 ? anySize(key) : UNALLOCATED;
    }

    private static WordFunction fpWords(int key, int size) {
        LaneFunction function = fpFunction(key, size >> 1);
        boolean estimate = (key & 31) == 0b11100 && size >= 2;
        return !function.allocated() || estimate && size == 3
                ? WordFunction.UNALLOCATED
                : WordFunction.lanes(function, 32 << (size & 1));
    }

    private static LaneFunction scalarFp(int key, int a) {
        return switch (a << 6 | key) {
            case 0b1_0_11111 -> FpLanes::reciprocalExponent;
            case 0b1_0_01111, 0b1_1_01111, 0b1_1_11111 -> UNALLOCATED;
            case 0b1_0_11100, 0b1_1_11100 -> UNALLOCATED;
            case 0b0_0_11000, 0b0_0_11001, 0b0_1_11000, 0b0_1_11001 -> UNALLOCATED;
            case 0b1_0_11000, 0b1_0_11001, 0b1_1_11000, 0b1_1_11001 -> UNALLOCATED;
            default -> fpFunction(key, a);
        };
    }

    /** {@code a}, U, opcode. */
    private static LaneFunction fpFunction(int key, int a) {
        return switch (a << 6 | key) {
            case 0b1_0_01100 -> FpLanes::compareGreater;
            case 0b1_0_01101 -> FpLanes::compareEqual;
            case 0b1_0_01110 -> FpLanes::compareLess;
            case 0b1_0_01111 -> FpLanes::absolute;
            case 0b1_1_01100 -> FpLanes::compareGreaterEqual;
            case 0b1_1_01101 -> FpLanes::compareLessEqual;
            case 0b1_1_01111 -> FpLanes::negate;
            case 0b0_0_11000 -> FpLanes::roundNearest;
            case 0b0_0_11001 -> FpLanes::roundMinus;
            case 0b1_0_11000 -> FpLanes::roundPlus;
            case 0b1_0_11001 -> FpLanes::roundZero;
            case 0b0_1_11000 -> FpLanes::roundAway;
            case 0b0_1_11001 -> FpLanes::roundExact;
            case 0b1_1_11001 -> FpLanes::roundCurrent;
            case 0b0_0_11010 -> FpLanes::toSignedNearest;
            case 0b0_0_11011 -> FpLanes::toSignedMinus;
            case 0b0_0_11100 -> FpLanes::toSignedAway;
            case 0b1_0_11010 -> FpLanes::toSignedPlus;
            case 0b1_0_11011 -> FpLanes::toSignedTowardZero;
            case 0b0_1_11010 -> FpLanes::toUnsignedNearest;
            case 0b0_1_11011 -> FpLanes::toUnsignedMinus;
            case 0b0_1_11100 -> FpLanes::toUnsignedAway;
            case 0b1_1_11010 -> FpLanes::toUnsignedPlus;
            case 0b1_1_11011 -> FpLanes::toUnsignedTowardZero;
            case 0b0_0_11101 -> FpLanes::fromSigned;
            case 0b0_1_11101 -> FpLanes::fromUnsigned;
            case 0b1_0_11100 -> IntegerLanes::reciprocalEstimate;
            case 0b1_1_11100 -> IntegerLanes::reciprocalRootEstimate;
            case 0b1_0_11101 -> FpLanes::reciprocalEstimate;
            case 0b1_1_11101 -> FpLanes::reciprocalRootEstimate;
            case 0b1_1_11111 -> FpLanes::squareRoot;
            default -> UNALLOCATED;
        };
    }
}
