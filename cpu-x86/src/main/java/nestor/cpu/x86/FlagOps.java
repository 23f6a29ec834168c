package nestor.cpu.x86;

/** CLC, STC, CMC, CLD, STD, CLI, STI, LAHF and SAHF. */
final class FlagOps {
    private FlagOps() {}

    /** F5 and F8-FD. */
    static Op of(Instruction in) {
        return switch (in.opcode) {
            case 0xf5 -> new Carry(-1);
            case 0xf8 -> new Carry(0);
            case 0xf9 -> new Carry(1);
            case 0xfa -> new ClearInterruptFlag();
            case 0xfb -> new SetInterruptFlag(in.end());
            case 0xfc -> new Direction(0);
            default -> new Direction(Flags.DF);
        };
    }

    /** 9E. */
    static Op storeAh() {
        return new StoreAh();
    }

    /** 9F. */
    static Op loadAh() {
        return new LoadAh();
    }

    /** To 0, to 1 or, if negative, to the opposite. */
    private static final class Carry extends Op {
        private final int value;

        Carry(int value) {
            this.value = value;
        }

        @Override
        void exec(X86Cpu cpu) {
            Flags.setCarry(cpu, value < 0 ? Flags.carry(cpu) ^ 1 : value);
        }
    }

    private static final class Direction extends Op {
        private final int value;

        Direction(int value) {
            this.value = value;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.otherFlags = cpu.otherFlags & ~Flags.DF | value;
        }
    }

    private static void checkPrivilege(X86Cpu cpu) {
        if (cpu.cpl > cpu.ioPrivilegeLevel()) {
            throw cpu.generalProtection();
        }
    }

    private static final class ClearInterruptFlag extends Op {
        @Override
        void exec(X86Cpu cpu) {
            checkPrivilege(cpu);
            cpu.otherFlags &= ~Flags.IF;
        }
    }

    /** Interrupts stay inhibited up to the end of the next instruction. */
    private static final class SetInterruptFlag extends Op {
        private final int next;

        SetInterruptFlag(int next) {
            this.next = next;
        }

        @Override
        void exec(X86Cpu cpu) {
            checkPrivilege(cpu);
            if ((cpu.otherFlags & Flags.IF) == 0) {
                cpu.otherFlags |= Flags.IF;
                cpu.inhibitInterruptsAt(cpu.x[X86Cpu.RIP] + next);
                cpu.checkInterrupts();
            }
        }
    }

    private static final class StoreAh extends Op {
        private static final int MASK = Flags.CF | Flags.PF | Flags.AF | Flags.ZF | Flags.SF;

        @Override
        void exec(X86Cpu cpu) {
            int ah = (int) (cpu.x[X86Cpu.RAX] >>> 8);
            Flags.set(cpu, Flags.get(cpu) & Flags.OF | ah & MASK);
        }
    }

    private static final class LoadAh extends Op {
        @Override
        void exec(X86Cpu cpu) {
            long ah = Flags.get(cpu) & 0xff | Flags.ALWAYS;
            cpu.x[X86Cpu.RAX] = cpu.x[X86Cpu.RAX] & ~0xff00L | ah << 8;
        }
    }
}
