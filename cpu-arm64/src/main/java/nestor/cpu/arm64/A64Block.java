package nestor.cpu.arm64;

import nestor.cpu.CodeBlock;

/**
 * A run of decoded instructions that ends at a branch, at the page's end, or where the system state
 * changes. A background compiler attaches by replacing {@link #ops} with one op that stands for
 * all.
 */
final class A64Block implements CodeBlock {
    /** Bound on the instructions of one block. */
    static final int MAX_INSTRUCTIONS = 64;

    private static final Op[] DEAD = {new Dead()};

    /** What to execute, in order; the last one sets {@link Arm64Cpu#pc}. */
    Op[] ops;

    /** Number of instructions. */
    final int instructions;

    /** Whether any of them is subject to the FP access trap. */
    final boolean usesFp;

    private final long gpa;

    /** Bit i: instruction i has no op of its own, but does nothing or is part of the op before. */
    private final long without;

    A64Block(long gpa, Op[] ops, int instructions, long without, boolean usesFp) {
        this.gpa = gpa;
        this.ops = ops;
        this.instructions = instructions;
        this.without = without;
        this.usesFp = usesFp;
    }

    /** Number of the instruction that an op begins with; both count from 0. */
    int instruction(int op) {
        int instruction = 0;
        int before = op;
        while (true) {
            if ((without >>> instruction & 1) == 0 && before-- == 0) {
                return instruction;
            }
            instruction++;
        }
    }

    @Override
    public long gpa() {
        return gpa;
    }

    @Override
    public int sizeBytes() {
        return instructions * 4;
    }

    @Override
    public void kill() {
        ops = DEAD;
    }

    /**
     * Stands in a block whose memory was written: executes nothing, has the block looked up anew.
     */
    private static final class Dead extends Op {
        @Override
        void exec(Arm64Cpu cpu) {
            cpu.jumps.remove(cpu.pc);
        }

        @Override
        boolean endsBlock() {
            return true;
        }
    }
}
