package nestor.cpu.arm64;

/**
 * LD1-LD4, ST1-ST4 and the replicating loads (§C4.1.94, AdvSIMD load/store multiple and single
 * structures), with and without post-index.
 */
final class SimdStructures {
    private static final int NO_INDEX = -1;

    private SimdStructures() {}

    static Op decode(int instruction) {
        boolean single = (instruction & 1 << 24) != 0;
        boolean postIndex = (instruction & 1 << 23) != 0;
        int m = (instruction >>> 16) & 31;
        if (instruction < 0
                || (instruction & 1 << 29) != 0
                || !postIndex && m != 0
                || !single && (instruction & 1 << 21) != 0) {
            return Undefined.OP;
        }
        int index = postIndex ? m : NO_INDEX;
        return single ? single(instruction, index) : multiple(instruction, index);
    }

    private static Op multiple(int instruction, int index) {
        int structure = 1;
        int registers;
        switch ((instruction >>> 12) & 15) {
            case 0b0000 -> structure = registers = 4;
            case 0b0010 -> registers = 4;
            case 0b0100 -> structure = registers = 3;
            case 0b0110 -> registers = 3;
            case 0b0111 -> registers = 1;
            case 0b1000 -> structure = registers = 2;
            case 0b1010 -> registers = 2;
            default -> {
                return Undefined.OP;
            }
        }
        int esize = 8 << ((instruction >>> 10) & 3);
        int words = 1 + (instruction >>> 30 & 1);
        if (esize == 64 && words == 1 && structure > 1) {
            return Undefined.OP;
        }
        boolean load = (instruction & 1 << 22) != 0;
        int t = instruction & 31;
        int n = SimdLoadsAndStores.base(instruction);
        if (load) {
            return structure == 1
                    ? new LoadConsecutive(t, n, index, registers, words)
                    : new LoadInterleaved(t, n, index, registers, words, esize);
        }
        return structure == 1
                ? new StoreConsecutive(t, n, index, registers, words)
                : new StoreInterleaved(t, n, index, registers, words, esize);
    }

    private static Op single(int instruction, int index) {
        int opcode = (instruction >>> 13) & 7;
        int size = (instruction >>> 10) & 3;
        boolean load = (instruction & 1 << 22) != 0;
        int q = instruction >>> 30 & 1;
        int s = instruction >>> 12 & 1;
        int registers = 1 + ((opcode & 1) << 1 | instruction >>> 21 & 1);
        int t = instruction & 31;
        int n = SimdLoadsAndStores.base(instruction);
        int sizeLog2 = opcode >> 1;
        int lane;
        switch (sizeLog2) {
            case 0 -> lane = q << 3 | s << 2 | size;
            case 1 -> {
                if ((size & 1) != 0) {
                    return Undefined.OP;
                }
                lane = q << 2 | s << 1 | size >> 1;
            }
            case 2 -> {
                if (size > 1 || size == 1 && s == 1) {
                    return Undefined.OP;
                }
                lane = size == 1 ? q : q << 1 | s;
                sizeLog2 += size;
            }
            default -> {
                return load && s == 0
                        ? new LoadReplicated(t, n, index, registers, q == 1, size)
                        : Undefined.OP;
            }
        }
        return new OneLane(load, t, n, index, registers, sizeLog2, lane);
    }

    /** The common part: base register and post-index. */
    private abstract static class Structure extends SimdOp {
        final int t;
        final int n;
        final int registers;
        private final int index;
        private final int bytes;

        Structure(int t, int n, int index, int registers, int bytes) {
            this.t = t;
            this.n = n;
            this.index = index;
            this.registers = registers;
            this.bytes = bytes;
        }

        /** Where register {@code i} of the list has its low word. */
        final int register(int i) {
            return 2 * ((t + i) & 31);
        }

        final void writeBack(Arm64Cpu cpu) {
            if (index != NO_INDEX) {
                cpu.x[n] += index == Arm64Cpu.ZR ? bytes : cpu.x[index];
            }
        }
    }

    /** LD1 (multiple structures): the registers one after the other. */
    private static final class LoadConsecutive extends Structure {
        private final int words;

