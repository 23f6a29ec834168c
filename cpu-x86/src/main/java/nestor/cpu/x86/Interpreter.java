package nestor.cpu.x86;

import java.util.Arrays;
import nestor.cpu.DebugUnit;
import nestor.cpu.HostMemory;
import nestor.cpu.JumpCache;
import nestor.cpu.RamMap;
import org.jspecify.annotations.Nullable;

/** The block loop: finds or decodes the block at RIP, executes it, and again. vCPU thread. */
final class Interpreter {
    /** Where an exception goes. */
    interface ExceptionPort {
        /**
         * Delivers an exception. RIP is of the instruction that raised it; of a single step, of the
         * one after.
         */
        void deliver(X86Exception exception);
    }

    private static final int RIP = X86Cpu.RIP;

    private final X86Cpu cpu;
    private final ExceptionPort exceptions;
    private final RamMap ram;
    private final Instruction instruction = new Instruction();

    private final Crossings crossings;

    /** What was executed last. */
    private JumpCache.Target<X86Block> here;

    Interpreter(X86Cpu cpu, ExceptionPort exceptions) {
        this.cpu = cpu;
        this.exceptions = exceptions;
        ram = cpu.cluster.ram;
        crossings = new Crossings(cpu);
        here = JumpCache.Target.once(0, new X86Block(0, new Op[0], 0, new short[1], true));
    }

    /** Runs until the budget of the slice is used up. */
    void run() {
        while (cpu.budget > 0) {
            if ((cpu.otherFlags & Flags.TF) != 0) {
                singleStep();
                continue;
            }
            JumpCache.Target<X86Block> target = cpu.jumps.follow(here, cpu.x[RIP]);
            if (target == null) {
                target = find(false);
            }
            if (target != null) {
                here = target;
                execute(target.block());
            }
        }
    }

    /** Executes one instruction, for a debugger, and ends the slice. */
    void step() {
        if ((cpu.otherFlags & Flags.TF) != 0) {
            singleStep();
        } else {
            JumpCache.Target<X86Block> target = find(true);
            if (target != null) {
                execute(target.block());
            }
        }
        cpu.endSlice();
    }

    /** Returns whether no exception was raised. */
    private boolean execute(X86Block block) {
        Op[] ops = block.ops;
        int instructions = block.instructions;
        cpu.budget -= instructions;
        int i = 0;
        try {
            for (; i < ops.length; i++) {
                ops[i].exec(cpu);
            }
            return true;
        } catch (X86Exception e) {
            raised(e, block, i);
            return false;
        } catch (DebugUnit.WatchedAccess e) {
            cpu.budget += instructions - executed(ops, i);
            cpu.x[RIP] += block.offset(i);
            cpu.endSlice();
            return false;
        }
    }

    private void raised(X86Exception e, X86Block block, int i) {
        int executed = executed(block.ops, i);
        if (e.vector == X86Exception.ALONE) {
            cpu.budget += block.instructions - executed;
            cpu.x[RIP] += block.offset(i);
            alone();
            return;
        }
        cpu.budget += block.instructions - Math.max(executed, 1);
        if (e.vector == X86Exception.RESTART) {
            restart(block, i);
        } else {
            deliver(e, block, i, block.ops[i]);
        }
    }

    /** Instructions in the first ops of a block; hints do not count here. */
    private static int executed(Op[] ops, int count) {
        int instructions = 0;
        for (int i = 0; i < count; i++) {
            instructions += ops[i].instructions();
        }
        return instructions;
    }

    /** The block was killed before its op number {@code next}. */
    private void restart(X86Block block, int next) {
        if (next == 0) {
            cpu.jumps.remove(cpu.x[RIP]);
        } else {
            cpu.x[RIP] += block.offset(next);
        }
    }

    /** The first instruction of an op that stands for several; the loop goes on behind it. */
    private void alone() {
        JumpCache.Target<X86Block> target = fetch(cpu.x[RIP], true);
        if (target != null) {
            execute(target.block());
        }
    }

    private void deliver(X86Exception e, X86Block block, int raised, Op op) {
        if (e.nonCanonical && op.usesStack()) {
            e.vector = Vector.SS;
        }
        cpu.x[RIP] += block.offset(raised);
        e.length = block.offset(raised + 1) - block.offset(raised);
        exceptions.deliver(e);
    }

    /** RFLAGS.TF: one instruction, then #DB (3A §17.3.1.4). */
    private void singleStep() {
        JumpCache.Target<X86Block> target = find(true);
        if (target != null && execute(target.block())) {
            X86Exception debug = cpu.raise(Vector.DB);
            debug.singleStep = true;
            exceptions.deliver(debug);
        }
    }

    /**
     * The block at RIP, or null if a breakpoint is there or fetching it raised an exception, which
     * is delivered.
     */
    private JumpCache.@Nullable Target<X86Block> find(boolean single) {
        long rip = cpu.x[RIP];
        if (cpu.debug != null && cpu.debug.stopsAt(rip)) {
            cpu.endSlice();
            return null;
        }
        return fetch(rip, single);
    }

    private JumpCache.@Nullable Target<X86Block> fetch(long rip, boolean single) {
        try {
            return lookup(rip, cpu.mmu.fetch(rip), single);
        } catch (X86Exception e) {
            cpu.budget--;
            exceptions.deliver(e);
            return null;
        }
    }

