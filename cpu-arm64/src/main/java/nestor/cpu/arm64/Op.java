package nestor.cpu.arm64;

import org.jspecify.annotations.Nullable;

/**
 * One decoded instruction, immutable: operand numbers and immediates are fields, specialised by
 * class. Executed many times after one decode.
 *
 * <p>While a block runs, {@link Arm64Cpu#pc} holds the virtual address of the block's first
 * instruction; an op that needs its own address is made with its byte offset from there.
 */
abstract class Op {
    /**
     * Executes the instruction. All memory accesses come before any register write, so that a fault
     * leaves the state precise.
     *
     * @throws Arm64Exception if the instruction raises a synchronous exception
     */
    abstract void exec(Arm64Cpu cpu);

    /** Whether no further instruction may be decoded into the same block after this one. */
    boolean endsBlock() {
        return false;
    }

    /**
     * One op that does this and then {@code next}, which follows it in the block; null if there is
     * none. Neither of the two can raise an exception.
     */
    @Nullable Op fusedWith(Op next) {
        return null;
    }
}
