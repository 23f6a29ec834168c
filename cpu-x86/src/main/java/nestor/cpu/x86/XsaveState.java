package nestor.cpu.x86;

import java.util.Arrays;

/**
 * XSAVE, XRSTOR, XSAVES and XRSTORS (1 chapter 13) of x87, SSE and, of the supervisor, PASID state;
 * the compacted format is that of the latter two.
 */
final class XsaveState {
    static final int X87_BIT = 1;
    static final int SSE_BIT = 1 << 1;
    static final int PASID_BIT = 1 << 10;

    /** State components that XCR0 can enable. */
    static final int USER = X87_BIT | SSE_BIT;

    static final int LEGACY_BYTES = 512;

    /** With the header: of the standard format. */
    static final int BYTES = LEGACY_BYTES + 64;

    private static final int XSTATE_BV = LEGACY_BYTES;
    private static final int XCOMP_BV = LEGACY_BYTES + 8;
    private static final long COMPACTED = 1L << 63;
    private static final int ALIGNMENT = 64;

    private XsaveState() {}

    /** 0F AE /4 and /5, 0F C7 /3 and /5, with memory. */
    static Op of(Instruction in, boolean restore, boolean supervisor) {
        return new Image(in.memory(), restore, supervisor, in.mode64 ? 16 : 8);
    }

    /** 0F 01 D0 and D1: XGETBV and XSETBV. */
    static Op extendedControl(boolean write) {
        return new ExtendedControl(write);
    }

    private static void checkEnabled(X86Cpu cpu) {
        if (!ControlRegister.CR4_OSXSAVE.isSet(cpu.cr4)) {
            throw cpu.raise(Vector.UD);
        }
    }

    private static final class Image extends Op {
        private final Address address;
        private final boolean restore;
        private final boolean supervisor;
        private final int registers;

        Image(Address address, boolean restore, boolean supervisor, int registers) {
            this.address = address;
            this.restore = restore;
            this.supervisor = supervisor;
            this.registers = registers;
        }

        @Override
        void exec(X86Cpu cpu) {
            checkEnabled(cpu);
            if (ControlRegister.CR0_TS.isSet(cpu.cr0)) {
                throw cpu.raise(Vector.NM);
            }
            if (supervisor) {
                cpu.checkSupervisor();
            }
            long va = address.of(cpu);
            if ((va & (ALIGNMENT - 1)) != 0) {
                throw cpu.generalProtection();
            }
            int asked = (int) cpu.x[X86Cpu.RAX];
            int enabled = cpu.msrs.xcr0 | (supervisor ? cpu.msrs.xss : 0);
            if (restore) {
                restore(cpu, va, asked & enabled, enabled);
            } else {
                save(cpu, va, asked & enabled);
            }
        }

        private void save(X86Cpu cpu, long va, int components) {
            boolean pasid = (components & PASID_BIT) != 0;
            cpu.loadForUpdate(va, 8);
            cpu.loadForUpdate(va + BYTES + (pasid ? 0 : -8), 8);
            if ((components & X87_BIT) != 0) {
                FxState.saveX87(cpu, va);
            }
            if ((components & SSE_BIT) != 0) {
                FxState.saveMxcsr(cpu, va);
                FxState.saveXmm(cpu, va, registers);
            }
            if (supervisor) {
                cpu.store64(va + XSTATE_BV, components);
                cpu.store64(va + XCOMP_BV, components | COMPACTED);
                if (pasid) {
                    cpu.store64(va + BYTES, cpu.msrs.pasid);
                }
            } else {
                cpu.store64(va + XSTATE_BV, cpu.load64(va + XSTATE_BV) | components);
            }
        }

        private void restore(X86Cpu cpu, long va, int components, int enabled) {
            long present = cpu.load64(va + XSTATE_BV);
            long compaction = cpu.load64(va + XCOMP_BV);
            checkHeader(cpu, va, present, compaction, enabled);
            int given = components & (int) present;
            boolean pasid = (compaction & PASID_BIT) != 0;
            long newPasid = pasid ? cpu.load64(va + BYTES) : 0;
            int mxcsr = cpu.mxcsr;
            if ((components & SSE_BIT) != 0) {
                boolean standard = compaction >= 0;
                mxcsr =
                        standard || (given & SSE_BIT) != 0
                                ? FxState.checkedMxcsr(
                                        cpu, (int) cpu.load32(va + FxState.MXCSR_OFFSET))
                                : FxState.MXCSR_RESET;
            }
            if ((given & PASID_BIT) != 0) {
                cpu.msrs.setPasid(newPasid);
            } else if ((components & PASID_BIT) != 0) {
                cpu.msrs.pasid = 0;
            }
            restoreUser(cpu, va, components, given);
            cpu.mxcsr = mxcsr;
        }

        /** Components asked for that are not there go to their initial state. */
        private void restoreUser(X86Cpu cpu, long va, int components, int given) {
            if ((given & X87_BIT) != 0) {
                FxState.restoreX87(cpu, va);
            } else if ((components & X87_BIT) != 0) {
                cpu.x87.initialize();
                Arrays.fill(cpu.x87.signExponent, 0);
                Arrays.fill(cpu.vector, XmmOperand.MM, XmmOperand.COUNT, 0);
            }
            if ((given & SSE_BIT) != 0) {
                FxState.restoreXmm(cpu, va, registers);
            } else if ((components & SSE_BIT) != 0) {
                Arrays.fill(cpu.vector, 0, 2 * registers, 0);
            }
        }

        /** 1 §13.8.1, §13.12: what the header may not have is #GP(0). */
        private void checkHeader(X86Cpu cpu, long va, long present, long compaction, int enabled) {
            boolean wrong = (present & ~(long) enabled) != 0;
            if (supervisor) {
                long listed = compaction & ~COMPACTED;
                wrong |= compaction >= 0 || (listed & ~(long) enabled) != 0;
                wrong |= (present & ~listed) != 0;
            } else {
                wrong |= compaction != 0;
            }
            for (int at = XCOMP_BV + 8; at < BYTES; at += 8) {
                wrong |= cpu.load64(va + at) != 0;
            }
            if (wrong) {
                throw cpu.generalProtection();
            }
        }

        @Override
        boolean usesStack() {
            return address.stack;
        }
    }

    private static final class ExtendedControl extends Op {
        private static final long WORD = 0xffff_ffffL;
        private final boolean write;

        ExtendedControl(boolean write) {
            this.write = write;
        }

        @Override
        void exec(X86Cpu cpu) {
            checkEnabled(cpu);
            if (write) {
                cpu.checkSupervisor();
            }
            if ((cpu.x[X86Cpu.RCX] & WORD) != 0) {
                throw cpu.generalProtection();
            }
            if (!write) {
                cpu.x[X86Cpu.RAX] = cpu.msrs.xcr0;
                cpu.x[X86Cpu.RDX] = 0;
                return;
            }
            long value = cpu.x[X86Cpu.RDX] << 32 | cpu.x[X86Cpu.RAX] & WORD;
            if ((value & ~(long) USER) != 0 || (value & X87_BIT) == 0) {
                throw cpu.generalProtection();
            }
            cpu.msrs.xcr0 = (int) value;
        }
    }
}
