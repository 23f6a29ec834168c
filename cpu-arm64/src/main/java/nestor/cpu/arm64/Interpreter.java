package nestor.cpu.arm64;

import java.util.Arrays;
import nestor.cpu.DebugUnit;
import nestor.cpu.HostMemory;
import nestor.cpu.JumpCache;
import nestor.cpu.RamMap;
import org.jspecify.annotations.Nullable;

/** The block loop: finds or decodes the block at PC, executes it, and again. vCPU thread. */
final class Interpreter {
    private final Arm64Cpu cpu;
    private final RamMap ram;

    /** What was executed last. */
    private JumpCache.Target<A64Block> here;

    Interpreter(Arm64Cpu cpu) {
        this.cpu = cpu;
        ram = cpu.cluster.ram;
        here = JumpCache.Target.once(0, new A64Block(0, new Op[0], 0, 0, false));
    }

    /** Runs until the budget of the slice is used up. */
    void run() {
        while (cpu.budget > 0) {
            JumpCache.Target<A64Block> target = cpu.jumps.follow(here, cpu.pc);
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
        JumpCache.Target<A64Block> target = find(true);
        if (target != null) {
            execute(target.block());
        }
        cpu.endSlice();
    }

    private void execute(A64Block block) {
        Op[] ops = block.ops;
        cpu.budget -= block.instructions;
        int i = 0;
        try {
            for (; i < ops.length; i++) {
                ops[i].exec(cpu);
            }
        } catch (Arm64Exception e) {
            int instruction = block.instruction(i);
            cpu.budget += block.instructions - instruction - 1;
            Pstate.take(cpu, e, cpu.pc + 4L * instruction);
        } catch (DebugUnit.WatchedAccess e) {
            int instruction = block.instruction(i);
            cpu.budget += block.instructions - instruction;
            cpu.pc += 4L * instruction;
            cpu.endSlice();
        }
    }

    /**
     * The block at PC, or null if a breakpoint is there or fetching it raised an exception, which
     * is taken.
     */
    private JumpCache.@Nullable Target<A64Block> find(boolean single) {
        cpu.pc = cpu.mmu.canonical(cpu.pc);
        long pc = cpu.pc;
        if (cpu.debug != null && cpu.debug.stopsAt(pc)) {
            cpu.endSlice();
            return null;
        }
        try {
            if ((pc & 3) != 0) {
                throw cpu.raise(Syndrome.of(Syndrome.PC_ALIGNMENT, 0), pc);
            }
            long gpa = cpu.mmu.fetch(pc);
            return single ? once(pc, gpa, 1) : lookup(pc, gpa);
        } catch (Arm64Exception e) {
            cpu.budget--;
            Pstate.take(cpu, e, pc);
            return null;
        }
    }

    private JumpCache.Target<A64Block> lookup(long pc, long gpa) {
        A64Block block = cpu.code.find(gpa);
        while (block == null) {
            Object token = cpu.code.watch(gpa);
            A64Block decoded = decode(gpa, false, A64Block.MAX_INSTRUCTIONS);
            block = cpu.code.add(decoded, token) ? decoded : null;
        }
        if (block.usesFp && cpu.fpTrapped()) {
            // Good for once: the trap is rare, and soon turned off.
            return once(pc, gpa, A64Block.MAX_INSTRUCTIONS);
        }
        if (cpu.debug != null && cpu.debug.holds(pc, block.sizeBytes())) {
            // Up to the next breakpoint, and not remembered: this is to be looked up each time.
            return once(pc, gpa, A64Block.MAX_INSTRUCTIONS);
        }
        return cpu.jumps.put(pc, block, cpu.mmu.current().tlb.fetchSizeLog2(pc));
    }

    private JumpCache.Target<A64Block> once(long pc, long gpa, int limit) {
        long room = cpu.debug == null ? limit : Math.min(limit, cpu.debug.room(pc) >>> 2);
        return JumpCache.Target.once(pc, decode(gpa, cpu.fpTrapped(), (int) Math.max(1, room)));
    }

    private A64Block decode(long gpa, boolean trapFp, int most) {
        long host = ram.hostAddress(gpa);
        int toPageEnd = (int) (RamMap.PAGE_BYTES - (gpa & (RamMap.PAGE_BYTES - 1))) / 4;
        int limit = Math.min(most, toPageEnd);
        Op[] ops = new Op[limit + 1];
        int length = 0;
        int count = 0;
        long without = 0;
        boolean usesFp = false;
        boolean ended = false;
        while (!ended && count < limit) {
            int instruction = HostMemory.getInt(host + 4L * count);
            boolean fp = isFp(instruction);
            usesFp |= fp;
            Op op = fp && trapFp ? FpTrap.OP : Decoder.decode(instruction, 4 * count);
            Op fused = length > 0 ? ops[length - 1].fusedWith(op) : null;
            if (op == SystemOps.Nop.OP) {
                without |= 1L << count;
            } else if (fused != null) {
                without |= 1L << count;
                ops[length - 1] = fused;
            } else {
                ops[length++] = op;
            }
            count++;
            ended = op.endsBlock();
        }
        if (!ended) {
            ops[length++] = new Continue(4 * count);
        }
        return new A64Block(gpa, Arrays.copyOf(ops, length), count, without, usesFp);
    }

    /** §C4.1: SIMD and FP data processing, and loads and stores with V set. */
    private static boolean isFp(int instruction) {
        return (instruction >>> 25 & 0b0110) == 0b0110;
    }

    /** Goes on with the next block where this one has no branch. */
    private static final class Continue extends Op {
        private final int bytes;

        Continue(int bytes) {
            this.bytes = bytes;
        }

        @Override
        void exec(Arm64Cpu cpu) {
            cpu.pc += bytes;
        }

        @Override
        boolean endsBlock() {
            return true;
        }
    }

    /** Stands for every FP and SIMD instruction while CPACR_EL1.FPEN traps them. */
    private static final class FpTrap extends Op {
        static final FpTrap OP = new FpTrap();

        @Override
        void exec(Arm64Cpu cpu) {
            throw cpu.raise(Syndrome.fpAccess());
        }

        @Override
        boolean endsBlock() {
            return true;
        }
    }
}
