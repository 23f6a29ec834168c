package nestor.cpu.arm64;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * SYS: TLB and cache maintenance, address translation (§C5.3-§C5.5). Data caches do not exist here
 * and decoded instructions follow every write, so that cache maintenance only checks its address.
 */
final class MaintenanceOps {
    private static final BitField SCTLR_DZE = bit(14);
    private static final BitField SCTLR_UCI = bit(26);

    /** TLBI operand (§C5.5). */
    private static final BitField OPERAND_ASID = bits(63, 48);

    private static final BitField OPERAND_VA = bits(43, 0);
    private static final int VA_LOW = 12;
    private static final int VA_BITS = 56;

    private MaintenanceOps() {}

    static Op decode(int instruction, int offset) {
        int t = instruction & 0x1f;
        long trap = Syndrome.systemRegister(instruction);
        int crm = instruction >>> 8 & 0xf;
        int op2 = instruction >>> 5 & 7;
        return switch (instruction >>> 12 & 0x7f) { // op1:CRn
            case 0b000_1000 -> tlbi(crm, op2, t, offset);
            case 0b000_0111 ->
                    switch (crm << 3 | op2) {
                        case 1 << 3, 5 << 3 -> new PrivilegedNop(); // IC IALLUIS, IALLU
                        case 6 << 3 | 1 -> new CacheByAddress(t, false, trap); // DC IVAC
                        case 6 << 3 | 2, 10 << 3 | 2, 14 << 3 | 2 -> new PrivilegedNop(); // DC xSW
                        case 8 << 3 -> new Translate(t, Mmu.Access.READ, false);
                        case 8 << 3 | 1 -> new Translate(t, Mmu.Access.WRITE, false);
                        case 8 << 3 | 2 -> new Translate(t, Mmu.Access.READ, true);
                        case 8 << 3 | 3 -> new Translate(t, Mmu.Access.WRITE, true);
                        default -> Undefined.OP;
                    };
            case 0b011_0111 ->
                    switch (crm << 3 | op2) {
                        case 4 << 3 | 1 -> new Zero(t, trap);
                        case 5 << 3 | 1, // IC IVAU
                                10 << 3 | 1, // DC CVAC
                                11 << 3 | 1, // DC CVAU
                                14 << 3 | 1 -> // DC CIVAC
                                new CacheByAddress(t, true, trap);
                        default -> Undefined.OP;
                    };
            default -> Undefined.OP;
        };
    }

    private static Op tlbi(int crm, int op2, int t, int offset) {
        boolean broadcast = crm == 3;
        if (!broadcast && crm != 7) {
            return Undefined.OP;
        }
        return switch (op2) {
            case 0 -> new InvalidateAll(broadcast, offset);
            case 1, 5 -> new InvalidateAddress(broadcast, t, offset);
            case 2 -> new InvalidateAsid(broadcast, t, offset);
            case 3, 7 -> new InvalidateAllAsids(broadcast, t, offset);
            default -> Undefined.OP;
        };
    }

    /** TLBI: on this processing element, or on all of the Inner Shareable domain. */
    private abstract static class Invalidate extends SystemOps.Last {
        private final boolean broadcast;

        Invalidate(boolean broadcast, int offset) {
            super(offset);
            this.broadcast = broadcast;
        }

        abstract void invalidate(Mmu mmu, Arm64Cpu issuer);

        @Override
        final void apply(Arm64Cpu cpu) {
            if (cpu.el == 0) {
                throw cpu.undefined();
            }
            if (broadcast) {
                cpu.cluster.each(peer -> invalidate(peer.mmu, cpu));
            } else {
                invalidate(cpu.mmu, cpu);
            }
        }

        /** VA[55:12] of the operand, sign-extended. */
        static long address(long operand) {
            int ignored = 64 - VA_BITS;
            return OPERAND_VA.get(operand) << (VA_LOW + ignored) >> ignored;
        }
    }

    private static final class InvalidateAll extends Invalidate {
        InvalidateAll(boolean broadcast, int offset) {
            super(broadcast, offset);
        }

        @Override
        void invalidate(Mmu mmu, Arm64Cpu issuer) {
            mmu.flushAll();
        }
    }

    private static final class InvalidateAddress extends Invalidate {
        private final int t;

        InvalidateAddress(boolean broadcast, int t, int offset) {
            super(broadcast, offset);
            this.t = t;
        }

        @Override
        void invalidate(Mmu mmu, Arm64Cpu issuer) {
            long operand = issuer.x[t];
            mmu.drop(address(operand), OPERAND_ASID.getInt(operand));
        }
    }

    private static final class InvalidateAsid extends Invalidate {
        private final int t;

        InvalidateAsid(boolean broadcast, int t, int offset) {
            super(broadcast, offset);
            this.t = t;
        }

        @Override
        void invalidate(Mmu mmu, Arm64Cpu issuer) {
            mmu.flushAsid(OPERAND_ASID.getInt(issuer.x[t]));
        }
    }

    private static final class InvalidateAllAsids extends Invalidate {
        private final int t;

        InvalidateAllAsids(boolean broadcast, int t, int offset) {
            super(broadcast, offset);
            this.t = t;
        }

        @Override
        void invalidate(Mmu mmu, Arm64Cpu issuer) {
            mmu.dropAllAsids(address(issuer.x[t]));
        }
    }

    /** Maintenance of a whole cache. */
    private static final class PrivilegedNop extends Op {
        @Override
        void exec(Arm64Cpu cpu) {
            if (cpu.el == 0) {
                throw cpu.undefined();
            }
        }
    }

    /** Maintenance of one line: faults as a load would, reported as a write with CM set. */
    private static final class CacheByAddress extends Op {
        private final int t;
        private final boolean allowedAtEl0;
        private final long trap;

        CacheByAddress(int t, boolean allowedAtEl0, long trap) {
            this.t = t;
            this.allowedAtEl0 = allowedAtEl0;
            this.trap = trap;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            if (cpu.el == 0) {
                if (!allowedAtEl0) {
                    throw cpu.undefined();
                }
                if (!SCTLR_UCI.isSet(cpu.system[Slot.SCTLR])) {
                    throw cpu.raise(trap);
                }
            }
            cpu.maintain(cpu.x[t]);
        }
    }

    /** DC ZVA. */
    private static final class Zero extends Op {
        private final int t;
        private final long trap;

        Zero(int t, long trap) {
            this.t = t;
            this.trap = trap;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            if (cpu.el == 0 && !SCTLR_DZE.isSet(cpu.system[Slot.SCTLR])) {
                throw cpu.raise(trap);
            }
            cpu.zeroBlock(cpu.x[t]);
        }
    }

    /** AT S1E1R, S1E1W, S1E0R, S1E0W: the result is in PAR_EL1. */
    private static final class Translate extends Op {
        private final int t;
        private final Mmu.Access access;
        private final boolean asUser;

        Translate(int t, Mmu.Access access, boolean asUser) {
            this.t = t;
            this.access = access;
            this.asUser = asUser;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            if (cpu.el == 0) {
                throw cpu.undefined();
            }
            cpu.system[Slot.PAR] = cpu.mmu.addressTranslation(cpu.x[t], access, asUser);
        }
    }
}
