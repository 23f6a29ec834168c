package nestor.cpu.x86;

import java.util.function.LongBinaryOperator;

/** Opcodes of the two-byte map that are MMX or SSE (2D, table A-3), by their mandatory prefix. */
final class SseOpcodes {
    private SseOpcodes() {}

    static Op decode(Instruction in) throws Instruction.Truncated {
        if (in.opcode == 0x77) {
            return new EmptyMmx();
        }
        in.modRm();
        return switch (in.opcode >>> 4) {
            case 0x1 -> first(in);
            case 0x5 -> fifth(in);
            case 0x2 -> second(in);
            case 0x6, 0x7 -> sixth(in);
            case 0xc -> twelfth(in);
            case 0xd, 0xe, 0xf -> last(in);
            default -> Undefined.OP;
        };
    }

    private static boolean repeats(Instruction in) {
        return in.repeat != Instruction.NO_REPEAT;
    }

    /** 10-17. */
    private static Op first(Instruction in) {
        if (in.opcode < 0x12) {
            return SseMoves.unalignedOrScalar(in);
        }
        if (repeats(in)) {
            return Undefined.OP;
        }
        return switch (in.opcode) {
            case 0x14, 0x15 -> PackedShuffles.unpackFloats(in);
            default -> SseMoves.half(in);
        };
    }

    /** 28-2F. */
    private static Op second(Instruction in) {
        switch (in.opcode) {
            case 0x2a -> {
                return SseConversions.fromInteger(in);
            }
            case 0x2c, 0x2d -> {
                return SseConversions.toInteger(in);
            }
            default -> {
                if (repeats(in)) {
                    return Undefined.OP;
                }
            }
        }
        return switch (in.opcode) {
            case 0x2e, 0x2f -> SseArithmetic.compareToFlags(in);
            case 0x28, 0x29 -> SseMoves.whole(in);
            case 0x2b -> SseMoves.nonTemporal(in, false);
            default -> Undefined.OP;
        };
    }

    /** 50-5F. */
    private static Op fifth(Instruction in) throws Instruction.Truncated {
        switch (in.opcode) {
            case 0x51, 0x52, 0x53, 0x58, 0x59, 0x5c, 0x5d, 0x5e, 0x5f -> {
                return SseArithmetic.of(in);
            }
            case 0x5a -> {
                return SseConversions.betweenFormats(in);
            }
            case 0x5b -> {
                return SseConversions.singlesAndIntegers(in);
            }
            default -> {
                if (repeats(in)) {
                    return Undefined.OP;
                }
            }
        }
        return switch (in.opcode) {
            case 0x50 -> PackedShuffles.signMask(in);
            case 0x54 -> lanes(in, 0xdb);
            case 0x55 -> lanes(in, 0xdf);
            case 0x56 -> lanes(in, 0xeb);
            case 0x57 -> lanes(in, 0xef);
            default -> Undefined.OP;
        };
    }

    /** 60-7F. */
    private static Op sixth(Instruction in) throws Instruction.Truncated {
        boolean mmx = !in.operandPrefix;
        if (in.opcode == 0x70) {
            return PackedShuffles.shuffle(in);
        }
        if (repeats(in)) {
            boolean rep = in.repeat == Instruction.REP;
            return switch (in.opcode) {
                case 0x6f, 0x7f -> rep ? SseMoves.whole(in) : Undefined.OP;
                case 0x7e -> rep ? SseMoves.loadQuadword(in) : Undefined.OP;
                default -> Undefined.OP;
            };
        }
        return switch (in.opcode) {
            case 0x6c, 0x6d -> mmx ? Undefined.OP : PackedShuffles.packOrUnpack(in, false);
            case 0x60, 0x61, 0x62, 0x63, 0x67, 0x68, 0x69, 0x6a, 0x6b ->
                    PackedShuffles.packOrUnpack(in, mmx);
            case 0x6e -> SseMoves.fromGeneral(in, mmx);
            case 0x7e -> SseMoves.toGeneral(in, mmx);
            case 0x6f, 0x7f -> mmx ? SseMoves.mmx(in) : SseMoves.whole(in);
            case 0x71, 0x72, 0x73 -> PackedShifts.byImmediate(in, mmx);
            default -> lanes(in, in.opcode);
        };
    }

    /** C2-C6. */
    private static Op twelfth(Instruction in) throws Instruction.Truncated {
        if (in.opcode == 0xc2) {
            return SseArithmetic.of(in);
        }
        if (repeats(in)) {
            return Undefined.OP;
        }
        boolean mmx = !in.operandPrefix;
        return switch (in.opcode) {
            case 0xc4 -> PackedShuffles.insertWord(in, mmx);
            case 0xc5 -> PackedShuffles.extractWord(in, mmx);
            case 0xc6 -> PackedShuffles.shuffleFloats(in);
            default -> Undefined.OP;
        };
    }

    /** D0-FF. */
    private static Op last(Instruction in) {
        boolean mmx = !in.operandPrefix;
        if (in.opcode == 0xe6) {
            return SseConversions.doublesAndIntegers(in);
        }
        if (repeats(in)) {
            return in.opcode == 0xd6 ? SseMoves.betweenMmxAndXmm(in) : Undefined.OP;
        }
        return switch (in.opcode) {
            case 0xd1, 0xd2, 0xd3, 0xe1, 0xe2, 0xf1, 0xf2, 0xf3 -> PackedShifts.byOperand(in, mmx);
            case 0xd6 -> mmx ? Undefined.OP : SseMoves.storeQuadword(in);
            case 0xd7 -> PackedShuffles.byteMask(in, mmx);
            case 0xe7 -> SseMoves.nonTemporal(in, mmx);
            case 0xf7 -> SseMoves.masked(in, mmx);
            default -> lanes(in, in.opcode);
        };
    }

    /** An instruction that treats quadwords alike; without 66 of MMX, if it is one at all. */
    private static Op lanes(Instruction in, int integerOpcode) {
        LongBinaryOperator kernel = PackedInteger.of(integerOpcode);
        if (kernel == null) {
            return Undefined.OP;
        }
        boolean mmx = !in.operandPrefix && in.opcode >= 0x60;
        return mmx
                ? new SseOp.Mmx(
                        (cpu, d, s) ->
                                cpu.vector[d] = kernel.applyAsLong(cpu.vector[d], cpu.vector[s]),
                        XmmOperand.regMm(in),
                        XmmOperand.rmMm(in, 8),
                        true)
                : new SseOp.Lanes(kernel, XmmOperand.reg(in), XmmOperand.rm(in, 16));
    }

    private static final class EmptyMmx extends SseOp {
        @Override
        void check(X86Cpu cpu) {
            checkMmx(cpu);
        }

        @Override
        void run(X86Cpu cpu) {
            cpu.x87.leaveMmx();
        }
    }
}
