package nestor.cpu.x86;

import java.util.function.LongBinaryOperator;

/** An MMX or SSE instruction: what control registers forbid comes first (3A §2.5, §13.1). */
abstract class SseOp extends Op {
    private static final long FORBIDDEN =
            ControlRegister.CR0_EM.mask() | ControlRegister.CR0_TS.mask();

    /** What becomes of two operands, given by their indices in {@link X86Cpu#vector}. */
    interface Kernel {
        /** Changes the destination, {@code d}, only. */
        void apply(X86Cpu cpu, int d, int s);
    }

    @Override
    final void exec(X86Cpu cpu) {
        check(cpu);
        run(cpu);
    }

    abstract void run(X86Cpu cpu);

    /** What has to be checked before an instruction on XMM registers. */
    void check(X86Cpu cpu) {
        checkSse(cpu);
    }

    static void checkSse(X86Cpu cpu) {
        long cr0 = cpu.cr0 & FORBIDDEN;
        if (cr0 != 0 || !ControlRegister.CR4_OSFXSR.isSet(cpu.cr4)) {
            boolean undefined =
                    ControlRegister.CR0_EM.isSet(cr0) || !ControlRegister.CR4_OSFXSR.isSet(cpu.cr4);
            throw cpu.raise(undefined ? Vector.UD : Vector.NM);
        }
    }

    static void checkMmx(X86Cpu cpu) {
        if ((cpu.cr0 & FORBIDDEN) != 0) {
            throw cpu.raise(ControlRegister.CR0_EM.isSet(cpu.cr0) ? Vector.UD : Vector.NM);
        }
        cpu.x87.checkPending();
    }

    /** A destination, and a source that may be memory. */
    static final class Binary extends SseOp {
        private final Kernel kernel;
        private final int destination;
        private final XmmOperand source;

        Binary(Kernel kernel, int destination, XmmOperand source) {
            this.kernel = kernel;
            this.destination = destination;
            this.source = source;
        }

        @Override
        void run(X86Cpu cpu) {
            kernel.apply(cpu, destination, source.fetch(cpu));
        }

        @Override
        boolean usesStack() {
            return source.isStack();
        }
    }

    /** Treats both halves alike. */
    static final class Lanes extends SseOp {
        private final LongBinaryOperator kernel;
        private final int destination;
        private final XmmOperand source;

        Lanes(LongBinaryOperator kernel, int destination, XmmOperand source) {
            this.kernel = kernel;
            this.destination = destination;
            this.source = source;
        }

        @Override
        void run(X86Cpu cpu) {
            int s = source.fetch(cpu);
            long[] v = cpu.vector;
            int d = destination;
            v[d] = kernel.applyAsLong(v[d], v[s]);
            v[d + 1] = kernel.applyAsLong(v[d + 1], v[s + 1]);
        }

        @Override
        boolean usesStack() {
            return source.isStack();
        }
    }

    /** An instruction on MMX registers: it makes them the registers of an x87 (1 §9.5.1). */
    static final class Mmx extends SseOp {
        private final Kernel kernel;
        private final int destination;
        private final XmmOperand source;
        private final boolean writes;

        Mmx(Kernel kernel, int destination, XmmOperand source, boolean writes) {
            this.kernel = kernel;
            this.destination = destination;
            this.source = source;
            this.writes = writes;
        }

        @Override
        void check(X86Cpu cpu) {
            checkMmx(cpu);
        }

        @Override
        void run(X86Cpu cpu) {
            int s = source.fetch(cpu);
            kernel.apply(cpu, destination, s);
            cpu.x87.enterMmx();
            if (writes) {
                cpu.x87.wroteMmx(destination - XmmOperand.MM);
            }
        }

        @Override
        boolean usesStack() {
            return source.isStack();
        }
    }

    /** Stores a register. */
    static final class Store extends SseOp {
        private final XmmOperand destination;
        private final int source;

        Store(XmmOperand destination, int source) {
            this.destination = destination;
            this.source = source;
        }

        @Override
        void check(X86Cpu cpu) {
            if (source >= XmmOperand.MM) {
                checkMmx(cpu);
            } else {
                checkSse(cpu);
            }
        }

        @Override
        void run(X86Cpu cpu) {
            destination.store(cpu, source);
            if (source >= XmmOperand.MM) {
                cpu.x87.enterMmx();
            }
        }

        @Override
        boolean usesStack() {
            return destination.isStack();
        }
    }
}
