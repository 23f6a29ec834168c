package nestor.cpu.x86;

/** MOVDIRI and MOVDIR64B (2B): stores that go to a device as one. */
final class DirectStores {
    private DirectStores() {}

    /** 0F 38 F9. */
    static Op movdiri(Instruction in) throws Instruction.Truncated {
        in.modRm();
        boolean prefixed = in.operandPrefix || in.repeat != Instruction.NO_REPEAT;
        return in.isRegister() || prefixed ? Undefined.OP : MemoryMoves.store(in);
    }

    /** 66 0F 38 F8; with F2 and F3 it is ENQCMD and ENQCMDS. */
    static Op movdir64b(Instruction in) throws Instruction.Truncated {
        in.modRm();
        boolean enqueues = in.repeat != Instruction.NO_REPEAT;
        if (in.isRegister() || in.operandPrefix == enqueues) {
            return Undefined.OP;
        }
        if (enqueues) {
            return Enqueue.of(in);
        }
        return new Block(
                in.reg(), in.addressMask, Address.baseOf(Segment.ES, in.mode64), in.memory());
    }

    private static final class Block extends Op {
        private static final int QUADWORDS = 8;

        private final int destination;
        private final long mask;
        private final int segment;
        private final Address source;

        Block(int destination, long mask, int segment, Address source) {
            this.destination = destination;
            this.mask = mask;
            this.segment = segment;
            this.source = source;
        }

        @Override
        void exec(X86Cpu cpu) {
            long to = (cpu.x[destination] & mask) + cpu.x[segment];
            long[] block = new long[QUADWORDS];
            for (int i = 0; i < QUADWORDS; i++) {
                block[i] = cpu.load64(source.of(cpu, 8L * i));
            }
            if ((to & (8 * QUADWORDS - 1)) != 0) {
                throw cpu.generalProtection();
            }
            cpu.data.storeBlock(cpu.mmu.current(), to, block);
        }

        @Override
        boolean usesStack() {
            return source.stack;
        }
    }
}
