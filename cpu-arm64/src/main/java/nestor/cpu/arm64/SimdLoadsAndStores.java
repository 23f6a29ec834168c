package nestor.cpu.arm64;

import nestor.cpu.arm64.SimdMemory.Indexed;
import nestor.cpu.arm64.SimdMemory.Literal;
import nestor.cpu.arm64.SimdMemory.LoadD;
import nestor.cpu.arm64.SimdMemory.LoadPair;
import nestor.cpu.arm64.SimdMemory.LoadQ;
import nestor.cpu.arm64.SimdMemory.RegisterOffset;
import nestor.cpu.arm64.SimdMemory.StoreD;
import nestor.cpu.arm64.SimdMemory.StorePair;
import nestor.cpu.arm64.SimdMemory.StoreQ;

/** Decoder of the loads and stores of SIMD&FP registers (§C4.1, bit 26 set). */
final class SimdLoadsAndStores {
    private SimdLoadsAndStores() {}

    static Op decode(int instruction, int offset) {
        return switch ((instruction >>> 28) & 3) {
            case 0 -> SimdStructures.decode(instruction);
            case 1 -> literal(instruction, offset);
            case 2 -> pair(instruction);
            default -> single(instruction);
        };
    }

    /** Load register (literal). */
    private static Op literal(int instruction, int offset) {
        int opc = instruction >>> 30;
        if (opc == 3 || (instruction & 1 << 24) != 0) {
            return Undefined.OP;
        }
        int distance = instruction << 8 >> 13 << 2;
        return new Literal(2 + opc, instruction & 31, offset + distance);
    }

    /** Load/store pair: no-allocate, post-indexed, offset, pre-indexed. */
    private static Op pair(int instruction) {
        int opc = instruction >>> 30;
        if (opc == 3) {
            return Undefined.OP;
        }
        int sizeLog2 = 2 + opc;
        int t = instruction & 31;
        int t2 = (instruction >>> 10) & 31;
        int n = base(instruction);
        int distance = instruction << 10 >> 25 << sizeLog2;
        int mode = (instruction >>> 23) & 3;
        int before = mode == 1 ? 0 : distance;
        int writeBack = (mode & 1) == 0 ? 0 : distance;
        return (instruction & 1 << 22) != 0
                ? new LoadPair(sizeLog2, t, t2, n, before, writeBack)
                : new StorePair(sizeLog2, t, t2, n, before, writeBack);
    }

    /** Load/store register: unsigned immediate, unscaled, post- and pre-indexed, register. */
    private static Op single(int instruction) {
        int sizeLog2 = instruction >>> 30 | (instruction >>> 21) & 4;
        if (sizeLog2 > 4) {
            return Undefined.OP;
        }
        boolean load = (instruction & 1 << 22) != 0;
        int t = instruction & 31;
        int n = base(instruction);
        if ((instruction & 1 << 24) != 0) {
            return offset(load, sizeLog2, t, n, ((instruction >>> 10) & 0xfff) << sizeLog2);
        }
        int mode = (instruction >>> 10) & 3;
        if ((instruction & 1 << 21) != 0) {
            return mode == 2 ? register(instruction, load, sizeLog2, t, n) : Undefined.OP;
        }
        int distance = instruction << 11 >> 23;
        return switch (mode) {
            case 0 -> offset(load, sizeLog2, t, n, distance);
            case 1 -> new Indexed(load, sizeLog2, t, n, 0, distance);
            case 3 -> new Indexed(load, sizeLog2, t, n, distance, distance);
            default -> Undefined.OP;
        };
    }

    private static Op offset(boolean load, int sizeLog2, int t, int n, int distance) {
        if (sizeLog2 == 4) {
            return load ? new LoadQ(t, n, distance) : new StoreQ(t, n, distance);
        }
        if (sizeLog2 == 3) {
            return load ? new LoadD(t, n, distance) : new StoreD(t, n, distance);
        }
        return new Indexed(load, sizeLog2, t, n, distance, 0);
    }

    private static Op register(int instruction, boolean load, int sizeLog2, int t, int n) {
        int option = (instruction >>> 13) & 7;
        if ((option & 2) == 0) {
            return Undefined.OP;
        }
        int shift = (instruction & 1 << 12) != 0 ? sizeLog2 : 0;
        return new RegisterOffset(load, sizeLog2, t, n, (instruction >>> 16) & 31, option, shift);
    }

    /** The base register: 31 is the stack pointer. */
    static int base(int instruction) {
        int n = (instruction >>> 5) & 31;
        return n == 31 ? Arm64Cpu.SP : n;
    }
}
