package nestor.cpu.x86;

import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

@DisplayName("SDM volume 2: integer instructions do what the oracle does")
class IntegerTest {
    private static final int UNDEFINED_BY_MULTIPLY = Flags.SF | Flags.ZF | Flags.AF | Flags.PF;
    private static final int UNDEFINED_BY_SHIFT = Flags.AF | Flags.OF;
    private static final int UNDEFINED_BY_BITS = Flags.OF | Flags.SF | Flags.AF | Flags.PF;

    @TestFactory
    Stream<DynamicTest> agreesWithTheOracle() {
        return Stream.of(
                group("ALU r/m, r", IntegerTest::aluRegister),
                group("ALU accumulator, imm", IntegerTest::aluAccumulator),
                group("ALU r/m, imm", IntegerTest::aluImmediate),
                group("LOCK ALU", IntegerTest::aluLocked),
                group("TEST", IntegerTest::test),
                group("INC, DEC, NOT, NEG", IntegerTest::unary),
                group("MOV r/m", IntegerTest::mov),
                group("MOV imm", IntegerTest::movImmediate),
                group("MOV moffs", IntegerTest::movOffset),
                group("MOVZX, MOVSX, MOVSXD", IntegerTest::extend),
                group("LEA", t -> t.memory(t.oneOf(2, 4, 8), t.bits(4), 0x8d)),
                group("CBW and CWD", IntegerTest::convert),
                group("BSWAP", IntegerTest::byteSwap),
                group("MOVBE", t -> t.memory(t.oneOf(2, 4, 8), t.bits(4), 0x0f, 0x38, 0xf0 | t.bits(1))),
                group("XLAT", IntegerTest::translate),
                group("shifts", IntegerTest::shift),
                group("double shifts", IntegerTest::doubleShift),
                group("MUL, IMUL", IntegerTest::multiply),
                group("DIV, IDIV", IntegerTest::divide),
                group("BT family", IntegerTest::bitTest),
                group("BSF, BSR, POPCNT", IntegerTest::scan),
                group("XCHG", IntegerTest::exchange),
                group("XADD", IntegerTest::exchangeAdd),
                group("CMPXCHG", IntegerTest::compareExchange),
                group("CMPXCHG8B, CMPXCHG16B", IntegerTest::compareExchangePair),
                group("SETcc", t -> t.rm(1, t.bits(4), 0x0f, 0x90 | t.bits(4))),
                group("CMOVcc", t -> t.rm(t.oneOf(2, 4, 8), t.bits(4), 0x0f, 0x40 | t.bits(4))),
                group("flags", IntegerTest::flags));
    }

    private static DynamicTest group(String name, Consumer<TestCase> generator) {
        return DynamicTest.dynamicTest(name, () -> Differential.compare(name, generator));
    }

    private static int size(TestCase t) {
        return t.oneOf(1, 2, 4, 8);
    }

    /** Opcodes whose low bit is set for anything but bytes. */
    private static int sized(int opcode, int bytes) {
        return bytes == 1 ? opcode : opcode | 1;
    }

    private static void aluRegister(TestCase t) {
        int bytes = size(t);
        t.rm(bytes, t.bits(4), sized(t.bits(3) << 3 | t.bits(1) << 1, bytes));
    }

    private static void aluAccumulator(TestCase t) {
        int bytes = size(t);
        t.emitPrefixes(bytes, 0);
        t.emit(sized(t.bits(3) << 3 | 4, bytes));
        t.emitImmediate(bytes);
    }

    private static void aluImmediate(TestCase t) {
        int bytes = size(t);
        boolean small = bytes != 1 && t.bits(1) == 0;
        t.rm(bytes, t.bits(3), small ? 0x83 : sized(0x80, bytes));
        t.emitImmediate(small ? 1 : bytes);
    }