        LoadConsecutive(int t, int n, int index, int registers, int words) {
            super(t, n, index, registers, registers * words * 8);
            this.words = words;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n];
            if (registers == 1) {
                long low = cpu.load64(va);
                cpu.v[2 * t + 1] = words == 2 ? cpu.load64(va + 8) : 0;
                cpu.v[2 * t] = low;
            } else {
                long[] memory = loadWords(cpu, va, registers * words);
                for (int i = 0; i < registers; i++) {
                    cpu.v[register(i)] = memory[i * words];
                    cpu.v[register(i) + 1] = words == 2 ? memory[i * 2 + 1] : 0;
                }
            }
            writeBack(cpu);
        }
    }

    private static long[] loadWords(Arm64Cpu cpu, long va, int count) {
        long[] memory = new long[count];
        for (int i = 0; i < count; i++) {
            memory[i] = cpu.load64(va + 8L * i);
        }
        return memory;
    }

    /** LD2, LD3, LD4 (multiple structures). */
    private static final class LoadInterleaved extends Structure {
        private final int words;
        private final int esize;

        LoadInterleaved(int t, int n, int index, int registers, int words, int esize) {
            super(t, n, index, registers, registers * words * 8);
            this.words = words;
            this.esize = esize;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] memory = loadWords(cpu, cpu.x[n], registers * words);
            for (int i = 0; i < registers; i++) {
                int r = register(i);
                cpu.v[r + 1] = 0;
                for (int e = 0; e < words * 64 / esize; e++) {
                    long value = Lanes.get(memory, 0, e * registers + i, esize);
                    Lanes.set(cpu.v, r, e, esize, value);
                }
            }
            writeBack(cpu);
        }
    }

    /** ST1 (multiple structures). */
    private static final class StoreConsecutive extends Structure {
        private final int words;

        StoreConsecutive(int t, int n, int index, int registers, int words) {
            super(t, n, index, registers, registers * words * 8);
            this.words = words;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n];
            for (int i = 0; i < registers; i++) {
                for (int half = 0; half < words; half++) {
                    cpu.store64(va, cpu.v[register(i) + half]);
                    va += 8;
                }
            }
            writeBack(cpu);
        }
    }

    /** ST2, ST3, ST4 (multiple structures). */
    private static final class StoreInterleaved extends Structure {
        private final int words;
        private final int esize;

        StoreInterleaved(int t, int n, int index, int registers, int words, int esize) {
            super(t, n, index, registers, registers * words * 8);
            this.words = words;
            this.esize = esize;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] memory = new long[registers * words];
            for (int i = 0; i < registers; i++) {
                for (int e = 0; e < words * 64 / esize; e++) {
                    long value = Lanes.get(cpu.v, register(i), e, esize);
                    Lanes.set(memory, 0, e * registers + i, esize, value);
                }
            }
            long va = cpu.x[n];
            for (int i = 0; i < memory.length; i++) {
                cpu.store64(va + 8L * i, memory[i]);
            }
            writeBack(cpu);
        }
    }

    /** LD1-LD4 and ST1-ST4 (single structure): one element of each register. */
    private static final class OneLane extends Structure {
        private final boolean load;
        private final int sizeLog2;
        private final int lane;

        OneLane(boolean load, int t, int n, int index, int registers, int sizeLog2, int lane) {
            super(t, n, index, registers, registers << sizeLog2);
            this.load = load;
            this.sizeLog2 = sizeLog2;
            this.lane = lane;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long va = cpu.x[n];
            int esize = 8 << sizeLog2;
            if (load) {
                long[] values = loadElements(cpu, va, registers, sizeLog2);
                for (int i = 0; i < registers; i++) {
                    Lanes.set(cpu.v, register(i), lane, esize, values[i]);
                }
            } else {
                for (int i = 0; i < registers; i++) {
                    long value = Lanes.get(cpu.v, register(i), lane, esize);
                    SimdMemory.store(cpu, sizeLog2, va + ((long) i << sizeLog2), value);
                }
            }
            writeBack(cpu);
        }
    }

    private static long[] loadElements(Arm64Cpu cpu, long va, int count, int sizeLog2) {
        long[] values = new long[count];
        for (int i = 0; i < count; i++) {
            values[i] = SimdMemory.load(cpu, sizeLog2, va + ((long) i << sizeLog2));
        }
        return values;
    }

    /** LD1R-LD4R: one element to all lanes. */
    private static final class LoadReplicated extends Structure {
        private final boolean full;
        private final int sizeLog2;

        LoadReplicated(int t, int n, int index, int registers, boolean full, int sizeLog2) {
            super(t, n, index, registers, registers << sizeLog2);
            this.full = full;
            this.sizeLog2 = sizeLog2;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            long[] values = loadElements(cpu, cpu.x[n], registers, sizeLog2);
            for (int i = 0; i < registers; i++) {
                long word = Lanes.replicate(values[i], 8 << sizeLog2);
                cpu.v[register(i)] = word;
                cpu.v[register(i) + 1] = full ? word : 0;
            }
            writeBack(cpu);
        }
    }
}
