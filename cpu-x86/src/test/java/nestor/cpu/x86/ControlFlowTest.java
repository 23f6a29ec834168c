package nestor.cpu.x86;

import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

@DisplayName("SDM volume 2: branches, stack and string instructions do what the oracle does")
class ControlFlowTest {
    private static final int[] PADS = {MachineState.EXIT_BACKWARD, MachineState.EXIT_FORWARD};

    @TestFactory
    Stream<DynamicTest> agreesWithTheOracle() {
        return Stream.of(
                group("Jcc", ControlFlowTest::conditional),
                group("CMP, TEST, ADD, SUB or AND, and Jcc", ControlFlowTest::comparison),
                group("LOOP, JRCXZ", ControlFlowTest::loop),
                group("JMP, CALL, relative", ControlFlowTest::relative),
                group("JMP, CALL, indirect", ControlFlowTest::indirect),
                group("RET", ControlFlowTest::ret),
                group("PUSH, POP", ControlFlowTest::pushAndPop),
                group("PUSHF, POPF", ControlFlowTest::flags),
                group("ENTER, LEAVE", ControlFlowTest::frames),
                group("strings", ControlFlowTest::strings),
                group("repeated strings", ControlFlowTest::repeated),
                group("flags across instructions", ControlFlowTest::mixture),
                group("INT3, UD2, HLT, CLI", t -> t.emit(t.oneOf(0xcc, 0xf4, 0xfa, 0xfb))),
                group("prefixes", ControlFlowTest::prefixes));
    }

    private static DynamicTest group(String name, Consumer<TestCase> generator) {
        return DynamicTest.dynamicTest(name, () -> Differential.compare(name, generator));
    }

    private static long pad(TestCase t) {
        return t.padVa(t.oneOf(PADS));
    }

    private static void displacement(TestCase t, long target, int bytes) {
        t.emitNumber(target - (t.instructionVa() + t.length + bytes), bytes);
    }

    private static void conditional(TestCase t) {
        int condition = t.bits(4);
        if (t.bits(1) == 0) {
            t.emit(0x70 | condition);
            displacement(t, t.padVa(MachineState.EXIT_FORWARD), 1);
        } else {
            t.emit(0x0f, 0x80 | condition);
            displacement(t, pad(t), 4);
        }
    }

    /** Equal operands, and those one apart, as often as others. */
    private static void comparison(TestCase t) {
        int bytes = t.oneOf(1, 2, 4, 8);
        int wide = bytes == 1 ? 0 : 1;
        int register = t.bits(4);
        int kind = t.oneOf(0, 4, 5, 7, 7, 7);
        switch (t.bits(2)) {
            case 0 -> t.rm(bytes, register, t.oneOf(kind << 3, 0x84, kind << 3 | 2) | wide);
            case 1 -> {
                t.rm(bytes, kind, 0x80 | wide);
                t.emitImmediate(bytes);
            }
            case 2 -> {
                t.rm(bytes, 0, 0xf6 | wide);
                t.emitImmediate(bytes);
            }
            default -> {
                t.rm(bytes, kind, bytes == 1 ? 0x80 : 0x83);
                t.emit(t.random().nextInt(-2, 3) & 0xff);
            }
        }
        t.finish();
        if (t.bits(1) == 0) {
            t.emit(0x90);
        }
        conditional(t);
    }

    private static void loop(TestCase t) {
        t.before.x[X86Cpu.RCX] = t.bits(1) == 0 ? t.bits(2) : t.value();
        if (t.bits(2) == 0) {
            t.emit(0x67);
        }
        t.emit(0xe0 | t.bits(2));
        displacement(t, t.padVa(MachineState.EXIT_FORWARD), 1);
    }

    private static void relative(TestCase t) {
        t.before.x[X86Cpu.RSP] = t.scratchVa(64, 1) + 16;
        t.emit(0xe8 | t.bits(1));
        displacement(t, pad(t), 4);
    }

    private static void indirect(TestCase t) {
        t.before.x[X86Cpu.RSP] = t.scratchVa(64, 1) + 64;
        int extension = t.oneOf(2, 4);
        if (t.bits(1) == 0) {
            int register = t.bits(4);
            t.before.x[register] = pad(t);
            t.register(4, extension, register, 0xff);
            if (extension == 2 && register == X86Cpu.RSP) {
                t.length = 0;
                t.emit(0x90);
            }
            return;
        }
        long va = t.scratchVa();
        put(t, 0, pad(t));
        t.memoryAt(va, 4, extension, 0xff);
        if (extension == 2) {
            t.length = 0;
            t.discardRelative();
            t.before.x[X86Cpu.RBX] = va;
            t.before.x[X86Cpu.RSP] = va + 64;
            t.emit(0xff, 0x13); // CALL [RBX]
        }
    }

    private static void put(TestCase t, int at, long value) {
        for (int i = 0; i < 8; i++) {
            t.before.scratch[at + i] = (byte) (value >>> (8 * i));
        }
    }

    private static void ret(TestCase t) {
        int at = t.bits(6);
        t.before.x[X86Cpu.RSP] = t.scratchVa() + at;
        put(t, at, pad(t));
        if (t.bits(1) == 0) {
            t.emit(0xc3);
        } else {
            t.emit(0xc2);
            t.emitNumber(t.bits(15), 2); // our oracle sign-extends the immediate
        }
    }