    private static void aluLocked(TestCase t) {
        int bytes = size(t);
        int kind = t.oneOf(0, 1, 2, 3, 4, 5, 6);
        if (t.bits(1) == 0) {
            t.memory(bytes, t.bits(4), 0xf0, sized(kind << 3, bytes));
        } else {
            t.memory(bytes, kind, 0xf0, sized(0x80, bytes));
            t.emitImmediate(bytes);
        }
    }

    private static void test(TestCase t) {
        int bytes = size(t);
        t.undefinedFlags = Flags.AF;
        switch (t.bits(2)) {
            case 0 -> {
                t.emitPrefixes(bytes, 0);
                t.emit(sized(0xa8, bytes));
                t.emitImmediate(bytes);
            }
            case 1 -> {
                t.rm(bytes, 0, sized(0xf6, bytes));
                t.emitImmediate(bytes);
            }
            default -> t.rm(bytes, t.bits(4), sized(0x84, bytes));
        }
    }

    private static void unary(TestCase t) {
        int bytes = size(t);
        boolean step = t.bits(1) == 0;
        int extension = step ? t.bits(1) : 2 | t.bits(1);
        int opcode = sized(step ? 0xfe : 0xf6, bytes);
        if (t.bits(2) == 0) {
            t.memory(bytes, extension, 0xf0, opcode);
        } else {
            t.rm(bytes, extension, opcode);
        }
    }

    private static void mov(TestCase t) {
        int bytes = size(t);
        t.rm(bytes, t.bits(4), sized(0x88 | t.bits(1) << 1, bytes));
    }

    private static void movImmediate(TestCase t) {
        int bytes = size(t);
        if (t.bits(1) == 0) {
            int register = t.bits(4);
            t.emitPrefixes(bytes, register);
            t.emit((bytes == 1 ? 0xb0 : 0xb8) | register & 7);
            t.emitNumber(t.value(), bytes);
        } else {
            t.rm(bytes, 0, sized(0xc6, bytes));
            t.emitImmediate(bytes);
        }
    }

    private static void movOffset(TestCase t) {
        int bytes = size(t);
        boolean shortAddress = t.bits(2) == 0;
        if (shortAddress) {
            t.emit(0x67);
        }
        t.emitPrefixes(bytes, 0);
        t.emit(sized(0xa0 | t.bits(1) << 1, bytes));
        t.emitNumber(t.scratchVa(8, 1), shortAddress ? 4 : 8);
    }

    private static void extend(TestCase t) {
        int bytes = t.oneOf(2, 4, 8);
        if (t.bits(2) == 0) {
            t.rm(bytes, t.bits(4), 0x63);
        } else {
            t.rm(bytes, t.bits(4), 0x0f, t.oneOf(0xb6, 0xb7, 0xbe, 0xbf));
        }
    }

    private static void convert(TestCase t) {
        t.emitPrefixes(t.oneOf(2, 4, 8), 0);
        t.emit(0x98 | t.bits(1));
    }

    private static void byteSwap(TestCase t) {
        int register = t.bits(4);
        t.emitPrefixes(t.oneOf(4, 8), register);
        t.emit(0x0f, 0xc8 | register & 7);
    }

    private static void translate(TestCase t) {
        t.before.x[X86Cpu.RAX] &= ~0x80L;
        t.before.x[X86Cpu.RBX] = t.scratchVa(128, 1);
        t.emit(0xd7);
    }

    private static void shift(TestCase t) {
        int bytes = size(t);
        int kind = t.bits(3);
        int form = t.bits(2);
        t.before.x[X86Cpu.RCX] = t.bits(1) == 0 ? t.bits(7) : t.value();
        int opcode = form == 0 ? 0xc0 : form == 1 ? 0xd0 : 0xd2;
        TestCase.Place place = t.rm(bytes, kind, sized(opcode, bytes));
        int count = 1;
        if (form == 0) {
            count = t.bits(8);
            t.emitNumber(count, 1);
        } else if (form >= 2) {
            count = (int) t.before.x[X86Cpu.RCX];
        }
        count &= bytes == 8 ? 63 : 31;
        boolean shifts = kind >= 4;
        t.undefinedFlags = count == 1 ? (shifts ? Flags.AF : 0) : UNDEFINED_BY_SHIFT;
        if (count == 0) {
            t.undefinedFlags = 0;
        }
        if (shifts && kind != 7 && count >= 8 * bytes) {
            t.undefinedFlags |= Flags.CF;
        }
        if (!shifts && place.isMemory()) {
            t.undefinedFlags &= ~Flags.AF;
        }
    }

