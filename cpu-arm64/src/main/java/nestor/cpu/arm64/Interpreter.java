package nestor.cpu.arm64;

import nestor.cpu.HostMemory;
import nestor.cpu.RamMap;
import org.jspecify.annotations.Nullable;

/** The block loop: finds or decodes the block at PC, executes it, and again. vCPU thread. */
final class Interpreter {
    private final Arm64Cpu cpu;
    private final RamMap ram;

    Interpreter(Arm64Cpu cpu) {
        this.cpu = cpu;
        ram = cpu.cluster.ram;
    }

    /** Runs until the budget of the slice is used up. */
    void run() {
        while (cpu.budget > 0) {
            A64Block block = cpu.jumps.get(cpu.pc);
            if (block == null) {
                block = find();
            }
            if (block != null) {
                execute(block);
            }
        }
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
            cpu.budget += Math.max(0, block.instructions - i - 1);
            Pstate.take(cpu, e, cpu.pc + 4L * i);
        }
    }

    /** The block at PC, or null if fetching it raised an exception, which is taken. */
    private @Nullable A64Block find() {
        cpu.pc = cpu.mmu.canonical(cpu.pc);
        long pc = cpu.pc;
        try {
            if ((pc & 3) != 0) {
                throw cpu.raise(Syndrome.of(Syndrome.PC_ALIGNMENT, 0), pc);
            }
            return lookup(pc, cpu.mmu.fetch(pc));
        } catch (Arm64Exception e) {
            cpu.budget--;
            Pstate.take(cpu, e, pc);
            return null;
        }
    }

    private A64Block lookup(long pc, long gpa) {
        A64Block block = cpu.code.find(gpa);
        while (block == null) {
            Object token = cpu.code.watch(gpa);
            A64Block decoded = decode(gpa, false);
            block = cpu.code.add(decoded, token) ? decoded : null;
        }
        if (block.usesFp && cpu.fpTrapped()) {
            return decode(gpa, true); // good for once: the trap is rare, and soon turned off
        }
        cpu.jumps.put(pc, block, cpu.mmu.current().tlb.largestLog2());
        return block;
    }

    private A64Block decode(long gpa, boolean trapFp) {
        long host = ram.hostAddress(gpa);
        int toPageEnd = (int) (RamMap.PAGE_BYTES - (gpa & (RamMap.PAGE_BYTES - 1))) / 4;
        int limit = Math.min(A64Block.MAX_INSTRUCTIONS, toPageEnd);
        Op[] ops = new Op[limit + 1];
        int count = 0;
        boolean usesFp = false;
        boolean ended = false;
        while (!ended && count < limit) {
            int instruction = HostMemory.getInt(host + 4L * count);
            boolean fp = isFp(instruction);
            usesFp |= fp;
            Op op = fp && trapFp ? FpTrap.OP : Decoder.decode(instruction, 4 * count);
            ops[count++] = op;
            ended = op.endsBlock();
        }
        int length = count;
        if (!ended) {
            ops[length++] = new Continue(4 * count);
        }
        return new A64Block(gpa, java.util.Arrays.copyOf(ops, length), count, usesFp);
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
