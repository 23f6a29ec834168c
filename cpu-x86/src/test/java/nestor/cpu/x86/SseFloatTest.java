package nestor.cpu.x86;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

@DisplayName("SDM volume 2: SSE and SSE2 floating point does what the oracle does")
class SseFloatTest {
    private static final int REPNE = 0xf2;
    private static final int REP = 0xf3;
    private static final int[] ARITHMETIC = {0x51, 0x58, 0x59, 0x5c, 0x5e};

    @TestFactory
    Stream<DynamicTest> agreesWithTheOracle() {
        return Stream.of(
                group("arithmetic of singles", t -> any(t, 4, t.oneOf(ARITHMETIC))),
                group("arithmetic of doubles", t -> any(t, 2, t.oneOf(ARITHMETIC))),
                group("arithmetic of one single", t -> any(t, REP, t.oneOf(ARITHMETIC))),
                group("arithmetic of one double", t -> any(t, REPNE, t.oneOf(ARITHMETIC))),
                group("MIN, MAX", t -> any(t, t.oneOf(2, 4, REP, REPNE), t.oneOf(0x5d, 0x5f))),
                group("CMP", SseFloatTest::compare),
                group("COMIS, UCOMIS", t -> any(t, t.oneOf(2, 4), t.oneOf(0x2e, 0x2f))),
                group("CVT of formats", t -> any(t, t.oneOf(2, 4, REP, REPNE), 0x5a)),
                group("CVT of packed integers", SseFloatTest::packedIntegers),
                group("CVTSI2S", SseFloatTest::fromGeneral),
                group("CVTS2SI, CVTTS2SI", SseFloatTest::toGeneral),
                group("CVT of MMX", SseFloatTest::ofMmx));
    }

    private static DynamicTest group(String name, Consumer<TestCase> generator) {
        return DynamicTest.dynamicTest(
                name,
                () ->
                        Differential.compare(
                                name,
                                t -> {
                                    operands(
                                            t,
                                            name.contains("double")
                                                    || t.bits(1) == 0 && !name.contains("single"),
                                            !name.equals("MIN, MAX"));
                                    generator.accept(t);
                                }));
    }

    /** Size 2 is prefix 66, size 4 none, others are prefixes themselves. */
    private static void any(TestCase t, int size, int opcode) {
        int register = t.bits(4);
        int operand = size > 8 ? 4 : size;
        int[] bytes = size > 8 ? new int[] {size, 0x0f, opcode} : new int[] {0x0f, opcode};
        if (t.bits(1) == 0) {
            t.register(operand, register, t.bits(4), bytes);
        } else {
            t.memoryAt(t.scratchVa(16, 16), operand, register, bytes);
        }
    }

    private static void compare(TestCase t) {
        t.relative = false;
        any(t, t.oneOf(2, 4, REP, REPNE), 0xc2);
        t.emit(t.bits(3));
    }

    private static void packedIntegers(TestCase t) {
        if (t.bits(1) == 0) {
            any(t, t.oneOf(2, 4, REP), 0x5b);
        } else {
            any(t, t.oneOf(2, REP, REPNE), 0xe6);
        }
    }

    private static void fromGeneral(TestCase t) {
        t.rm(t.oneOf(4, 8), t.bits(4), t.oneOf(REP, REPNE), 0x0f, 0x2a);
    }

    private static void toGeneral(TestCase t) {
        t.rm(t.oneOf(4, 8), t.bits(4), t.oneOf(REP, REPNE), 0x0f, 0x2c | t.bits(1));
    }

    private static void ofMmx(TestCase t) {
        t.before.mmx = true;
        t.register(t.oneOf(2, 4), t.bits(3), t.bits(3), 0x0f, t.oneOf(0x2a, 0x2c, 0x2d));
    }

    /**
     * Numbers of one format in all XMM registers and in memory, and a random MXCSR with all masked;
     * DAZ where our oracle knows it, which is not in MIN and MAX.
     */
    private static void operands(TestCase t, boolean doubles, boolean zeros) {
        long nan = t.random().nextLong() | 1; // of two, our oracle takes the wrong one
        ByteBuffer fx = ByteBuffer.wrap(t.before.fx).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer scratch = ByteBuffer.wrap(t.before.scratch).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < 32; i++) {
            fx.putLong(MachineState.XMM_OFFSET + 8 * i, pair(t, doubles, nan));
        }
        for (int i = 0; i < MachineState.SCRATCH_BYTES; i += 8) {
            scratch.putLong(i, pair(t, doubles, nan));
        }
        int mxcsr = FxState.MXCSR_RESET;
        mxcsr |= t.bits(1) == 0 ? t.bits(2) << 13 : 0;
        mxcsr |= t.bits(2) == 0 ? t.bits(1) << 15 : 0;
        mxcsr |= zeros && t.bits(2) == 0 ? 1 << 6 : 0;
        mxcsr |= t.bits(1) == 0 ? SoftFloat.PRECISION : 0;
        fx.putInt(MachineState.MXCSR_OFFSET, mxcsr);
        t.before.mxcsrUndefined = SoftFloat.DENORMAL; // our oracle does not know it
    }

    private static long pair(TestCase t, boolean doubles, long nan) {
        return doubles
                ? number(t, 11, 52, nan)
                : number(t, 8, 23, nan) | number(t, 8, 23, nan) << 32;
    }

    /** Likes extremes, small integers, and exponents close to one another. */
    private static long number(TestCase t, int exponentBits, int fractionBits, long nan) {
        long max = (1L << exponentBits) - 1;
        long fraction = t.value() & (1L << fractionBits) - 1;
        long exponent =
                switch (t.bits(3)) {
                    case 0 -> 0;
                    case 1 -> max;
                    case 2 -> t.random().nextLong(max);
                    case 3 -> max - 1;
                    case 4 -> 1;
                    case 5 -> t.bits(6);
                    default -> (max >> 1) + t.random().nextInt(-40, 70);
                };
        if (t.bits(2) == 0) {
            fraction = 0;
        }
        if (exponent == max && fraction != 0) {
            return max << fractionBits | nan & (1L << fractionBits) - 1;
        }
        return (long) t.bits(1) << exponentBits + fractionBits
                | (exponent & max) << fractionBits
                | fraction;
    }
}