    private static void doubleShift(TestCase t) {
        int bytes = t.oneOf(2, 4, 8);
        int count = bytes == 2 ? t.random().nextInt(17) : t.bits(8);
        int form = t.bits(1);
        t.relative = form != 0; // our oracle takes the end of the immediate one byte short
        t.before.x[X86Cpu.RCX] = t.before.x[X86Cpu.RCX] & ~0xff | count;
        t.rm(bytes, t.bits(4), 0x0f, 0xa4 | t.bits(1) << 3 | form);
        if (form == 0) {
            t.emitNumber(count, 1);
        } else {
            count = (int) t.before.x[X86Cpu.RCX] & 0xff; // as an address it may have changed
        }
        count &= bytes == 8 ? 63 : 31;
        if (bytes == 2 && count > 16) {
            t.length = 0;
            t.emit(0x90);
            return;
        }
        t.undefinedFlags = count == 0 ? 0 : count == 1 ? Flags.AF : UNDEFINED_BY_SHIFT;
    }

    private static void multiply(TestCase t) {
        t.undefinedFlags = UNDEFINED_BY_MULTIPLY;
        switch (t.bits(2)) {
            case 0 -> t.rm(t.oneOf(2, 4, 8), t.bits(4), 0x0f, 0xaf);
            case 1 -> {
                int bytes = t.oneOf(2, 4, 8);
                t.rm(bytes, t.bits(4), 0x69);
                t.emitImmediate(bytes);
            }
            case 2 -> {
                t.rm(t.oneOf(2, 4, 8), t.bits(4), 0x6b);
                t.emitImmediate(1);
            }
            default -> {
                int bytes = size(t);
                t.rm(bytes, 4 | t.bits(1), sized(0xf6, bytes));
            }
        }
    }

    private static void divide(TestCase t) {
        t.undefinedFlags = Flags.ARITHMETIC;
        int bytes = size(t);
        boolean signed = t.bits(1) == 0;
        if (t.bits(1) == 0) {
            long rax = t.before.x[X86Cpu.RAX];
            t.before.x[X86Cpu.RDX] = signed ? Operand.signed(rax, bytes) >> 63 : t.bits(2);
        } else if (t.bits(1) == 0) {
            t.before.x[X86Cpu.RDX] = t.before.x[t.bits(4)] >> 1;
        }
        t.rm(bytes, signed ? 7 : 6, sized(0xf6, bytes));
    }

    private static void bitTest(TestCase t) {
        t.undefinedFlags = UNDEFINED_BY_BITS;
        int bytes = t.oneOf(2, 4, 8);
        int kind = t.bits(2);
        if (t.bits(1) == 0) {
            if (kind != 0 && t.bits(2) == 0) {
                t.memory(bytes, 4 | kind, 0xf0, 0x0f, 0xba);
            } else {
                t.rm(bytes, 4 | kind, 0x0f, 0xba);
            }
            t.emitImmediate(1);
            return;
        }
        int number = t.bits(4);
        if (t.bits(1) == 0) {
            t.register(bytes, number, t.bits(4), 0x0f, 0xa3 | kind << 3);
            return;
        }
        long n = t.random().nextInt(-256, 256);
        t.before.x[number] = n & Operand.mask(bytes) | t.value() & ~Operand.mask(bytes);
        t.memoryAt(t.scratchVa() + 64 + t.bits(5), bytes, number, 0x0f, 0xa3 | kind << 3);
        long used = Operand.signed(t.before.x[number], bytes);
        if (used != n) { // the number's register is part of the address, too
            t.length = 0;
            t.discardRelative();
            t.emit(0x90);
        }
    }