    private static void pushAndPop(TestCase t) {
        t.before.x[X86Cpu.RSP] = t.scratchVa(64, 1) + 32;
        int register = t.bits(4);
        if (t.bits(2) == 0) {
            t.emit(0x66);
        }
        switch (t.bits(3)) {
            case 0 -> {
                t.emit(0x68);
                t.emitNumber(t.value(), t.code[0] == 0x66 ? 2 : 4);
            }
            case 1 -> {
                t.emit(0x6a);
                t.emitNumber(t.value(), 1);
            }
            case 2 -> t.emit(0xff, 0x34, 0x24); // PUSH [RSP]
            case 3 -> t.emit(0x8f, 0x44, 0x24, 0x08); // POP [RSP+8]
            case 4 -> t.emit(0x58, 0x50); // POP RAX; PUSH RAX
            default -> {
                if (register >= 8) {
                    t.emit(0x41);
                }
                t.emit(0x50 | t.bits(1) << 3 | register & 7);
            }
        }
    }

    private static void flags(TestCase t) {
        int at = t.bits(6) + 16;
        t.before.x[X86Cpu.RSP] = t.scratchVa() + at;
        put(t, at, t.random().nextInt() & MachineState.FLAGS);
        t.emit(0x9d, 0x9c, 0x58); // POPF; PUSHF; POP RAX
        t.emit(0x48, 0x25); // AND RAX: IF and what else the operating system has
        t.emitNumber(MachineState.FLAGS, 4);
        t.undefinedFlags = Flags.AF;
        if (t.bits(1) == 0) {
            t.emit(0x0f, 0x90 | t.bits(4), 0xc3); // SETcc BL
        }
    }

    private static void frames(TestCase t) {
        t.before.x[X86Cpu.RBP] = t.scratchVa(8, 8);
        t.before.x[X86Cpu.RSP] = t.scratchVa() + 128;
        if (t.bits(1) == 0) {
            t.emit(0xc9);
        } else {
            t.before.x[X86Cpu.RBP] = t.scratchVa() + 64;
            t.emit(0xc8);
            t.emitNumber(t.bits(5), 2);
            t.emit(t.bits(2));
        }
    }

    private static int stringOpcode(TestCase t) {
        return t.oneOf(0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf);
    }

    private static void pointers(TestCase t) {
        t.before.x[X86Cpu.RSI] = t.scratchVa() + 64 + t.bits(5);
        t.before.x[X86Cpu.RDI] = t.scratchVa() + 64 + t.bits(5);
        if (t.bits(1) == 0) {
            t.before.flags |= Flags.DF;
        }
        if (t.bits(2) == 0) {
            t.emit(0x67);
        }
    }

    private static void strings(TestCase t) {
        pointers(t);
        int bytes = t.oneOf(2, 4, 8);
        t.emitPrefixes(bytes, 0);
        t.emit(stringOpcode(t));
    }

    private static void repeated(TestCase t) {
        pointers(t);
        t.before.x[X86Cpu.RCX] = t.bits(3);
        if (t.bits(1) == 0) { // what is equal for a while
            byte value = (byte) t.before.x[X86Cpu.RAX];
            for (int i = 60; i < 100; i++) {
                t.before.scratch[i] = value;
            }
        }
        t.emit(t.oneOf(0xf2, 0xf3));
        int opcode = stringOpcode(t);
        int bytes = t.oneOf(2, 4, 8);
        t.emitPrefixes(bytes, 0);
        t.emit(opcode);
    }

    /** Flags as one instruction leaves them and another takes them. */
    private static void mixture(TestCase t) {
        for (int i = 0; i < 4; i++) {
            int a = t.bits(3);
            int b = t.bits(3);
            int modRm = 0xc0 | a << 3 | b;
            switch (t.bits(3)) {
                case 0 -> t.emit(0x48, t.oneOf(0x01, 0x11, 0x19, 0x29, 0x39), modRm);
                case 1 -> t.emit(t.oneOf(0x01, 0x11, 0x19, 0x29, 0x39), modRm);
                case 2 -> t.emit(t.oneOf(0x00, 0x10, 0x18, 0x28, 0x38), modRm);
                case 3 -> t.emit(0xff, 0xc0 | t.bits(1) << 3 | b);
                case 4 -> t.emit(0xfe, 0xc0 | t.bits(1) << 3 | b);
                case 5 -> t.emit(0x0f, 0x90 | t.bits(4), 0xc0 | b);
                case 6 -> t.emit(0x48, 0x0f, 0x40 | t.bits(4), modRm);
                default -> t.emit(t.oneOf(0xf5, 0xf8, 0xf9, 0x9e, 0x9f));
            }
        }
        t.undefinedFlags = 0;
    }

    /** In any order, as often as one likes. A REX prefix before another: our oracle heeds it. */
    private static void prefixes(TestCase t) {
        int count = t.bits(2);
        for (int i = 0; i < count; i++) {
            t.emit(t.oneOf(0x66, 0x67, 0x2e, 0x36, 0x3e, 0x26, 0xf2, 0xf3, 0x66));
        }
        if (t.bits(1) == 0) {
            t.emit(0x40 | t.bits(4));
        }
        switch (t.bits(2)) {
            case 0 -> t.emit(0x89, 0xc0 | t.bits(6));
            case 1 -> t.emit(0x00, 0xc0 | t.bits(6));
            case 2 -> t.emit(0x01, 0xc0 | t.bits(6));
            default -> t.emit(0x31, 0xc0 | t.bits(6));
        }
    }
}