    private JumpCache.Target<X86Block> lookup(long rip, long gpa, boolean single) {
        X86Block block = single ? null : cpu.code.find(gpa);
        if (single || block != null && block.mode64 != cpu.mode64) {
            // Good for once: rare, and too short to change under way.
            return once(rip, gpa);
        }
        JumpCache.Target<X86Block> crossing = block == null ? crossings.find(rip, gpa) : null;
        if (crossing != null) {
            return crossing;
        }
        while (block == null) {
            Object token = cpu.code.watch(gpa);
            X86Block decoded = decode(gpa, X86Block.MAX_INSTRUCTIONS, RamMap.PAGE_BYTES);
            if (decoded == null) {
                return once(rip, gpa);
            }
            block = cpu.code.add(decoded, token) ? decoded : null;
        }
        if (cpu.debug != null && cpu.debug.holds(rip, block.sizeBytes())) {
            // Up to the next breakpoint, and not remembered: this is to be looked up each time.
            X86Block cut = decode(gpa, X86Block.MAX_INSTRUCTIONS, cpu.debug.room(rip));
            return cut != null ? JumpCache.Target.once(rip, cut) : once(rip, gpa);
        }
        return cpu.jumps.put(rip, block, cpu.mmu.current().tlb.fetchSizeLog2(rip));
    }

    /** One instruction, which may reach into the next page. */
    private JumpCache.Target<X86Block> once(long rip, long gpa) {
        X86Block block = decode(gpa, 1, RamMap.PAGE_BYTES);
        return block != null ? JumpCache.Target.once(rip, block) : crossing(rip, gpa);
    }

    /**
     * The run of up to {@code limit} instructions at {@code gpa} that begin in {@code room} bytes;
     * null if the first is not whole on its page.
     */
    private @Nullable X86Block decode(long gpa, int limit, long room) {
        long host = ram.hostAddress(gpa);
        int toPageEnd = toPageEnd(gpa);
        Op[] ops = new Op[limit + 1];
        short[] offsets = new short[limit + 1];
        int length = 0;
        int count = 0;
        int offset = 0;
        boolean ended = false;
        instruction.mode64 = cpu.mode64;
        long end = Math.min(toPageEnd, room);
        while (!ended && count < limit && offset < end) {
            int atHand = Math.min(toPageEnd - offset, Instruction.MAX_BYTES);
            instruction.from(host + offset, atHand);
            Op op;
            try {
                op = Decoder.decode(instruction, offset);
            } catch (Instruction.Truncated e) {
                if (atHand < Instruction.MAX_BYTES) {
                    break;
                }
                op = Undefined.TOO_LONG;
            }
            ended = op.endsBlock();
            offset += instruction.length();
            count++;
            Op fused = length > 0 ? ops[length - 1].fusedWith(op) : null;
            if (fused != null) {
                ops[length - 1] = fused;
            } else if (op != Nop.OP) {
                ops[length++] = op;
            }
            offsets[length] = (short) offset; // at first, of the instruction behind leading hints
        }
        if (count != 0 && length == 0) {
            ops[length++] = Nop.OP;
            offsets[length] = (short) offset;
        }
        return count == 0 ? null : block(gpa, ops, length, count, offsets);
    }

    private X86Block block(long gpa, Op[] ops, int length, int count, short[] offsets) {
        int last = length - 1;
        if (!ops[last].transfers()) {
            ops[++last] = new Continue(offsets[length], cpu.mode64);
        }
        return new X86Block(
                gpa,
                Arrays.copyOf(ops, last + 1),
                count,
                Arrays.copyOf(offsets, length + 1),
                cpu.mode64);
    }

    /** An instruction that begins on one page and ends on the next. */
    private JumpCache.Target<X86Block> crossing(long rip, long gpa) {
        byte[] window = instruction.fromWindow(Instruction.MAX_BYTES);
        int first = toPageEnd(gpa);
        copy(ram.hostAddress(gpa), window, 0, first);
        long second = ram.hostAddress(cpu.mmu.fetch(rip + first));
        copy(second, window, first, Instruction.MAX_BYTES);
        instruction.mode64 = cpu.mode64;
        Op[] ops = new Op[2];
        try {
            ops[0] = Decoder.decode(instruction, 0);
        } catch (Instruction.Truncated e) {
            ops[0] = Undefined.TOO_LONG;
        }
        int length = instruction.length();
        X86Block block = block(gpa, ops, 1, 1, new short[] {0, (short) length});
        JumpCache.Target<X86Block> target = JumpCache.Target.once(rip, block);
        crossings.put(gpa, Arrays.copyOf(window, length), target);
        return target;
    }

    private static void copy(long host, byte[] window, int from, int to) {
        for (int i = from; i < to; i++) {
            window[i] = HostMemory.getByte(host + (i - from));
        }
    }

    static int toPageEnd(long gpa) {
        return (int) (RamMap.PAGE_BYTES - (gpa & (RamMap.PAGE_BYTES - 1)));
    }

    /** Goes on with the next block where this one has no branch. */
    private static final class Continue extends Op.Transfer {
        private final int bytes;
        private final long mask;

        Continue(int bytes, boolean mode64) {
            this.bytes = bytes;
            this.mask = mode64 ? -1L : 0xffff_ffffL;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.x[RIP] = cpu.x[RIP] + bytes & mask;
        }
    }
}
