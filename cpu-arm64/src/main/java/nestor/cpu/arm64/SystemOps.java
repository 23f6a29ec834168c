package nestor.cpu.arm64;

import static nestor.vmm.register.BitField.bit;

import nestor.cpu.HostMemory;
import nestor.vmm.register.BitField;

/** Ops of exception generation, hints, barriers, PSTATE and system register moves (§C6.2). */
final class SystemOps {
    private SystemOps() {}

    /** An op after which the block's next instruction sees another system state. */
    abstract static class Last extends Op {
        private final int offset;

        Last(int offset) {
            this.offset = offset;
        }

        abstract void apply(Arm64Cpu cpu);

        @Override
        final void exec(Arm64Cpu cpu) {
            apply(cpu);
            cpu.pc += offset + 4;
        }

        @Override
        final boolean endsBlock() {
            return true;
        }
    }

    static final class SupervisorCall extends Op {
        private final int immediate;
        private final int offset;

        SupervisorCall(int immediate, int offset) {
            this.immediate = immediate;
            this.offset = offset;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            Pstate.takeSynchronous(
                    cpu, Syndrome.of(Syndrome.SVC64, immediate), cpu.pc + offset + 4);
        }

        @Override
        boolean endsBlock() {
            return true;
        }
    }

    /** HVC #0, answered by the host; UNDEFINED from EL0. */
    static final class Hypercall extends Last {
        Hypercall(int offset) {
            super(offset);
        }

        @Override
        void apply(Arm64Cpu cpu) {
            if (cpu.el == 0) {
                throw cpu.undefined();
            }
            long[] x = cpu.x;
            x[0] = cpu.hypercalls.call(x[0], x[1], x[2], x[3]);
            cpu.endSlice();
        }
    }

    static final class Breakpoint extends Op {
        private final int immediate;

        Breakpoint(int immediate) {
            this.immediate = immediate;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            throw cpu.raise(Syndrome.of(Syndrome.BRK64, immediate));
        }

        @Override
        boolean endsBlock() {
            return true;
        }
    }

    static final class ExceptionReturn extends Op {
        @Override
        void exec(Arm64Cpu cpu) {
            if (cpu.el == 0) {
                throw cpu.undefined();
            }
            Pstate.exceptionReturn(cpu);
        }

        @Override
        boolean endsBlock() {
            return true;
        }
    }

    static final class Nop extends Op {
        static final Nop OP = new Nop();

        @Override
        void exec(Arm64Cpu cpu) {}
    }

    /** Lets the vCPU look at its requests. */
    static final class Yield extends Last {
        Yield(int offset) {
            super(offset);
        }

        @Override
        void apply(Arm64Cpu cpu) {
            cpu.endSlice();
        }
    }

    private static final BitField SCTLR_NTWI = bit(16);
    private static final BitField SCTLR_NTWE = bit(18);

    /** An event may always have come: only gives way, never sleeps. */
    static final class WaitForEvent extends Last {
        WaitForEvent(int offset) {
            super(offset);
        }

        @Override
        void apply(Arm64Cpu cpu) {
            if (cpu.el == 0 && !SCTLR_NTWE.isSet(cpu.system[Slot.SCTLR])) {
                throw cpu.raise(Syndrome.waitTrap(true));
            }
            cpu.endSlice();
        }
    }

    static final class WaitForInterrupt extends Last {
        WaitForInterrupt(int offset) {
            super(offset);
        }

        @Override
        void apply(Arm64Cpu cpu) {
            if (cpu.el == 0 && !SCTLR_NTWI.isSet(cpu.system[Slot.SCTLR])) {
                throw cpu.raise(Syndrome.waitTrap(false));
            }
            cpu.waiting = !cpu.irqAsserted;
            cpu.endSlice();
        }
    }

