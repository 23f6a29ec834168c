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
                group("control words", X87Test::control),
                group("FPREM, FPREM1", X87Test::remainder),
                group("FRNDINT, FSCALE", X87Test::scale),
                group("FXTRACT", X87Test::extract),
                group("FBLD, FBSTP", X87Test::decimal),
                group("FNSTENV, FLDENV, FNSAVE, FRSTOR", X87Test::environment),
                group("F2XM1, FYL2X, FYL2XP1, FPATAN", X87Test::logarithms),
                group("FSIN, FCOS, FSINCOS, FPTAN", X87Test::angles));
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

    /** The oracle quiets a NaN in memory before it compares it with another: there is no other. */
    private static void memory(TestCase t, int opcode, int extension) {
        fullPrecision(t);
        if ((exponentOf(t, 0) & 0x7fff) == 0x7fff) {
            exponent(t, 0, 0x3fff);
        }
        t.memoryAt(t.scratchVa(16, 1), 4, extension, opcode);
    }

    /** Our oracle rounds more than arithmetic to the precision of arithmetic. */
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

    /** C0, C1 and C3 of a partial remainder are undefined, of FPREM1 often zero in our oracle. */
    private static void remainder(TestCase t) {
        fullPrecision(t);
        if (t.bits(1) == 0) {
            exponent(t, 1, exponentOf(t, 0) - t.bits(6) & 0x7fff);
        }
        int difference = (exponentOf(t, 0) & 0x7fff) - (exponentOf(t, 1) & 0x7fff);
        t.before.fswUndefined |= X87Registers.CONDITIONS & ~X87Registers.C2;
        int instruction = t.oneOf(0xf5, 0xf8);
        if (instruction == 0xf8 && difference < 60 && difference > -60) {
            t.before.fswUndefined &= ~X87Registers.CONDITIONS;
        }
        t.emit(0xd9, instruction);
    }

    private static void scale(TestCase t) {
        fullPrecision(t);
        oneNan(t);
        t.emit(0xd9, t.oneOf(0xfc, 0xfd));
    }

    private static void extract(TestCase t) {
        t.emit(0xdd, 0xc7, 0xd9, 0xf4);
    }

    private static void decimal(TestCase t) {
        long va = t.scratchVa(16, 1);
        ByteBuffer scratch = ByteBuffer.wrap(t.before.scratch).order(ByteOrder.LITTLE_ENDIAN);
        int at = (int) (va - t.scratchVa());
        for (int i = 0; i < 9; i++) {
            scratch.put(at + i, (byte) (t.random().nextInt(10) | t.random().nextInt(10) << 4));
        }
        fullPrecision(t);
        if (t.bits(1) == 0) {
            t.emit(0xdd, 0xc7);
            t.memoryAt(va, 4, 4, 0xdf);
        } else {
            exponent(t, 0, exponentOf(t, 0) & 0x8000 | 0x3fff + t.random().nextInt(-5, 66));
            t.memoryAt(va, 4, 6, 0xdf);
        }
    }

    /** What is reserved, zeros in the oracle, and pointers, which we do not keep, are cleared. */
    private static void environment(TestCase t) {
        int bytes = t.oneOf(2, 4);
        long va = t.scratchVa();
        boolean whole = t.bits(1) == 0;
        int opcode = whole ? 0xdd : 0xd9;
        t.emit(0x48, 0xbb); // MOV RBX, imm64
        t.emitNumber(va, 8);
        prefixed(t, bytes, opcode, 0x33); // FNSAVE or FNSTENV [RBX]
        t.emit(0xdd, 0xc7, 0xd9, 0xee); // FFREE ST(7), FLDZ
        for (int at = 2; bytes == 4 && at < 3 * bytes; at += 4) {
            t.emit(0x66, 0x83, 0x63, at, 0); // AND word [RBX+at], 0
        }
        for (int at = 3 * bytes; at < 7 * bytes; at += 8) {
            t.emit(0x48, 0x83, 0x63, at, 0); // AND qword [RBX+at], 0
        }
        prefixed(t, bytes, opcode, 0x23); // FRSTOR or FLDENV [RBX]
    }

    private static void prefixed(TestCase t, int bytes, int opcode, int modRm) {
        if (bytes == 2) {
            t.emit(0x66);
        }
        t.emit(opcode, modRm);
    }

    /** Ours is the nearest; the oracle's is off by one at times. */
    private static void logarithms(TestCase t) {
        t.before.ulps = 1;
        t.before.fswUndefined |= SoftFloat.PRECISION | SoftFloat.UNDERFLOW;
        ByteBuffer fx = ByteBuffer.wrap(t.before.fx).order(ByteOrder.LITTLE_ENDIAN);
        fx.putShort(MachineState.FCW_OFFSET, (short) X87.CONTROL_RESET);
        switch (t.bits(2)) {
            case 0 -> {
                exponent(t, 0, t.bits(1) << 15 | 0x3fff - 1 - t.bits(7));
                t.emit(0xd9, 0xf0);
            }
            case 1 -> {
                exponent(t, 1, exponentOf(t, 1) | 1); // the oracle takes denormals twice
                oneNan(t);
                t.emit(0xd9, 0xf1);
            }
            case 2 -> {
                exponent(t, 0, t.bits(1) << 15 | 0x3fff - 3 - t.bits(7));
                t.emit(0xd9, 0xf9);
            }
            default -> {
                oneNan(t);
                t.emit(0xd9, 0xf3);
            }
        }
    }

    private static void oneNan(TestCase t) {
        if ((exponentOf(t, 0) & exponentOf(t, 1) & 0x7fff) == 0x7fff) {
            exponent(t, 0, 0x3fff);
        }
    }

    /** The oracle computes in double precision, and with the exact pi. */
    private static void angles(TestCase t) {
        t.before.ulps = 1 << 14;
        t.before.fswUndefined |= SoftFloat.PRECISION | SoftFloat.UNDERFLOW;
        ByteBuffer fx = ByteBuffer.wrap(t.before.fx).order(ByteOrder.LITTLE_ENDIAN);
        fx.putShort(MachineState.FCW_OFFSET, (short) X87.CONTROL_RESET);
        double angle = Math.rint(t.random().nextDouble(-9, 9) * 64) / 64 + 0x1p-9;
        long bits = Double.doubleToRawLongBits(angle);
        fx.putLong(MachineState.ST_OFFSET, bits << 11 | FloatNumber.INTEGER_BIT);
        exponent(t, 0, (int) (bits >>> 48 & 0x8000) | (int) (bits >>> 52 & 0x7ff) + 0x3c00);
        t.emit(0xdd, 0xc7, 0xd9, t.oneOf(0xf2, 0xfb, 0xfe, 0xff));
    }

    private static int exponentOf(TestCase t, int i) {
        int at = MachineState.ST_OFFSET + 16 * i + 8;
        return ByteBuffer.wrap(t.before.fx).order(ByteOrder.LITTLE_ENDIAN).getShort(at);
    }

    /** Makes ST(i) an ordinary number. */
    private static void exponent(TestCase t, int i, int signExponent) {
        ByteBuffer fx = ByteBuffer.wrap(t.before.fx).order(ByteOrder.LITTLE_ENDIAN);
        int at = MachineState.ST_OFFSET + 16 * i;
        fx.putShort(at + 8, (short) signExponent);
        fx.putLong(at, fx.getLong(at) | FloatNumber.INTEGER_BIT);
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
