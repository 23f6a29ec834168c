package nestor.cpu.x86;

import java.util.Arrays;
import nestor.cpu.CodeBlock;

/**
 * A run of decoded instructions that ends at a branch, at the page's end, or where the system state
 * changes.
 */
final class X86Block implements CodeBlock {
    /** Bound on the instructions of one block. */
    static final int MAX_INSTRUCTIONS = 64;

    private static final Op DEAD = new Dead();

    /**
     * What to execute, in order, an op for one instruction or two; the last one sets {@link
     * X86Cpu#RIP}. Once the block is killed, by one of its own stores as like as not, none of what
     * follows may be executed (3A §8.1.3: a processor sees its own writes to code at once): each
     * becomes one that is not.
     */
    final Op[] ops;

    /** Whether it was decoded as 64-bit code. */
    final boolean mode64;

    private final long gpa;

    /** Number of instructions. */
    final int instructions;

    /** Byte offset of each op's first instruction, and of the end. */
    private final short[] offsets;

    X86Block(long gpa, Op[] ops, int instructions, short[] offsets, boolean mode64) {
        this.gpa = gpa;
        this.instructions = instructions;
        this.ops = ops;
        this.offsets = offsets;
        this.mode64 = mode64;
    }

    /** Byte offset of op number {@code i}; of the end, if there is none. */
    int offset(int i) {
        return offsets[Math.min(i, offsets.length - 1)];
    }

    @Override
    public long gpa() {
        return gpa;
    }

    @Override
    public int sizeBytes() {
        return offsets[offsets.length - 1];
    }

    @Override
    public void kill() {
        Arrays.fill(ops, DEAD);
    }

    /** Stands in a block whose memory was written: has what follows looked up anew. */
    private static final class Dead extends Op.Transfer {
        @Override
        void exec(X86Cpu cpu) {
            throw cpu.raise(X86Exception.RESTART);
        }
    }
}
