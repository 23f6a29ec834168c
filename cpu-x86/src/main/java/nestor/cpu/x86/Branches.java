package nestor.cpu.x86;

/** Jcc, JMP, CALL, RET, LOOP and JRCXZ inside one code segment. */
final class Branches {
    private static final int RIP = X86Cpu.RIP;
    private static final long WORD = 0xffff_ffffL;

    private Branches() {}

    /** 70-7F, and 0F 80-8F. */
    static Op conditional(Instruction in, int bytes) throws Instruction.Truncated {
        int condition = in.opcode & 0xf;
        long displacement = in.signed(bytes);
        int next = in.end();
        long taken = next + displacement;
        if (!in.mode64) {
            return new Jump32(condition, next, taken);
        }
        boolean inverted = (condition & 1) != 0;
        long whenSet = inverted ? next : taken;
        long whenClear = inverted ? taken : next;
        return switch (condition >>> 1) {
            case 1 -> new OnCarry(condition & ~1, whenSet, whenClear);
            case 2 -> new OnZero(condition & ~1, whenSet, whenClear);
            case 4 -> new OnSign(condition & ~1, whenSet, whenClear);
            default -> new OnCondition(condition & ~1, whenSet, whenClear);
        };
    }

    /** E9 and EB. */
    static Op jump(Instruction in, int bytes) throws Instruction.Truncated {
        long displacement = in.signed(bytes);
        return new Jump(in.end() + displacement, mask(in));
    }

    /** E8. */
    static Op call(Instruction in) throws Instruction.Truncated {
        long displacement = in.signed(4);
        int next = in.end();
        return in.mode64
                ? new Call64(next, next + displacement)
                : new Call32(next, next + displacement);
    }

    /** FF /2 and /4. */
    static Op indirect(Instruction in) {
        Operand target = in.rmOperand(in.mode64 ? 8 : 4);
        return in.extension() == 4
                ? new JumpTo(target, in.mode64)
                : new CallTo(target, in.end(), in.mode64);
    }

    /** C2 and C3. */
    static Op ret(Instruction in) throws Instruction.Truncated {
        int released = in.opcode == 0xc2 ? (int) in.signed(2) & 0xffff : 0;
        return in.mode64 ? new Return64(released) : new Return32(released);
    }

    /** E0-E3. */
    static Op loop(Instruction in) throws Instruction.Truncated {
        long displacement = in.signed(1);
        return new Loop(in.opcode & 3, in.end(), in.end() + displacement, in.addressMask, mask(in));
    }

    private static long mask(Instruction in) {
        return in.mode64 ? -1L : WORD;
    }

    /** Goes one of two ways. */
    abstract static class TwoWay extends Op.Transfer {
        /** As in the opcode, without the bit that inverts. */
        final int condition;

        final long whenSet;
        final long whenClear;

        TwoWay(int condition, long whenSet, long whenClear) {
            this.condition = condition;
            this.whenSet = whenSet;
            this.whenClear = whenClear;
        }
    }

    private static final class OnCarry extends TwoWay {
        OnCarry(int condition, long whenSet, long whenClear) {
            super(condition, whenSet, whenClear);
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[RIP] += Flags.carry(cpu) != 0 ? whenSet : whenClear;
        }
    }

    private static final class OnZero extends TwoWay {
        OnZero(int condition, long whenSet, long whenClear) {
            super(condition, whenSet, whenClear);
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[RIP] += cpu.flagResult == 0 ? whenSet : whenClear;
        }
    }

    private static final class OnSign extends TwoWay {
        OnSign(int condition, long whenSet, long whenClear) {
            super(condition, whenSet, whenClear);
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[RIP] += Flags.sign(cpu) ? whenSet : whenClear;
        }
    }

    private static final class OnCondition extends TwoWay {
        OnCondition(int condition, long whenSet, long whenClear) {
            super(condition, whenSet, whenClear);
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[RIP] += Flags.holds(cpu, condition) ? whenSet : whenClear;
        }
    }

    private static final class Jump32 extends Op.Transfer {
        private final int condition;
        private final long next;
        private final long taken;

        Jump32(int condition, long next, long taken) {
            this.condition = condition;
            this.next = next;
            this.taken = taken;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[RIP] = cpu.x[RIP] + (Flags.holds(cpu, condition) ? taken : next) & WORD;
        }
    }

