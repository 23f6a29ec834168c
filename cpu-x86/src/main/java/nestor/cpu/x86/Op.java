package nestor.cpu.x86;

import org.jspecify.annotations.Nullable;

/**
 * One decoded instruction, immutable: operand numbers and immediates are fields, specialised by
 * class. Executed many times after one decode.
 *
 * <p>While a block runs, {@link X86Cpu#RIP} holds the address of the block's first instruction; an
 * op that needs its own address is made with its byte offset from there.
 */
abstract class Op {
    /**
     * Executes the instruction. All that can fault comes before any change of registers or flags,
     * so that a fault leaves the state precise.
     *
     * @throws X86Exception if the instruction raises an exception
     */
    abstract void exec(X86Cpu cpu);

    /**
     * One op that does this and then {@code next}, if there is one. Only this one may fault, and
     * only before anything has changed; or {@link X86Exception#ALONE} has both executed one by one.
     */
    @Nullable Op fusedWith(@SuppressWarnings("unused") Op next) {
        return null;
    }

    /** How many instructions it stands for, without hints. */
    int instructions() {
        return 1;
    }

    /** Whether no further instruction may be decoded into the same block after this one. */
    boolean endsBlock() {
        return false;
    }

    /** Whether this sets {@link X86Cpu#RIP} itself; such an op ends its block. */
    boolean transfers() {
        return false;
    }

    /** Whether its memory operand goes through SS: non-canonical addresses are then #SS. */
    boolean usesStack() {
        return false;
    }

    /** An op that sets RIP, and so ends the block. */
    abstract static class Transfer extends Op {
        @Override
        final boolean endsBlock() {
            return true;
        }

        @Override
        final boolean transfers() {
            return true;
        }
    }

    /** An op after which nothing decoded before may be relied on; RIP goes on behind it. */
    abstract static class Last extends Op {
        @Override
        final boolean endsBlock() {
            return true;
        }
    }
}