    private static void scan(TestCase t) {
        t.undefinedFlags = UNDEFINED_BY_BITS | Flags.CF;
        int bytes = t.oneOf(2, 4, 8);
        switch (t.bits(2)) {
            case 0 -> {
                t.undefinedFlags = 0;
                t.rm(bytes, t.bits(4), 0xf3, 0x0f, 0xb8);
            }
            case 1 -> {
                // a destination that a source of zero leaves is undefined: not with 32 bits
                t.register(8, t.bits(4), t.bits(4), 0x0f, 0xbc | t.bits(1));
            }
            default -> {
                int source = t.bits(4);
                t.before.x[source] |= 1L << t.bits(4);
                t.register(bytes, t.bits(4), source, 0x0f, 0xbc | t.bits(1));
            }
        }
    }

    private static void exchange(TestCase t) {
        int bytes = size(t);
        if (bytes == 1 || t.bits(1) == 0) {
            t.rm(bytes, t.bits(4), sized(0x86, bytes));
        } else {
            int register = t.bits(4);
            t.emitPrefixes(bytes, register);
            t.emit(0x90 | register & 7);
        }
    }

    private static void exchangeAdd(TestCase t) {
        int bytes = size(t);
        if (t.bits(2) == 0) {
            t.memory(bytes, t.bits(4), 0xf0, 0x0f, sized(0xc0, bytes));
        } else {
            t.rm(bytes, t.bits(4), 0x0f, sized(0xc0, bytes));
        }
    }

    /** Of 32 bits and equal, our oracle clears the upper half of RAX; processors do not. */
    private static void compareExchange(TestCase t) {
        int bytes = size(t);
        TestCase.Place place =
                t.bits(2) == 0
                        ? t.memory(bytes, t.bits(4), 0xf0, 0x0f, sized(0xb0, bytes))
                        : t.rm(bytes, t.bits(4), 0x0f, sized(0xb0, bytes));
        if (!place.isMemory() && place.register() != 4 && t.bits(1) == 0) {
            t.before.x[X86Cpu.RAX] = t.before.x[place.register()];
        }
        if (bytes == 4 && !t.isBase(X86Cpu.RAX)) {
            t.before.x[X86Cpu.RAX] &= 0xffff_ffffL;
        } else if (bytes == 4) {
            t.length = 0;
            t.discardRelative();
            t.emit(0x90);
        }
    }

    private static void compareExchangePair(TestCase t) {
        boolean wide = t.bits(1) == 0;
        int bytes = wide ? 8 : 4;
        long va = t.scratchVa(16, wide && t.bits(3) != 0 ? 16 : 1);
        if (t.bits(1) == 0) {
            t.emit(0xf0);
        }
        t.memoryAt(va, bytes, 1, 0x0f, 0xc7);
        int at = (int) (va - t.scratchVa());
        if (t.bits(1) == 0 && !t.isBase(X86Cpu.RAX) && !t.isBase(X86Cpu.RDX)) {
            for (int i = 0; i < bytes; i++) {
                t.before.scratch[at + i] = (byte) (t.before.x[X86Cpu.RAX] >>> (8 * i));
                t.before.scratch[at + bytes + i] = (byte) (t.before.x[X86Cpu.RDX] >>> (8 * i));
            }
        }
    }

    private static void flags(TestCase t) {
        t.emit(t.oneOf(0xf5, 0xf8, 0xf9, 0xfc, 0xfd, 0x9e, 0x9f));
        t.emit(t.oneOf(0xf5, 0xf8, 0xf9, 0xfc, 0x9e, 0x9f));
        t.emit(0x0f, 0x90 | t.bits(4), 0xc3); // SETcc BL
    }
}
