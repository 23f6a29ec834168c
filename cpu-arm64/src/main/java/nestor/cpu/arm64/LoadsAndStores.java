package nestor.cpu.arm64;

import static nestor.cpu.arm64.Encoding.bit;
import static nestor.cpu.arm64.Encoding.bits;
import static nestor.cpu.arm64.Encoding.destination;
import static nestor.cpu.arm64.Encoding.registerOrSp;
import static nestor.cpu.arm64.Encoding.signed;
import static nestor.cpu.arm64.Encoding.source;

/** Loads and Stores of general registers (§C4.1.88, bit 26 clear). */
final class LoadsAndStores {
    private LoadsAndStores() {}

    static Op decode(int instruction, int offset) {
        boolean bit24 = bit(instruction, 24);
        return switch (bits(instruction, 29, 28)) {
            case 0b00 -> bit24 ? Undefined.OP : OrderedAccess.decode(instruction);
            // With bit 24: FEAT_LRCPC2, FEAT_MTE, FEAT_MOPS.
            case 0b01 -> bit24 ? Undefined.OP : literal(instruction, offset);
            case 0b10 -> PairAccess.decode(instruction);
            default -> bit24 ? unsignedOffset(instruction) : register(instruction);
        };
    }

    /**
     * Index of register {@code rt}, source of a store or destination of a load {@code size:opc}.
     */
    static int transferred(int operation, int rt) {
        boolean store = (operation & 3) == 0;
        return store ? source(rt, 0) : destination(rt, 0);
    }

    /** LDR, LDRSW, PRFM (literal). */
    private static Op literal(int instruction, int offset) {
        int t = destination(instruction, 0);
        long delta = offset + (signed(instruction, 23, 5) << 2);
        return switch (bits(instruction, 31, 30)) {
            case 0b00 -> new LoadLiteral32(t, delta);
            case 0b01 -> new LoadLiteral64(t, delta);
            case 0b10 -> new LoadLiteralSigned32(t, delta);
            default -> SystemOps.Nop.OP; // PRFM
        };
    }

    private static Op unsignedOffset(int instruction) {
        int size = bits(instruction, 31, 30);
        int operation = size << 2 | bits(instruction, 23, 22);
        long offset = (long) bits(instruction, 21, 10) << size;
        int rt = source(instruction, 0);
        return OffsetAccess.of(operation, rt, registerOrSp(instruction, 5), offset);
    }

    private static Op register(int instruction) {
        int operation = bits(instruction, 31, 30) << 2 | bits(instruction, 23, 22);
        int rt = source(instruction, 0);
        int n = registerOrSp(instruction, 5);
        long immediate = signed(instruction, 20, 12);
        return switch (bits(instruction, 21, 21) << 2 | bits(instruction, 11, 10)) {
            case 0b0_00 -> OffsetAccess.of(operation, rt, n, immediate);
            case 0b0_01 -> IndexedAccess.of(operation, rt, n, 0, immediate);
            case 0b0_10 -> UnprivilegedAccess.of(operation, rt, n, immediate);
            case 0b0_11 -> IndexedAccess.of(operation, rt, n, immediate, immediate);
            case 0b1_00 -> AtomicMemory.decode(instruction);
            case 0b1_10 -> registerOffset(instruction, operation, rt, n);
            default -> Undefined.OP; // FEAT_PAuth
        };
    }

    private static Op registerOffset(int instruction, int operation, int rt, int n) {
        int option = bits(instruction, 15, 13);
        if ((option & 0b010) == 0) {
            return Undefined.OP;
        }
        int left = bit(instruction, 12) ? bits(instruction, 31, 30) : 0;
        int m = source(instruction, 16);
        return RegisterOffsetAccess.of(operation, rt, n, m, Extension.of(option, left));
    }

    static final class LoadLiteral32 extends Op {
        private final int t;
        private final long delta;

        LoadLiteral32(int t, long delta) {
            this.t = t;
            this.delta = delta;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = cpu.load32(cpu.pc + delta);
        }
    }

    static final class LoadLiteral64 extends Op {
        private final int t;
        private final long delta;

        LoadLiteral64(int t, long delta) {
            this.t = t;
            this.delta = delta;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = cpu.load64(cpu.pc + delta);
        }
    }

    static final class LoadLiteralSigned32 extends Op {
        private final int t;
        private final long delta;

        LoadLiteralSigned32(int t, long delta) {
            this.t = t;
            this.delta = delta;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.x[t] = (int) cpu.load32(cpu.pc + delta);
        }
    }
}
