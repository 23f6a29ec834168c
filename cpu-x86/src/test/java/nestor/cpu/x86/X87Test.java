package nestor.cpu.x86;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

@DisplayName("SDM volume 2: x87 instructions do what the oracle does")
class X87Test {
    private static final int[] INTO_STACK = {0, 1, 4, 5, 6, 7};

    @TestFactory
    Stream<DynamicTest> agreesWithTheOracle() {
        return Stream.of(
                group("ST(0), ST(i)", t -> t.emit(0xd8, 0xc0 | t.bits(6))),
                group("ST(i), ST(0)", X87Test::intoStack),
                group(
                        "arithmetic with memory",
                        t -> memory(t, t.oneOf(0xd8, 0xda, 0xdc, 0xde), t.bits(3))),
                group("FLD, FILD", X87Test::load),
                group("FST, FIST", X87Test::store),
                group("FLD and FST of ST(i)", X87Test::registers),
                group("FXCH, FCMOV", X87Test::move),
                group("FCOM, FUCOM, FCOMI", X87Test::compare),
                group("FCHS, FABS, FTST, FXAM, FSQRT", X87Test::unary),
                group("control words", X87Test::control));
    }

    private static DynamicTest group(String name, Consumer<TestCase> generator) {
        return DynamicTest.dynamicTest(
                name,
                () ->
                        Differential.compare(
                                name,
                                t -> {
                                    operands(t);
                                    generator.accept(t);
                                }));
    }

    private static void memory(TestCase t, int opcode, int extension) {
        fullPrecision(t);
        t.memoryAt(t.scratchVa(16, 1), 4, extension, opcode);
    }

    /** Our oracle rounds what it loads to the precision of arithmetic. */
    private static void fullPrecision(TestCase t) {
        t.before.fx[1] |= 3;
    }

    private static void intoStack(TestCase t) {
        t.emit(t.oneOf(0xdc, 0xde), 0xc0 | t.oneOf(INTO_STACK) << 3 | t.bits(3));
    }

    private static void load(TestCase t) {
        t.emit(0xdd, 0xc7); // FFREE ST(7)
        switch (t.bits(2)) {
            case 0 -> memory(t, 0xd9, 0);
            case 1 -> memory(t, t.oneOf(0xdb, 0xdd, 0xdf), 0);
            case 2 -> memory(t, t.oneOf(0xdb, 0xdf), 5);
            default -> t.emit(0xd9, 0xe8 + t.random().nextInt(7));
        }
    }

    private static void store(TestCase t) {
        switch (t.bits(1)) {
            case 0 -> memory(t, t.oneOf(0xd9, 0xdb, 0xdd, 0xdf), 2 | t.bits(1));
            default -> memory(t, t.oneOf(0xdb, 0xdf), 7);
        }
    }

    private static void registers(TestCase t) {
        if (t.bits(1) == 0) {
            t.emit(0xdd, 0xc7, 0xd9, 0xc0 | t.random().nextInt(7));
        } else {
            t.emit(0xdd, 0xd0 | t.bits(4));
        }
    }

    private static void move(TestCase t) {
        switch (t.bits(1)) {
            case 0 -> t.emit(0xd9, 0xc8 | t.bits(3));
            default -> t.emit(0xda | t.bits(1), 0xc0 | t.bits(5));
        }
    }

    /** SF, AF and OF: our oracle leaves them, processors clear them. */
    private static void compare(TestCase t) {
        t.undefinedFlags = Flags.SF | Flags.AF | Flags.OF;
        switch (t.bits(2)) {
            case 0 -> t.emit(0xdd, 0xe0 | t.bits(4));
            case 1 -> t.emit(t.oneOf(0xdb, 0xdf), t.oneOf(0xe8, 0xf0) | t.bits(3));
            case 2 -> t.emit(0xde, 0xd9);
            default -> t.emit(0xda, 0xe9);
        }
    }

    private static void unary(TestCase t) {
        t.emit(0xd9, t.oneOf(0xe0, 0xe1, 0xe4, 0xe5, 0xfa, 0xf6, 0xf7, 0xd0));
        if (t.code[1] == (byte) 0xfa) {
            t.before.fswUndefined |= X87Registers.CONDITIONS;
        }
    }

    private static void control(TestCase t) {
        switch (t.bits(2)) {
            case 0 -> t.emit(0xdf, 0xe0); // FNSTSW AX
            case 1 -> memory(t, 0xd9, 7); // FNSTCW
            case 2 -> memory(t, 0xdd, 7); // FNSTSW
            default -> t.emit(0xdb, t.oneOf(0xe2, 0xe3)); // FNCLEX, FNINIT
        }
    }

    /** A full stack of numbers that are in use, and as many in memory. */
    private static void operands(TestCase t) {
        ByteBuffer fx = ByteBuffer.wrap(t.before.fx).order(ByteOrder.LITTLE_ENDIAN);
        ByteBuffer scratch = ByteBuffer.wrap(t.before.scratch).order(ByteOrder.LITTLE_ENDIAN);
        fx.putShort(
                MachineState.FCW_OFFSET,
                (short) (0x7f | t.oneOf(0, 2, 3, 3) << 8 | t.bits(2) << 10));
        t.before.fswUndefined = X87Registers.C1 | SoftFloat.DENORMAL; // our oracle knows neither
        fx.putShort(2, (short) (t.bits(3) << 11));
        fx.put(4, (byte) 0xff);
        long nan = t.random().nextLong() | FloatNumber.INTEGER_BIT;
        for (int i = 0; i < 8; i++) {
            int exponent = exponent(t);
            long significand = t.value() | FloatNumber.INTEGER_BIT;
            if (exponent == 0x7fff && significand << 1 != 0) {
                significand = nan;
            } else if (exponent == 0) {
                significand = t.bits(1) == 0 ? 0 : t.value() & Long.MAX_VALUE;
            }
            fx.putLong(MachineState.ST_OFFSET + 16 * i, significand);
            fx.putShort(MachineState.ST_OFFSET + 16 * i + 8, (short) (exponent | t.bits(1) << 15));
        }
        for (int i = 0; i < MachineState.SCRATCH_BYTES; i += 8) {
            double value = t.random().nextInt() * Math.pow(2, t.random().nextInt(-50, 50));
            scratch.putLong(
                    i,
                    switch (t.bits(1)) {
                        case 0 -> Double.doubleToRawLongBits(value);
                        default -> t.value();
                    });
        }
    }

    private static int exponent(TestCase t) {
        return switch (t.bits(3)) {
            case 0 -> 0;
            case 1 -> 0x7fff;
            case 2 -> t.bits(14) << 1;
            case 3 -> 1 + t.bits(6);
            case 4 -> 0x7ffe - t.bits(6);
            default -> 0x3fff + t.random().nextInt(-70, 70);
        };
    }
}
