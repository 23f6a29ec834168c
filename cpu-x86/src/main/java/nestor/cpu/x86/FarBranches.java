package nestor.cpu.x86;

/**
 * JMP, CALL and RET between code segments, and IRET. No call gates and no task switches: those
 * selectors are #GP.
 */
final class FarBranches {
    private static final int RIP = X86Cpu.RIP;
    private static final int RSP = X86Cpu.RSP;

    private FarBranches() {}

    /** 9A, CA, CB, CF and EA. */
    static Op of(Instruction in) throws Instruction.Truncated {
        return switch (in.opcode) {
            case 0x9a, 0xea -> direct(in);
            case 0xca -> new Return(in.operandBytes, (int) in.signed(2) & 0xffff);
            case 0xcb -> new Return(in.operandBytes, 0);
            default -> new InterruptReturn(in.operandBytes);
        };
    }

    private static Op direct(Instruction in) throws Instruction.Truncated {
        boolean call = in.opcode == 0x9a;
        int bytes = in.operandBytes;
        long offset = in.signed(bytes) & Operand.mask(bytes);
        int selector = (int) in.signed(2) & 0xffff;
        return in.mode64 ? Undefined.OP : new Direct(call, offset, selector, bytes, in.end());
    }

    /** FF /3 and /5. */
    static Op indirect(Instruction in) {
        return in.isRegister()
                ? Undefined.OP
                : new Indirect(in.extension() == 3, in.memory(), in.operandBytes, in.end());
    }

    private static void transfer(
            X86Cpu cpu, boolean call, int selector, long offset, int bytes, int next) {
        Descriptor code = cpu.segments.jumpTarget(selector);
        boolean to64 = ControlRegister.EFER_LMA.isSet(cpu.efer) && code.isLong();
        if (to64) {
            cpu.checkTarget(offset);
        }
        if (call) {
            long before = cpu.x[RSP];
            try {
                Stack.push(cpu, bytes, cpu.segments.get(Segment.CS).selector());
                Stack.push(cpu, bytes, cpu.x[RIP] + next);
            } catch (X86Exception e) {
                cpu.x[RSP] = before;
                throw e;
            }
        }
        cpu.segments.setCode(code);
        cpu.x[RIP] = to64 ? offset : offset & 0xffff_ffffL;
    }

    private static final class Direct extends Op.Transfer {
        private final boolean call;
        private final long offset;
        private final int selector;
        private final int bytes;
        private final int next;

        Direct(boolean call, long offset, int selector, int bytes, int next) {
            this.call = call;
            this.offset = offset;
            this.selector = selector;
            this.bytes = bytes;
            this.next = next;
        }

        @Override
        void exec(X86Cpu cpu) {
            transfer(cpu, call, selector, offset, bytes, next);
        }

        @Override
        boolean usesStack() {
            return true;
        }
    }

    private static final class Indirect extends Op.Transfer {
        private final boolean call;
        private final Address address;
        private final int bytes;
        private final int next;

        Indirect(boolean call, Address address, int bytes, int next) {
            this.call = call;
            this.address = address;
            this.bytes = bytes;
            this.next = next;
        }

        @Override
        void exec(X86Cpu cpu) {
            long offset = cpu.load(address.of(cpu), bytes);
            int selector = (int) cpu.load(address.of(cpu, bytes), 2);
            transfer(cpu, call, selector, offset, bytes, next);
        }

        @Override
        boolean usesStack() {
            return true;
        }
    }

    /** A value on the stack, {@code index} places up, zero-extended. */
    private static long stacked(X86Cpu cpu, int index, int bytes) {
        return cpu.load(Stack.linear(cpu, cpu.x[RSP] + (long) index * bytes), bytes);
    }

    private static final class Return extends Op.Transfer {
        private final int bytes;
        private final int released;

        Return(int bytes, int released) {
            this.bytes = bytes;
            this.released = released;
        }

        @Override
        void exec(X86Cpu cpu) {
            long rip = stacked(cpu, 0, bytes);
            Descriptor code = cpu.segments.returnTarget((int) stacked(cpu, 1, bytes) & 0xffff);
            boolean to64 = ControlRegister.EFER_LMA.isSet(cpu.efer) && code.isLong();
            if (to64) {
                cpu.checkTarget(rip);
            }
            int level = code.selector() & 3;
            if (level == cpu.cpl) {
                cpu.x[RSP] = Stack.offset(cpu, cpu.x[RSP] + 2L * bytes + released);
                cpu.segments.setCode(code);
            } else {
                long up = Stack.linear(cpu, cpu.x[RSP] + 2L * bytes + released);
                long rsp = cpu.load(up, bytes);
                int selector = (int) cpu.load(up + bytes, 2);
                Descriptor stack = cpu.segments.returnStack(selector, level, to64);
                cpu.segments.set(Segment.SS, stack);
                cpu.segments.setCode(code);
                cpu.x[RSP] = Stack.offset(cpu, rsp + released);
                cpu.segments.dropInner();
            }
            cpu.x[RIP] = rip;
        }

        @Override
        boolean usesStack() {
            return true;
        }
    }

    /** IRET, IRETD and IRETQ (3A §6.14.3 in long mode). */
    private static final class InterruptReturn extends Op.Transfer {
        private final int bytes;

        InterruptReturn(int bytes) {
            this.bytes = bytes;
        }

        @Override
        void exec(X86Cpu cpu) {
            if ((cpu.otherFlags & Flags.NT) != 0) {
                throw cpu.generalProtection();
            }
            long rip = stacked(cpu, 0, bytes);
            int selector = (int) stacked(cpu, 1, bytes) & 0xffff;
            int image = (int) stacked(cpu, 2, bytes);
            Descriptor code = cpu.segments.returnTarget(selector);
            boolean to64 = ControlRegister.EFER_LMA.isSet(cpu.efer) && code.isLong();
            if (to64) {
                cpu.checkTarget(rip);
            }
            int from = cpu.cpl;
            int level = selector & 3;
            long rsp = Stack.offset(cpu, cpu.x[RSP] + 3L * bytes);
            if (cpu.mode64 || level != from) {
                rsp = stacked(cpu, 3, bytes);
                int stackSelector = (int) stacked(cpu, 4, bytes) & 0xffff;
                cpu.segments.set(
                        Segment.SS, cpu.segments.returnStack(stackSelector, level, to64));
            }
            int mask = Flags.ARITHMETIC | Flags.TF | Flags.DF | Flags.NT | Flags.AC | Flags.ID;
            mask |= from <= cpu.ioPrivilegeLevel() ? Flags.IF : 0;
            mask |= from == 0 ? Flags.IOPL : 0;
            cpu.segments.setCode(code);
            cpu.x[RSP] = rsp;
            cpu.x[RIP] = rip;
            cpu.replaceFlags(image, bytes == 2 ? mask & 0xffff : mask);
            cpu.nmiBlocked = false;
            if (level > from) {
                cpu.segments.dropInner();
            }
        }

        @Override
        boolean usesStack() {
            return true;
        }
    }
}
