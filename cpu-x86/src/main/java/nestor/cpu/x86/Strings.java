package nestor.cpu.x86;

import nestor.cpu.HostMemory;
import nestor.cpu.RamMap;

/** MOVS, CMPS, STOS, LODS, SCAS, INS and OUTS, repeated or not. */
final class Strings {
    private static final int RCX = X86Cpu.RCX;
    private static final int RSI = X86Cpu.RSI;
    private static final int RDI = X86Cpu.RDI;
    private static final int RAX = X86Cpu.RAX;

    /** Iterations after which a repetition lets interrupts in. */
    private static final int SLICE = 4096;

    private Strings() {}

    /** 6C-6F, A4-A7 and AA-AF. */
    static Op of(Instruction in) {
        int bytes = (in.opcode & 1) == 0 ? 1 : in.operandBytes;
        Operation operation =
                switch (in.opcode & ~1) {
                    case 0xa4 -> new Move();
                    case 0xa6 -> new Compare();
                    case 0xaa -> new Store();
                    case 0xac -> new Load();
                    case 0xae -> new Scan();
                    case 0x6c -> new Input();
                    default -> new Output();
                };
        boolean io = (in.opcode & 0xf0) == 0x60;
        Operands operands =
                new Operands(
                        io ? Math.min(bytes, 4) : bytes,
                        in.addressMask,
                        in.segmentBase(Segment.DS),
                        Address.baseOf(Segment.ES, in.mode64));
        return in.repeat == Instruction.NO_REPEAT
                ? new Once(operation, operands)
                : new Repeated(operation, operands, in);
    }

    /** A register after an operation of address size: 32 bits clear the rest, 16 bits leave it. */
    static long merged(long before, long value, long mask) {
        return mask == 0xffffL ? before & ~mask | value & mask : value & mask;
    }

    /**
     * What every string instruction knows.
     *
     * @param source index in {@link X86Cpu#x} of the segment base for RSI
     * @param destination index in {@link X86Cpu#x} of the segment base for RDI
     */
    private record Operands(int bytes, long mask, int source, int destination) {
        long sourceAddress(X86Cpu cpu) {
            return (cpu.x[RSI] & mask) + cpu.x[source];
        }

        long destinationAddress(X86Cpu cpu) {
            return (cpu.x[RDI] & mask) + cpu.x[destination];
        }

        void advance(X86Cpu cpu, int register, long count) {
            long step = (cpu.otherFlags & Flags.DF) == 0 ? bytes * count : -bytes * count;
            cpu.x[register] = merged(cpu.x[register], cpu.x[register] + step, mask);
        }
    }

    /** One iteration. */
    private abstract static class Operation {
        abstract void step(X86Cpu cpu, Operands operands);

        /** Whether a repetition ends with ZF as well. */
        boolean compares() {
            return false;
        }

        /** Does some of up to {@code limit} iterations at once; returns how many. */
        long bulk(X86Cpu cpu, Operands operands, long limit) {
            return 0;
        }
    }

    private static final class Once extends Op {
        private final Operation operation;
        private final Operands operands;

        Once(Operation operation, Operands operands) {
            this.operation = operation;
            this.operands = operands;
        }

        @Override
        void exec(X86Cpu cpu) {
            operation.step(cpu, operands);
        }
    }

    /** Ends its block: it goes on at itself while there is more to do. */
    private static final class Repeated extends Op.Transfer {
        private final Operation operation;
        private final Operands operands;
        private final boolean whileZero;
        private final long ripMask;
        private final int start;
        private final int end;

        Repeated(Operation operation, Operands operands, Instruction in) {
            this.operation = operation;
            this.operands = operands;
            whileZero = in.repeat == Instruction.REP;
            ripMask = in.mode64 ? -1L : 0xffff_ffffL;
            start = in.start;
            end = in.end();
        }

        @Override
        void exec(X86Cpu cpu) {
            boolean done = repeat(cpu);
            cpu.x[X86Cpu.RIP] = cpu.x[X86Cpu.RIP] + (done ? end : start) & ripMask;
        }

        private boolean repeat(X86Cpu cpu) {
            long left = SLICE;
            while (left > 0) {
                long count = cpu.x[RCX] & operands.mask;
                if (count == 0) {
                    return true;
                }
                long limit = Long.compareUnsigned(count, left) < 0 ? count : left;
                long done = operation.bulk(cpu, operands, limit);
                if (done == 0) {
                    operation.step(cpu, operands);
                    done = 1;
                }
                count -= done;
                left -= done;
                cpu.x[RCX] = merged(cpu.x[RCX], count, operands.mask);
                if (operation.compares() && Flags.zero(cpu) != whileZero) {
                    return true;
                }
            }
            cpu.budget -= SLICE / 8;
            return (cpu.x[RCX] & operands.mask) == 0;
        }
    }

