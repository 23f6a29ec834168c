package nestor.cpu.x86;

/** The two-byte opcode map, 0F (2D, table A-3). */
final class TwoByteOpcodes {
    private TwoByteOpcodes() {}

    static Op decode(Instruction in) throws Instruction.Truncated {
        in.opcode = in.nextByte();
        return switch (in.opcode >>> 4) {
            case 0x0 -> system(in);
            case 0x1 -> hints(in);
            case 0x2 -> in.opcode < 0x24 ? ControlRegisterMoves.of(in) : Floating.twoByte(in);
            case 0x3 -> third(in);
            case 0x4 -> Conditional.move(in);
            case 0x8 -> Branches.conditional(in, 4);
            case 0x9 -> Conditional.set(in);
            case 0xa -> shiftsAndBits(in);
            case 0xb -> bits(in);
            case 0xc -> exchanges(in);
            default -> Floating.twoByte(in);
        };
    }

    /** 00-0F. */
    private static Op system(Instruction in) throws Instruction.Truncated {
        return switch (in.opcode) {
            case 0x00 -> SegmentOps.group6(in);
            case 0x01 -> SystemOps.group7(in);
            case 0x02, 0x03 -> SegmentOps.rightsOrLimit(in);
            case 0x05 -> SystemCalls.enter(in);
            case 0x06 -> SystemOps.clearTaskSwitched();
            case 0x07 -> SystemCalls.leave(in);
            case 0x08, 0x09 -> SystemOps.cache();
            case 0x0d -> withModRm(in);
            default -> Undefined.OP;
        };
    }

    /** 10-1F: SSE moves; prefetches and hints, ENDBR64 among them, that do nothing. */
    private static Op hints(Instruction in) throws Instruction.Truncated {
        return in.opcode < 0x18 ? Floating.twoByte(in) : withModRm(in);
    }

    private static Op withModRm(Instruction in) throws Instruction.Truncated {
        in.modRm();
        return Nop.OP;
    }

    /** 30-3F. */
    private static Op third(Instruction in) throws Instruction.Truncated {
        return switch (in.opcode) {
            case 0x30, 0x31, 0x32, 0x33 -> ModelSpecific.of(in);
            case 0x38, 0x3a -> ThreeByteOpcodes.decode(in);
            default -> Undefined.OP;
        };
    }

    /** A0-AF. */
    private static Op shiftsAndBits(Instruction in) throws Instruction.Truncated {
        return switch (in.opcode) {
            case 0xa0, 0xa1, 0xa8, 0xa9 -> SegmentOps.pushOrPop(in);
            case 0xa2 -> ModelSpecific.of(in);
            case 0xa3, 0xab -> Bits.byRegister(in);
            case 0xa4, 0xa5, 0xac, 0xad -> Shifts.doubleShift(in);
            case 0xae -> SystemOps.group15(in);
            case 0xaf -> MultiplyAndDivide.twoOperands(in);
            default -> Undefined.OP;
        };
    }

    /** B0-BF. */
    private static Op bits(Instruction in) throws Instruction.Truncated {
        return switch (in.opcode) {
            case 0xb0, 0xb1 -> Exchange.cmpxchg(in);
            case 0xb2, 0xb4, 0xb5 -> SegmentOps.loadFar(in);
            case 0xb3, 0xbb -> Bits.byRegister(in);
            case 0xb6, 0xb7 -> Moves.extend(in, in.opcode == 0xb6 ? 1 : 2, false);
            case 0xb8 -> in.repeat == Instruction.REP ? Bits.count(in) : Undefined.OP;
            case 0xba -> Bits.byImmediate(in);
            case 0xbc, 0xbd -> Bits.scan(in);
            case 0xbe, 0xbf -> Moves.extend(in, in.opcode == 0xbe ? 1 : 2, true);
            default -> Undefined.OP;
        };
    }

    /** C0-CF. */
    private static Op exchanges(Instruction in) throws Instruction.Truncated {
        if (in.opcode >= 0xc8) {
            return Moves.byteSwap(in);
        }
        return switch (in.opcode) {
            case 0xc0, 0xc1 -> Exchange.xadd(in);
            case 0xc3 -> nonTemporal(in);
            case 0xc7 -> {
                in.modRm();
                yield switch (in.extension()) {
                    case 1 -> Exchange.cmpxchgPair(in);
                    case 3, 5 -> saveSupervisor(in);
                    default -> Undefined.OP;
                };
            }
            default -> Floating.twoByte(in);
        };
    }

    /** XRSTORS and XSAVES. */
    private static Op saveSupervisor(Instruction in) {
        boolean prefixed = in.operandPrefix || in.repeat != Instruction.NO_REPEAT;
        return in.isRegister() || prefixed
                ? Undefined.OP
                : XsaveState.of(in, in.extension() == 3, true);
    }

    /** MOVNTI: a store without a hint. */
    private static Op nonTemporal(Instruction in) throws Instruction.Truncated {
        in.modRm();
        if (in.isRegister() || in.operandPrefix || in.repeat != Instruction.NO_REPEAT) {
            return Undefined.OP;
        }
        return MemoryMoves.store(in);
    }
}
