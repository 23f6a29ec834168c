package nestor.cpu.x86;

/** SYSCALL and SYSRET in 64-bit mode (3A §5.8.8). SYSENTER and SYSEXIT are not there. */
final class SystemCalls {
    private static final int STAR_SYSCALL = 32;
    private static final int STAR_SYSRET = 48;
    private static final int CODE_64 = 0xa0_9b;
    private static final int DATA = 0xc0_93;
    private static final int CODE_32 = 0xc0_9b;
    private static final int DPL_3 = 3 << 5;
    private static final long FLAT_LIMIT = 0xffff_ffffL;

    private SystemCalls() {}

    /** 0F 05. */
    static Op enter(Instruction in) {
        return in.mode64 ? new Call(in.end()) : Undefined.OP;
    }

    /** 0F 07. */
    static Op leave(Instruction in) {
        return in.mode64 ? new Return(in.wide()) : Undefined.OP;
    }

    private static final class Call extends Op.Transfer {
        private final int next;

        Call(int next) {
            this.next = next;
        }

        @Override
        void exec(X86Cpu cpu) {
            if (!ControlRegister.EFER_SCE.isSet(cpu.efer)) {
                throw cpu.raise(Vector.UD);
            }
            Msrs msrs = cpu.msrs;
            cpu.x[X86Cpu.RCX] = cpu.x[X86Cpu.RIP] + next;
            cpu.x[X86Cpu.R11] = Flags.image(cpu) & ~Flags.RF;
            int selector = (int) (msrs.star >>> STAR_SYSCALL) & 0xfffc;
            cpu.segments.set(
                    Segment.SS, new Descriptor(selector + 8, 0, FLAT_LIMIT, DATA));
            int image = Flags.image(cpu) & ~(int) msrs.fmask;
            cpu.segments.setCode(new Descriptor(selector, 0, FLAT_LIMIT, CODE_64));
            cpu.replaceFlags(image, Flags.WRITABLE);
            cpu.x[X86Cpu.RIP] = msrs.lstar;
        }
    }

    private static final class Return extends Op.Transfer {
        private final boolean to64;

        Return(boolean to64) {
            this.to64 = to64;
        }

        @Override
        void exec(X86Cpu cpu) {
            if (!ControlRegister.EFER_SCE.isSet(cpu.efer)) {
                throw cpu.raise(Vector.UD);
            }
            cpu.checkSupervisor();
            long rip = cpu.x[X86Cpu.RCX];
            if (to64) {
                cpu.checkTarget(rip);
            }
            int base = (int) (cpu.msrs.star >>> STAR_SYSRET) & 0xffff;
            int selector = base + (to64 ? 16 : 0) | 3;
            int type = (to64 ? CODE_64 : CODE_32) | DPL_3;
            cpu.segments.set(
                    Segment.SS, new Descriptor(base + 8 | 3, 0, FLAT_LIMIT, DATA | DPL_3));
            cpu.segments.setCode(new Descriptor(selector, 0, FLAT_LIMIT, type));
            cpu.replaceFlags((int) cpu.x[X86Cpu.R11], Flags.WRITABLE);
            cpu.x[X86Cpu.RIP] = to64 ? rip : rip & FLAT_LIMIT;
        }
    }
}
