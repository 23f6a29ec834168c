package nestor.cpu.x86;

/** FXSAVE and FXRSTOR (1 §10.5), LDMXCSR and STMXCSR. */
final class FxState {
    static final int MXCSR_RESET = 0x1f80;

    /** Bits of MXCSR that are not reserved, DAZ among them. */
    static final int MXCSR_MASK = 0xffff;

    static final int MXCSR_OFFSET = 24;
    private static final int TAG_OFFSET = 4;
    private static final int ST_OFFSET = 32;
    private static final int XMM_OFFSET = 160;
    private static final int BYTES = 512;
    private static final long FORBIDDEN =
            ControlRegister.CR0_EM.mask() | ControlRegister.CR0_TS.mask();

    private FxState() {}

    /** 0F AE /0 and /1 with memory. */
    static Op of(Instruction in) {
        boolean restore = in.extension() == 1;
        return new Image(in.memory(), restore, in.mode64 ? 16 : 8);
    }

    /** 0F AE /2 and /3 with memory. */
    static Op controlAndStatus(Instruction in) {
        return new ControlAndStatus(new Operand.Memory(in.memory(), 4), in.extension() == 2);
    }

    /** Writes the x87 part of an image but the 16 bytes from MXCSR's predecessor on. */
    static void saveX87(X86Cpu cpu, long va) {
        X87 x87 = cpu.x87;
        cpu.store64(va, x87.control | (long) x87.statusWord() << 16 | (long) x87.valid() << 32);
        cpu.store64(va + 8, 0);
        cpu.store64(va + 16, 0);
        for (int i = 0; i < 8; i++) {
            int register = x87.top + i & 7;
            cpu.store64(va + ST_OFFSET + 16L * i, cpu.vector[XmmOperand.MM + register]);
            cpu.store64(va + ST_OFFSET + 16L * i + 8, x87.signExponent[register]);
        }
    }

    static void saveMxcsr(X86Cpu cpu, long va) {
        cpu.store64(va + MXCSR_OFFSET, cpu.mxcsr | (long) MXCSR_MASK << 32);
    }

    static void saveXmm(X86Cpu cpu, long va, int registers) {
        for (int i = 0; i < 2 * registers; i++) {
            cpu.store64(va + XMM_OFFSET + 8L * i, cpu.vector[i]);
        }
    }

    static void restoreX87(X86Cpu cpu, long va) {
        X87 x87 = cpu.x87;
        long head = cpu.load64(va);
        x87.setControl((int) head & 0xffff);
        x87.setStatusWord((int) (head >>> 16) & 0xffff);
        x87.setValid((int) (head >>> 8 * TAG_OFFSET) & 0xff);
        for (int i = 0; i < 8; i++) {
            int register = x87.top + i & 7;
            cpu.vector[XmmOperand.MM + register] = cpu.load64(va + ST_OFFSET + 16L * i);
            x87.signExponent[register] = (int) cpu.load16(va + ST_OFFSET + 16L * i + 8);
        }
    }

    static void restoreXmm(X86Cpu cpu, long va, int registers) {
        for (int i = 0; i < 2 * registers; i++) {
            cpu.vector[i] = cpu.load64(va + XMM_OFFSET + 8L * i);
        }
    }

    /** The MXCSR of an image; #GP(0) if a reserved bit is set. */
    static int checkedMxcsr(X86Cpu cpu, int value) {
        if ((value & ~MXCSR_MASK) != 0) {
            throw cpu.generalProtection();
        }
        return value;
    }

    /** The registers are exchanged without SSE being allowed, too: OFFXSR does not matter. */
    private static final class Image extends Op {
        private final Address address;
        private final boolean restore;
        private final int registers;

        Image(Address address, boolean restore, int registers) {
            this.address = address;
            this.restore = restore;
            this.registers = registers;
        }

        @Override
        void exec(X86Cpu cpu) {
            if ((cpu.cr0 & FORBIDDEN) != 0) {
                throw cpu.raise(Vector.NM);
            }
            long va = address.of(cpu);
            if ((va & 15) != 0) {
                throw cpu.generalProtection();
            }
            if (restore) {
                restore(cpu, va);
            } else {
                cpu.loadForUpdate(va, 8);
                cpu.loadForUpdate(va + BYTES - 8, 8);
                saveX87(cpu, va);
                saveMxcsr(cpu, va);
                saveXmm(cpu, va, registers);
            }
        }

        private void restore(X86Cpu cpu, long va) {
            cpu.load64(va + BYTES - 8);
            int mxcsr = checkedMxcsr(cpu, (int) cpu.load32(va + MXCSR_OFFSET));
            restoreX87(cpu, va);
            cpu.mxcsr = mxcsr;
            restoreXmm(cpu, va, registers);
        }

        @Override
        boolean usesStack() {
            return address.stack;
        }
    }

    private static final class ControlAndStatus extends SseOp {
        private final Operand operand;
        private final boolean load;

        ControlAndStatus(Operand operand, boolean load) {
            this.operand = operand;
            this.load = load;
        }

        @Override
        void run(X86Cpu cpu) {
            if (load) {
                cpu.mxcsr = checkedMxcsr(cpu, (int) operand.read(cpu));
            } else {
                operand.write(cpu, cpu.mxcsr);
            }
        }

        @Override
        boolean usesStack() {
            return operand.isStack();
        }
    }
}
