package nestor.cpu.x86;

/** IN and OUT, and who may (1 §19.5). */
final class PortAccess {
    /** Where a TSS has the offset of its I/O permission bitmap. */
    private static final int TSS_IO_MAP_BASE = 0x66;

    private PortAccess() {}

    /** E4-E7 and EC-EF. */
    static Op of(Instruction in) throws Instruction.Truncated {
        int bytes = (in.opcode & 1) == 0 ? 1 : Math.min(in.operandBytes, 4);
        boolean output = (in.opcode & 2) != 0;
        int port = (in.opcode & 8) == 0 ? (int) in.signed(1) & 0xff : -1;
        Operand accumulator = Operand.register(X86Cpu.RAX, bytes, true);
        return output ? new Output(port, accumulator) : new Input(port, accumulator);
    }

    /** Throws #GP(0) where neither the privilege level nor the TSS allows the access. */
    static void check(X86Cpu cpu, int port, int bytes) {
        if (cpu.cpl <= cpu.ioPrivilegeLevel()) {
            return;
        }
        Descriptor tss = cpu.segments.task;
        if (!tss.isPresent() || tss.limit() < TSS_IO_MAP_BASE + 1) {
            throw cpu.generalProtection();
        }
        Regime regime = cpu.mmu.supervisor();
        long map = cpu.data.load(regime, tss.base() + TSS_IO_MAP_BASE, 2) + port / 8;
        if (map + 1 > tss.limit()) {
            throw cpu.generalProtection();
        }
        long bits = cpu.data.load(regime, tss.base() + map, 2) >>> (port & 7);
        if ((bits & (1L << bytes) - 1) != 0) {
            throw cpu.generalProtection();
        }
    }

    static int read(X86Cpu cpu, int port, int bytes) {
        int value = cpu.ports.read(port, bytes);
        cpu.checkInterrupts();
        return value;
    }

    static void write(X86Cpu cpu, int port, int bytes, int value) {
        cpu.ports.write(port, bytes, value);
        cpu.checkInterrupts();
    }

    private static int port(X86Cpu cpu, int constant) {
        return constant >= 0 ? constant : (int) cpu.x[X86Cpu.RDX] & 0xffff;
    }

    private static final class Input extends Op {
        private final int constant;
        private final Operand accumulator;

        Input(int constant, Operand accumulator) {
            this.constant = constant;
            this.accumulator = accumulator;
        }

        @Override
        void exec(X86Cpu cpu) {
            int port = port(cpu, constant);
            check(cpu, port, accumulator.bytes);
            accumulator.write(cpu, read(cpu, port, accumulator.bytes));
        }
    }

    private static final class Output extends Op {
        private final int constant;
        private final Operand accumulator;

        Output(int constant, Operand accumulator) {
            this.constant = constant;
            this.accumulator = accumulator;
        }

        @Override
        void exec(X86Cpu cpu) {
            int port = port(cpu, constant);
            check(cpu, port, accumulator.bytes);
            PortAccess.write(cpu, port, accumulator.bytes, (int) accumulator.read(cpu));
        }
    }
}