    private static final class Move extends Operation {
        @Override
        void step(X86Cpu cpu, Operands operands) {
            int bytes = operands.bytes;
            long value = cpu.load(operands.sourceAddress(cpu), bytes);
            cpu.store(operands.destinationAddress(cpu), bytes, value);
            operands.advance(cpu, RSI, 1);
            operands.advance(cpu, RDI, 1);
        }

        @Override
        long bulk(X86Cpu cpu, Operands operands, long limit) {
            long source = operands.sourceAddress(cpu);
            long destination = operands.destinationAddress(cpu);
            long from = cpu.readable(source);
            long to = cpu.writable(destination);
            if (from == RamMap.NONE || to == RamMap.NONE || (cpu.otherFlags & Flags.DF) != 0) {
                return 0;
            }
            int log2 = Integer.numberOfTrailingZeros(operands.bytes);
            long room = Math.min(X86Cpu.toPageEnd(source), X86Cpu.toPageEnd(destination));
            long count = Math.min(limit, room >> log2);
            long size = count << log2;
            boolean overlaps = Long.compareUnsigned(to - from, size) < 0 && to != from;
            if (count == 0 || overlaps) {
                return 0;
            }
            HostMemory.copy(from, to, size);
            operands.advance(cpu, RSI, count);
            operands.advance(cpu, RDI, count);
            return count;
        }
    }

    private static final class Store extends Operation {
        @Override
        void step(X86Cpu cpu, Operands operands) {
            cpu.store(operands.destinationAddress(cpu), operands.bytes, cpu.x[RAX]);
            operands.advance(cpu, RDI, 1);
        }

        @Override
        long bulk(X86Cpu cpu, Operands operands, long limit) {
            int bytes = operands.bytes;
            long destination = operands.destinationAddress(cpu);
            long to = cpu.writable(destination);
            if (to == RamMap.NONE || (cpu.otherFlags & Flags.DF) != 0) {
                return 0;
            }
            int log2 = Integer.numberOfTrailingZeros(bytes);
            long count = Math.min(limit, X86Cpu.toPageEnd(destination) >> log2);
            long value = cpu.x[RAX];
            for (long i = 0; i < count; i++) {
                HostMemory.put(to + (i << log2), bytes, value);
            }
            operands.advance(cpu, RDI, count);
            return count;
        }
    }

    private static final class Load extends Operation {
        @Override
        void step(X86Cpu cpu, Operands operands) {
            long value = cpu.load(operands.sourceAddress(cpu), operands.bytes);
            long mask = Operand.mask(operands.bytes);
            cpu.x[RAX] = operands.bytes >= 4 ? value : cpu.x[RAX] & ~mask | value;
            operands.advance(cpu, RSI, 1);
        }
    }

    private static final class Compare extends Operation {
        @Override
        void step(X86Cpu cpu, Operands operands) {
            int bytes = operands.bytes;
            long a = Operand.signed(cpu.load(operands.sourceAddress(cpu), bytes), bytes);
            long b = Operand.signed(cpu.load(operands.destinationAddress(cpu), bytes), bytes);
            operands.advance(cpu, RSI, 1);
            operands.advance(cpu, RDI, 1);
            Flags.ofSubtract(cpu, a, b, Operand.signed(a - b, bytes));
        }

        @Override
        boolean compares() {
            return true;
        }
    }

    private static final class Scan extends Operation {
        @Override
        void step(X86Cpu cpu, Operands operands) {
            int bytes = operands.bytes;
            long a = Operand.signed(cpu.x[RAX], bytes);
            long b = Operand.signed(cpu.load(operands.destinationAddress(cpu), bytes), bytes);
            operands.advance(cpu, RDI, 1);
            Flags.ofSubtract(cpu, a, b, Operand.signed(a - b, bytes));
        }

        @Override
        boolean compares() {
            return true;
        }
    }

    private static final class Input extends Operation {
        @Override
        void step(X86Cpu cpu, Operands operands) {
            int port = (int) cpu.x[X86Cpu.RDX] & 0xffff;
            int bytes = operands.bytes;
            PortAccess.check(cpu, port, bytes);
            long va = operands.destinationAddress(cpu);
            cpu.loadForUpdate(va, bytes); // the fault comes before the port is read
            cpu.store(va, bytes, PortAccess.read(cpu, port, bytes));
            operands.advance(cpu, RDI, 1);
        }
    }

    private static final class Output extends Operation {
        @Override
        void step(X86Cpu cpu, Operands operands) {
            int port = (int) cpu.x[X86Cpu.RDX] & 0xffff;
            int bytes = operands.bytes;
            PortAccess.check(cpu, port, bytes);
            long value = cpu.load(operands.sourceAddress(cpu), bytes);
            PortAccess.write(cpu, port, bytes, (int) value);
            operands.advance(cpu, RSI, 1);
        }
    }
}