    static final class ClearExclusive extends Op {
        static final ClearExclusive OP = new ClearExclusive();

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.clearExclusive();
        }
    }

    static final class LoadBarrier extends Op {
        static final LoadBarrier OP = new LoadBarrier();

        @Override
        void exec(Arm64Cpu cpu) {
            HostMemory.loadFence();
        }
    }

    static final class StoreBarrier extends Op {
        static final StoreBarrier OP = new StoreBarrier();

        @Override
        void exec(Arm64Cpu cpu) {
            HostMemory.storeFence();
        }
    }

    static final class FullBarrier extends Op {
        static final FullBarrier OP = new FullBarrier();

        @Override
        void exec(Arm64Cpu cpu) {
            HostMemory.fullFence();
        }
    }

    /** ISB, SB: what follows is fetched anew. */
    static final class Synchronize extends Last {
        Synchronize(int offset) {
            super(offset);
        }

        @Override
        void apply(Arm64Cpu cpu) {
            HostMemory.loadFence();
        }
    }

    static final class SetPan extends Last {
        private final boolean pan;

        SetPan(int immediate, int offset) {
            super(offset);
            pan = (immediate & 1) != 0;
        }

        @Override
        void apply(Arm64Cpu cpu) {
            if (cpu.el == 0) {
                throw cpu.undefined();
            }
            Pstate.setPan(cpu, pan);
        }
    }

    static final class SetStackPointer extends Last {
        private final boolean spSel;

        SetStackPointer(int immediate, int offset) {
            super(offset);
            spSel = (immediate & 1) != 0;
        }

        @Override
        void apply(Arm64Cpu cpu) {
            if (cpu.el == 0) {
                throw cpu.undefined();
            }
            Pstate.selectStackPointer(cpu, spSel);
        }
    }

    static final class MaskInterrupts extends Op {
        private final int mask;
        private final long trap;

        MaskInterrupts(int mask, long trap) {
            this.mask = mask;
            this.trap = trap;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            if (cpu.el == 0 && SystemRegisters.daifTrapped(cpu)) {
                throw cpu.raise(trap);
            }
            cpu.daif |= mask;
        }
    }

    static final class UnmaskInterrupts extends Last {
        private final int mask;
        private final long trap;

        UnmaskInterrupts(int mask, int offset, long trap) {
            super(offset);
            this.mask = mask;
            this.trap = trap;
        }

        @Override
        void apply(Arm64Cpu cpu) {
            if (cpu.el == 0 && SystemRegisters.daifTrapped(cpu)) {
                throw cpu.raise(trap);
            }
            cpu.daif &= ~mask;
            cpu.checkInterrupts();
        }
    }

    /** MRS of plain storage that only EL1 may read. */
    static final class ReadStored extends Op {
        private final int slot;
        private final int d;

        ReadStored(int slot, int d) {
            this.slot = slot;
            this.d = d;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            if (cpu.el == 0) {
                throw cpu.undefined();
            }
            cpu.x[d] = cpu.system[slot];
        }
    }

    /** MSR to plain storage that only EL1 may write. */
    static final class WriteStored extends Op {
        private final int slot;
        private final long mask;
        private final int t;

        WriteStored(int slot, long mask, int t) {
            this.slot = slot;
            this.mask = mask;
            this.t = t;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            if (cpu.el == 0) {
                throw cpu.undefined();
            }
            cpu.system[slot] = cpu.x[t] & mask;
        }
    }

    /** MRS. */
    static final class Read extends Op {
        private final SystemRegister register;
        private final SystemRegister.Reader reader;
        private final int d;
        private final long trap;

        Read(SystemRegister register, int d, long trap) {
            this.register = register;
            this.reader = java.util.Objects.requireNonNull(register.reader());
            this.d = d;
            this.trap = trap;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            if (cpu.el == 0) {
                checkUser(cpu, register, register.userRead(), trap);
            }
            cpu.x[d] = reader.read(cpu);
        }
    }

    /** MSR (register). */
    static final class Write extends Last {
        private final SystemRegister register;
        private final SystemRegister.Writer writer;
        private final int t;
        private final long trap;

        Write(SystemRegister register, int t, int offset, long trap) {
            super(offset);
            this.register = register;
            this.writer = java.util.Objects.requireNonNull(register.writer());
            this.t = t;
            this.trap = trap;
        }

        @Override
        void apply(Arm64Cpu cpu) {
            if (cpu.el == 0) {
                checkUser(cpu, register, register.userWrite(), trap);
            }
            writer.write(cpu, cpu.x[t]);
        }
    }

    private static void checkUser(
            Arm64Cpu cpu, SystemRegister register, boolean allowed, long trap) {
        if (!allowed) {
            throw cpu.undefined();
        }
        if (register.userTrap().test(cpu)) {
            throw cpu.raise(trap);
        }
    }

    /** MRS of a register of the GIC, or of none. */
    static final class ReadExternal extends Op {
        private final int encoding;
        private final int d;

        ReadExternal(int encoding, int t) {
            this.encoding = encoding;
            this.d = t == 31 ? Arm64Cpu.SINK : t;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            if (cpu.el == 0 || !cpu.gic.implemented(encoding)) {
                throw cpu.undefined();
            }
            cpu.x[d] = cpu.gic.read(encoding);
        }
    }

    /** MSR to a register of the GIC, or of none. */
    static final class WriteExternal extends Last {
        private final int encoding;
        private final int t;

        WriteExternal(int encoding, int t, int offset) {
            super(offset);
            this.encoding = encoding;
            this.t = t;
        }

        @Override
        void apply(Arm64Cpu cpu) {
            if (cpu.el == 0 || !cpu.gic.implemented(encoding)) {
                throw cpu.undefined();
            }
            cpu.gic.write(encoding, cpu.x[t]);
            cpu.checkInterrupts();
        }
    }
}
