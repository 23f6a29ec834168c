package nestor.cpu.x86;

/** XCHG, XADD, CMPXCHG, CMPXCHG8B and CMPXCHG16B. */
final class Exchange {
    private Exchange() {}

    /** 86 and 87; with memory always locked. */
    static Op xchg(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int bytes = (in.opcode & 1) == 0 ? 1 : in.operandBytes;
        in.takeLock();
        return in.isRegister()
                ? new Registers(in.rmOperand(bytes), in.regOperand(bytes))
                : new WithMemory(in.memory(), in.regOperand(bytes));
    }

    /** 91-97, and 90 with REX.B. */
    static Op withAccumulator(Instruction in) {
        int bytes = in.operandBytes;
        return new Registers(
                Operand.register(in.opcodeRegister(), bytes, true),
                Operand.register(X86Cpu.RAX, bytes, true));
    }

    /** 0F C0 and C1. */
    static Op xadd(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int bytes = (in.opcode & 1) == 0 ? 1 : in.operandBytes;
        boolean locked = in.takeLock();
        return in.isRegister()
                ? new AddRegisters(in.rmOperand(bytes), in.regOperand(bytes))
                : new AddToMemory(in.memory(), in.regOperand(bytes), locked);
    }

    /** 0F B0 and B1. */
    static Op cmpxchg(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int bytes = (in.opcode & 1) == 0 ? 1 : in.operandBytes;
        in.takeLock();
        return in.isRegister()
                ? new CompareRegisters(in.rmOperand(bytes), in.regOperand(bytes))
                : new CompareMemory(in.memory(), in.regOperand(bytes));
    }

    /** 0F C7 /1. */
    static Op cmpxchgPair(Instruction in) {
        in.takeLock();
        if (in.isRegister()) {
            return Undefined.OP;
        }
        return in.wide() ? new Compare16Bytes(in.memory()) : new Compare8Bytes(in.memory());
    }

    private static final class Registers extends Op {
        private final Operand first;
        private final Operand second;

        Registers(Operand first, Operand second) {
            this.first = first;
            this.second = second;
        }

        @Override
        void exec(X86Cpu cpu) {
            long value = first.read(cpu);
            first.write(cpu, second.read(cpu));
            second.write(cpu, value);
        }
    }

    private abstract static class OnMemory extends Op {
        final Address address;

        OnMemory(Address address) {
            this.address = address;
        }

        @Override
        final boolean usesStack() {
            return address.stack;
        }
    }

    private static final class WithMemory extends OnMemory {
        private final Operand register;

        WithMemory(Address address, Operand register) {
            super(address);
            this.register = register;
        }

        @Override
        void exec(X86Cpu cpu) {
            int bytes = register.bytes;
            long va = address.of(cpu);
            long value = register.read(cpu);
            long seen = cpu.loadForUpdate(va, bytes);
            long expected;
            do {
                expected = seen;
                seen = cpu.compareAndExchange(va, bytes, expected, value);
            } while (seen != expected);
            register.write(cpu, seen);
        }
    }

    private static final class AddRegisters extends Op {
        private final Operand destination;
        private final Operand source;

        AddRegisters(Operand destination, Operand source) {
            this.destination = destination;
            this.source = source;
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = destination.read(cpu);
            long b = source.read(cpu);
            long r = Operand.signed(a + b, destination.bytes);
            source.write(cpu, a);
            destination.write(cpu, r);
            Flags.ofAdd(cpu, a, b, r);
        }
    }

    private static final class AddToMemory extends OnMemory {
        private final Operand source;
        private final boolean locked;

        AddToMemory(Address address, Operand source, boolean locked) {
            super(address);
            this.source = source;
            this.locked = locked;
        }

        @Override
        void exec(X86Cpu cpu) {
            int bytes = source.bytes;
            long va = address.of(cpu);
            long b = source.read(cpu);
            long seen = cpu.loadForUpdate(va, bytes);
            if (locked) {
                long expected;
                do {
                    expected = seen;
                    seen = cpu.compareAndExchange(va, bytes, expected, expected + b);
                } while (seen != expected);
            } else {
                cpu.store(va, bytes, seen + b);
            }
            long a = Operand.signed(seen, bytes);
            source.write(cpu, a);
            Flags.ofAdd(cpu, a, b, Operand.signed(a + b, bytes));
        }
    }

    private static final class CompareRegisters extends Op {
        private final Operand destination;
        private final Operand source;
        private final Operand accumulator;

        CompareRegisters(Operand destination, Operand source) {
            this.destination = destination;
            this.source = source;
            accumulator = Operand.register(X86Cpu.RAX, source.bytes, true);
        }

        @Override
        void exec(X86Cpu cpu) {
            long a = accumulator.read(cpu);
            long b = destination.read(cpu);
            if (a == b) {
                destination.write(cpu, source.read(cpu));
            } else {
                accumulator.write(cpu, b); // the destination is not even zero-extended
            }
            Flags.ofSubtract(cpu, a, b, Operand.signed(a - b, source.bytes));
        }
    }

    /** Atomic, whether or not it is locked; always writes (2A, CMPXCHG). */
    private static final class CompareMemory extends OnMemory {
        private final Operand source;
        private final Operand accumulator;

        CompareMemory(Address address, Operand source) {
            super(address);
            this.source = source;
            accumulator = Operand.register(X86Cpu.RAX, source.bytes, true);
        }

        @Override
        void exec(X86Cpu cpu) {
            int bytes = source.bytes;
            long a = accumulator.read(cpu);
            long seen = cpu.compareAndExchange(address.of(cpu), bytes, a, source.read(cpu));
            long b = Operand.signed(seen, bytes);
            if (a != b) {
                accumulator.write(cpu, b);
            }
            Flags.ofSubtract(cpu, a, b, Operand.signed(a - b, bytes));
        }
    }

    private static final class Compare8Bytes extends OnMemory {
        Compare8Bytes(Address address) {
            super(address);
        }

        @Override
        void exec(X86Cpu cpu) {
            long[] x = cpu.x;
            long expected = x[X86Cpu.RDX] << 32 | x[X86Cpu.RAX] & 0xffff_ffffL;
            long value = x[X86Cpu.RCX] << 32 | x[X86Cpu.RBX] & 0xffff_ffffL;
            long seen = cpu.compareAndExchange(address.of(cpu), 8, expected, value);
            if (seen != expected) {
                x[X86Cpu.RAX] = seen & 0xffff_ffffL;
                x[X86Cpu.RDX] = seen >>> 32;
            }
            Flags.setZero(cpu, seen == expected);
        }
    }

    /** Atomic towards processors; towards devices each half is. */
    private static final class Compare16Bytes extends OnMemory {
        Compare16Bytes(Address address) {
            super(address);
        }

        @Override
        void exec(X86Cpu cpu) {
            long va = address.of(cpu);
            if ((va & 15) != 0) {
                throw cpu.generalProtection();
            }
            cpu.domain.exclusively(() -> exchange(cpu, va));
        }

        private static void exchange(X86Cpu cpu, long va) {
            long[] x = cpu.x;
            long low = cpu.loadForUpdate(va, 8);
            long high = cpu.loadForUpdate(va + 8, 8);
            boolean equal = low == x[X86Cpu.RAX] && high == x[X86Cpu.RDX];
            cpu.store64(va, equal ? x[X86Cpu.RBX] : low);
            cpu.store64(va + 8, equal ? x[X86Cpu.RCX] : high);
            if (!equal) {
                x[X86Cpu.RAX] = low;
                x[X86Cpu.RDX] = high;
            }
            Flags.setZero(cpu, equal);
        }
    }
}
