package nestor.cpu.arm64;

import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * Up to four instructions at a known address, and the state they start from. A generator fills it
 * in; memory operands and branch targets have fixed addresses, the same for both authorities.
 */
final class TestCase {
    static final int MAX_INSTRUCTIONS = 4;

    private static final long[] INTERESTING = {
        0,
        1,
        2,
        -1,
        -2,
        Long.MIN_VALUE,
        Long.MAX_VALUE,
        Integer.MIN_VALUE,
        Integer.MAX_VALUE,
        0x8000_0000L,
        0xffff_ffffL,
        0xffff_ffff_0000_0000L,
        0x5555_5555_5555_5555L,
        0xaaaa_aaaa_aaaa_aaaaL,
        0x0123_4567_89ab_cdefL,
        0x7fff,
        0x8000,
        0xff,
        0x80,
    };

    final MachineState before = new MachineState();
    final int[] instructions = new int[MAX_INSTRUCTIONS];
    int length;

    private final RandomGenerator random;
    private final int index;

    TestCase(RandomGenerator random, int index) {
        this.random = random;
        this.index = index;
        for (int i = 0; i < 31; i++) {
            before.x[i] = value();
            if (i > 0 && random.nextInt(4) == 0) {
                before.x[i] = before.x[random.nextInt(i)] + random.nextInt(-1, 2);
            }
        }
        before.sp = value();
        before.nzcv = random.nextInt(16);
        for (int i = 0; i < 64; i++) {
            before.v[i] = value();
        }
        random.nextBytes(before.scratch);
    }

    RandomGenerator random() {
        return random;
    }

    /** A random integer in {@code [0, 2^bits)}. */
    int bits(int bits) {
        return random.nextInt(1 << bits);
    }

    /** A 64-bit value that likes corners: extremes, powers of two, patterns, their neighbours. */
    long value() {
        return switch (random.nextInt(8)) {
            case 0, 1 -> INTERESTING[random.nextInt(INTERESTING.length)];
            case 2 -> 1L << random.nextInt(64);
            case 3 -> (1L << random.nextInt(64)) - 1;
            case 4 -> random.nextLong() >> random.nextInt(64);
            case 5 -> random.nextInt(-130, 130);
            default -> random.nextLong();
        };
    }

    /**
     * A random word that matches an encoding diagram.
     *
     * @param diagram 32 of {@code 0}, {@code 1} and, for a random bit, {@code x}, from bit 31 down;
     *     spaces are free
     */
    int word(String diagram) {
        String digits = diagram.replace(" ", "");
        if (digits.length() != 32) {
            throw new IllegalArgumentException(diagram);
        }
        int fixed = Integer.parseUnsignedInt(digits.replace('x', '0'), 2);
        int free = Integer.parseUnsignedInt(digits.replace('1', '0').replace('x', '1'), 2);
        return fixed | random.nextInt() & free;
    }

    /** A random register number that is none of {@code excluded}. */
    int registerOtherThan(int... excluded) {
        while (true) {
            int register = random.nextInt(32);
            if (IntStream.of(excluded).noneMatch(n -> n == register)) {
                return register;
            }
        }
    }

    /** Appends an instruction. */
    void emit(int instruction) {
        instructions[length++] = instruction;
    }

    /** Sets register {@code n} as a base register sees it: 31 is SP. */
    void setXOrSp(int n, long value) {
        if (n == 31) {
            before.sp = value;
        } else {
            before.x[n] = value;
        }
    }

    /** Register {@code n} as a base register sees it: 31 is SP. */
    long xOrSp(int n) {
        return n == 31 ? before.sp : before.x[n];
    }

    /** Register {@code n} as an operand sees it: 31 is ZR. */
    long xOrZr(int n) {
        return n == 31 ? 0 : before.x[n];
    }

    /** Address of the first instruction. */
    long instructionVa() {
        return QemuOracle.instructionVa(index);
    }

    /** Address of 16 constant bytes near the code, a multiple of 16. */
    long literalVa() {
        return QemuOracle.literalVa(index);
    }

    /** Address of a landing pad, EXIT_BACKWARD or EXIT_FORWARD. */
    long padVa(int exit) {
        return QemuOracle.padVa(index, exit);
    }

    /** First address of the {@link MachineState#SCRATCH_BYTES} bytes of memory, 64-byte aligned. */
    long scratchVa() {
        return QemuOracle.scratchVa(index);
    }

    /**
     * A random address in the scratch memory.
     *
     * @param sizeBytes that fit from there, at most 64
     * @param alignment of the address, a power of two
     */
    long scratchVa(int sizeBytes, int alignment) {
        int room = MachineState.SCRATCH_BYTES - sizeBytes + 1;
        return scratchVa() + (random.nextInt(room) & -alignment);
    }

    @Override
    public String toString() {
        StringBuilder out = new StringBuilder("at %x:".formatted(instructionVa()));
        for (int i = 0; i < length; i++) {
            out.append(" %08x".formatted(instructions[i]));
        }
        return out.toString();
    }
}
