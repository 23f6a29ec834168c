package nestor.cpu.x86;

import nestor.cpu.HostMemory;
import nestor.cpu.SoftTlb;
import org.jspecify.annotations.Nullable;

/**
 * What functions begin and end with as one op: a run of PUSH and MOV between registers, and a run
 * of POP with the RET behind it. Where the stack it touches is not on one page that the software
 * TLB can have, nothing is done and the first instruction is executed by itself ({@link
 * X86Exception#ALONE}), so that each fault, watched access and store to code stays precise. A run
 * begins with an access to the stack or has none: the fault of the first access is the run's.
 */
final class StackRuns {
    private static final int RIP = X86Cpu.RIP;
    private static final int RSP = X86Cpu.RSP;
    private static final int SLOT_BYTES = 8;

    /** Of an {@link Entry}, whose steps have 9 bits, and of an {@link Exit}. */
    private static final int MAX_STEPS = 7;

    private static final int STEP_BITS = 9;
    private static final int NARROW_SHIFT = 8;
    private static final int REGISTER_BITS = 4;
    private static final int REGISTER = (1 << REGISTER_BITS) - 1;

    private StackRuns() {}

    /** A step of an {@link Entry}. */
    interface Step {
        /**
         * Bit 8: 32 bits wide. Registers: bits 7:4 the destination, RSP for a PUSH; bits 3:0 the
         * source.
         */
        int step();
    }

    /** The code of PUSH. */
    static int push(int r) {
        return RSP << REGISTER_BITS | r;
    }

    /** The code of MOV, if there is one. */
    static int move(int d, int n, boolean narrow) {
        return d == RSP ? NO_STEP : (narrow ? 1 << NARROW_SHIFT : 0) | d << REGISTER_BITS | n;
    }

    /** A run of this step and the next; null if that is none. */
    static @Nullable Op begin(Step first, Op next) {
        return first.step() == NO_STEP ? null : new Entry(first.step(), 1).fusedWith(next);
    }

    /** What {@link Step#step} returns of an instruction that no run may hold. */
    static final int NO_STEP = -1;

    private static final class Entry extends Op {
        private final long steps;
        private final int count;
        private final int pushedBytes;

        Entry(long steps, int count) {
            this.steps = steps;
            this.count = count;
            int pushes = 0;
            for (int i = 0; i < count; i++) {
                pushes += destination(steps >>> (i * STEP_BITS)) == RSP ? 1 : 0;
            }
            pushedBytes = pushes * SLOT_BYTES;
        }

        private static int destination(long step) {
            return (int) (step >>> REGISTER_BITS) & REGISTER;
        }

        @Override
        void exec(X86Cpu cpu) {
            long[] x = cpu.x;
            long rsp = x[RSP];
            long entry = cpu.tlb + SoftTlb.offset(rsp - pushedBytes);
            long page = (rsp - 1) & SoftTlb.PAGE_MASK;
            if (pushedBytes != 0 && HostMemory.getLong(entry + SoftTlb.WRITE) != page) {
                missed(cpu, entry + SoftTlb.WRITE, page, rsp - SLOT_BYTES, Mmu.Kind.WRITE);
            }
            long addend = HostMemory.getLong(entry + SoftTlb.ADDEND);
            long left = steps;
            for (int i = count; i > 0; i--) {
                long value = x[(int) left & REGISTER];
                int d = destination(left);
                if (d == RSP) {
                    rsp -= SLOT_BYTES;
                    HostMemory.putLong(rsp + addend, value);
                    x[RSP] = rsp;
                } else {
                    int cut = (int) (left >>> NARROW_SHIFT & 1) << 5;
                    x[d] = value << cut >>> cut;
                }
                left >>>= STEP_BITS;
            }
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            return count < MAX_STEPS && next instanceof Step step && canFollow(step.step())
                    ? new Entry(steps | (long) step.step() << (count * STEP_BITS), count + 1)
                    : null;
        }

        private boolean canFollow(int step) {
            return step != NO_STEP && (pushedBytes != 0 || destination(step) != RSP);
        }

        @Override
        int instructions() {
            return count;
        }

        @Override
        boolean usesStack() {
            return true;
        }
    }

    /** POP {@code r} and what is behind it; null if that is neither POP nor a plain RET. */
    static @Nullable Op end(int r, Op next) {
        return r == RSP ? null : new Exit(r, 1).fusedWith(next);
    }

    private static final class Exit extends Op {
        private final int registers;
        private final int count;

        Exit(int registers, int count) {
            this.registers = registers;
            this.count = count;
        }

        @Override
        void exec(X86Cpu cpu) {
            pop(cpu, registers, count, entry(cpu, count * SLOT_BYTES));
        }

        @Override
        @Nullable Op fusedWith(Op next) {
            if (next instanceof Stack.Pop64 pop && pop.r != RSP && count < MAX_STEPS) {
                return new Exit(registers | pop.r << (count * REGISTER_BITS), count + 1);
            }
            return next instanceof Branches.Return64 ret
                    ? new Return(registers, count, ret.released)
                    : null;
        }

        @Override
        int instructions() {
            return count;
        }

        @Override
        boolean usesStack() {
            return true;
        }
    }

    private static final class Return extends Op.Transfer {
        private final int registers;
        private final int count;
        private final long released;

        Return(int registers, int count, long released) {
            this.registers = registers;
            this.count = count;
            this.released = released;
        }

        @Override
        void exec(X86Cpu cpu) {
            long entry = entry(cpu, (count + 1) * SLOT_BYTES);
            long at = cpu.x[RSP] + (long) count * SLOT_BYTES;
            long to = HostMemory.getLong(at + HostMemory.getLong(entry + SoftTlb.ADDEND));
            if (!cpu.mmu.isCanonical(to)) {
                throw cpu.raise(X86Exception.ALONE);
            }
            pop(cpu, registers, count, entry);
            cpu.x[RSP] = at + released;
            cpu.x[RIP] = to;
        }

        @Override
        int instructions() {
            return count + 1;
        }

        @Override
        boolean usesStack() {
            return true;
        }
    }

    /** The TLB entry of the {@code bytes} from RSP on. */
    private static long entry(X86Cpu cpu, int bytes) {
        long rsp = cpu.x[RSP];
        long entry = cpu.tlb + SoftTlb.offset(rsp);
        long page = (rsp + bytes - 1) & SoftTlb.PAGE_MASK;
        if (HostMemory.getLong(entry + SoftTlb.READ) != page) {
            missed(cpu, entry + SoftTlb.READ, page, rsp, Mmu.Kind.READ);
        }
        return entry;
    }

    /** Has the TLB know the page of the first access, if it can; else there is no run. */
    private static void missed(X86Cpu cpu, long tag, long page, long va, Mmu.Kind kind) {
        cpu.mmu.resolve(cpu.mmu.current(), va, kind);
        if (HostMemory.getLong(tag) != page) {
            throw cpu.raise(X86Exception.ALONE);
        }
    }

    private static void pop(X86Cpu cpu, int registers, int count, long entry) {
        long[] x = cpu.x;
        long rsp = x[RSP];
        long host = rsp + HostMemory.getLong(entry + SoftTlb.ADDEND);
        int left = registers;
        for (int i = 0; i < count; i++) {
            x[left & REGISTER] = HostMemory.getLong(host + (long) i * SLOT_BYTES);
            left >>>= REGISTER_BITS;
        }
        x[RSP] = rsp + (long) count * SLOT_BYTES;
    }
}