    private static final class Jump extends Op.Transfer {
        private final long target;
        private final long mask;

        Jump(long target, long mask) {
            this.target = target;
            this.mask = mask;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[RIP] = cpu.x[RIP] + target & mask;
        }
    }

    private static final class Call64 extends Op.Transfer {
        private final long next;
        private final long target;

        Call64(long next, long target) {
            this.next = next;
            this.target = target;
        }

        @Override
        void exec(X86Cpu cpu) {
            long rip = cpu.x[RIP];
            long rsp = cpu.x[X86Cpu.RSP] - 8;
            cpu.store64(rsp, rip + next);
            cpu.x[X86Cpu.RSP] = rsp;
            cpu.x[RIP] = rip + target;
        }

        @Override
        boolean usesStack() {
            return true;
        }
    }

    private static final class Call32 extends Op.Transfer {
        private final long next;
        private final long target;

        Call32(long next, long target) {
            this.next = next;
            this.target = target;
        }

        @Override
        void exec(X86Cpu cpu) {
            long rip = cpu.x[RIP];
            Stack.push(cpu, 4, rip + next);
            cpu.x[RIP] = rip + target & WORD;
        }
    }

    private static final class JumpTo extends Op.Transfer {
        private final Operand target;
        private final boolean mode64;

        JumpTo(Operand target, boolean mode64) {
            this.target = target;
            this.mode64 = mode64;
        }

        @Override
        void exec(X86Cpu cpu) {
            long to = target.read(cpu);
            if (mode64) {
                cpu.checkTarget(to);
            }
            cpu.x[RIP] = mode64 ? to : to & WORD;
        }

        @Override
        boolean usesStack() {
            return target.isStack();
        }
    }

    private static final class CallTo extends Op.Transfer {
        private final Operand target;
        private final long next;
        private final boolean mode64;

        CallTo(Operand target, long next, boolean mode64) {
            this.target = target;
            this.next = next;
            this.mode64 = mode64;
        }

        @Override
        void exec(X86Cpu cpu) {
            long to = target.read(cpu);
            if (mode64) {
                cpu.checkTarget(to);
            }
            Stack.push(cpu, mode64 ? 8 : 4, cpu.x[RIP] + next);
            cpu.x[RIP] = mode64 ? to : to & WORD;
        }

        @Override
        boolean usesStack() {
            return true;
        }
    }

    static final class Return64 extends Op.Transfer {
        /** Bytes that it takes off the stack. */
        final long released;

        Return64(int released) {
            this.released = 8L + released;
        }

        @Override
        void exec(X86Cpu cpu) {
            long rsp = cpu.x[X86Cpu.RSP];
            long to = cpu.load64(rsp);
            cpu.checkTarget(to);
            cpu.x[X86Cpu.RSP] = rsp + released;
            cpu.x[RIP] = to;
        }

        @Override
        boolean usesStack() {
            return true;
        }
    }

    private static final class Return32 extends Op.Transfer {
        private final long released;

        Return32(int released) {
            this.released = released;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[RIP] = Stack.pop(cpu, 4);
            cpu.x[X86Cpu.RSP] = cpu.x[X86Cpu.RSP] + released & WORD;
        }
    }

    private static final class Loop extends Op.Transfer {
        private static final int LOOPNE = 0;
        private static final int LOOPE = 1;
        private static final int JRCXZ = 3;

        private final int kind;
        private final long next;
        private final long taken;
        private final long countMask;
        private final long mask;

        Loop(int kind, long next, long taken, long countMask, long mask) {
            this.kind = kind;
            this.next = next;
            this.taken = taken;
            this.countMask = countMask;
            this.mask = mask;
        }

        @Override
        void exec(X86Cpu cpu) {
            long count = cpu.x[X86Cpu.RCX] & countMask;
            boolean jumps;
            if (kind == JRCXZ) {
                jumps = count == 0;
            } else {
                count = count - 1 & countMask;
                cpu.x[X86Cpu.RCX] = Strings.merged(cpu.x[X86Cpu.RCX], count, countMask);
                jumps =
                        count != 0
                                && switch (kind) {
                                    case LOOPNE -> !Flags.zero(cpu);
                                    case LOOPE -> Flags.zero(cpu);
                                    default -> true;
                                };
            }
            cpu.x[RIP] = cpu.x[RIP] + (jumps ? taken : next) & mask;
        }
    }
}
