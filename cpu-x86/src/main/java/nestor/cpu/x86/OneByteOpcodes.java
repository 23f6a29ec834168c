package nestor.cpu.x86;

/** The one-byte opcode map (2D, table A-2). */
final class OneByteOpcodes {
    private OneByteOpcodes() {}

    static Op decode(Instruction in) throws Instruction.Truncated {
        return switch (in.opcode >>> 6) {
            case 0 -> first(in);
            case 1 -> second(in);
            case 2 -> third(in);
            default -> fourth(in);
        };
    }

    /** 00-3F: arithmetic, and what was put between. */
    private static Op first(Instruction in) throws Instruction.Truncated {
        if (in.opcode == 0x0f) {
            return TwoByteOpcodes.decode(in);
        }
        if ((in.opcode & 7) < 6) {
            return Alu.oneByte(in);
        }
        return in.mode64 ? Undefined.OP : SegmentOps.legacy(in);
    }

    /** 40-7F. */
    private static Op second(Instruction in) throws Instruction.Truncated {
        return switch (in.opcode) {
            case 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47 -> IncrementAndNegate.register(in);
            case 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f -> IncrementAndNegate.register(in);
            case 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57 -> Stack.pushRegister(in);
            case 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x5d, 0x5e, 0x5f -> Stack.popRegister(in);
            case 0x63 -> in.mode64 ? Moves.extend(in, Math.min(in.operandBytes, 4), true) : Undefined.OP;
            case 0x68, 0x6a -> Stack.pushImmediate(in);
            case 0x69, 0x6b -> MultiplyAndDivide.threeOperands(in);
            case 0x6c, 0x6d, 0x6e, 0x6f -> Strings.of(in);
            default -> in.opcode >= 0x70 ? Branches.conditional(in, 1) : Undefined.OP;
        };
    }

    /** 80-BF. */
    private static Op third(Instruction in) throws Instruction.Truncated {
        return switch (in.opcode) {
            case 0x80, 0x81, 0x83 -> Alu.group1(in);
            case 0x82 -> Undefined.OP;
            case 0x84, 0x85, 0xa8, 0xa9 -> Alu.test(in);
            case 0x86, 0x87 -> Exchange.xchg(in);
            case 0x88, 0x89, 0x8a, 0x8b -> Moves.mov(in);
            case 0x8c -> SegmentOps.store(in);
            case 0x8d -> Moves.lea(in);
            case 0x8e -> SegmentOps.load(in);
            case 0x8f -> Stack.popOperand(in);
            case 0x90 -> in.opcodeRegister() == 0 ? Nop.OP : Exchange.withAccumulator(in);
            case 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97 -> Exchange.withAccumulator(in);
            case 0x98 -> Moves.convertAccumulator(in);
            case 0x99 -> Moves.signToData(in);
            case 0x9b -> Floating.waiting();
            case 0x9c -> Stack.pushFlags(in);
            case 0x9d -> Stack.popFlags(in);
            case 0x9e -> FlagOps.storeAh();
            case 0x9f -> FlagOps.loadAh();
            case 0xa0, 0xa1, 0xa2, 0xa3 -> Moves.offset(in);
            case 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf -> Strings.of(in);
            default -> in.opcode >= 0xb0 ? Moves.immediateToRegister(in) : FarBranches.of(in);
        };
    }

    /** C0-FF. */
    private static Op fourth(Instruction in) throws Instruction.Truncated {
        return switch (in.opcode) {
            case 0xc0, 0xc1, 0xd0, 0xd1, 0xd2, 0xd3 -> Shifts.group2(in);
            case 0xc2, 0xc3 -> Branches.ret(in);
            case 0xc6, 0xc7 -> Moves.immediate(in);
            case 0xc8 -> Stack.enter(in);
            case 0xc9 -> Stack.leave(in);
            case 0xca, 0xcb, 0xcf, 0xea -> FarBranches.of(in);
            case 0xcc, 0xcd, 0xce, 0xf1 -> Interrupts.of(in);
            case 0xd7 -> Moves.translate(in);
            case 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf -> Floating.escape(in);
            case 0xe0, 0xe1, 0xe2, 0xe3 -> Branches.loop(in);
            case 0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef -> PortAccess.of(in);
            case 0xe8 -> Branches.call(in);
            case 0xe9 -> Branches.jump(in, 4);
            case 0xeb -> Branches.jump(in, 1);
            case 0xf4 -> SystemOps.halt();
            case 0xf5, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd -> FlagOps.of(in);
            case 0xf6, 0xf7 -> group3(in);
            case 0xfe, 0xff -> groups4And5(in);
            default -> Undefined.OP;
        };
    }

    private static Op group3(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int bytes = in.opcode == 0xf6 ? 1 : in.operandBytes;
        return switch (in.extension()) {
            case 0 -> Alu.test(in);
            case 1 -> Undefined.OP;
            case 2, 3 -> IncrementAndNegate.notOrNegate(in, bytes);
            default -> MultiplyAndDivide.group3(in, bytes);
        };
    }

    private static Op groups4And5(Instruction in) throws Instruction.Truncated {
        in.modRm();
        boolean group4 = in.opcode == 0xfe;
        int extension = in.extension();
        if (extension < 2) {
            return IncrementAndNegate.incrementOrDecrement(in, group4 ? 1 : in.operandBytes);
        }
        if (group4) {
            return Undefined.OP;
        }
        return switch (extension) {
            case 2, 4 -> Branches.indirect(in);
            case 3, 5 -> FarBranches.indirect(in);
            case 6 -> Stack.pushOperand(in);
            default -> Undefined.OP;
        };
    }
}
