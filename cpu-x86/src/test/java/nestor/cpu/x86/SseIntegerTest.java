package nestor.cpu.x86;

import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

@DisplayName("SDM volume 2: MMX and SSE2 integer instructions and moves do what the oracle does")
class SseIntegerTest {
    private static final int NONE = 0;
    private static final int REPNE = 0xf2;
    private static final int REP = 0xf3;
    private static final int[] LANES = {
        0x64, 0x65, 0x66, 0x74, 0x75, 0x76, 0xd4, 0xd5, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde,
        0xdf, 0xe0, 0xe3, 0xe4, 0xe5, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed, 0xee, 0xef, 0xf4, 0xf5,
        0xf6, 0xf8, 0xf9, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xd1, 0xd2, 0xd3, 0xe1, 0xe2, 0xf1, 0xf2,
        0xf3, 0x60, 0x61, 0x62, 0x63, 0x67, 0x68, 0x69, 0x6a, 0x6b
    };

    @TestFactory
    Stream<DynamicTest> agreesWithTheOracle() {
        return Stream.of(
                group("integers of XMM", t -> packed(t, 2, t.oneOf(LANES))),
                group("integers of MMX", t -> packed(t, 4, t.oneOf(LANES))),
                group("PUNPCKQDQ", t -> packed(t, 2, t.oneOf(0x6c, 0x6d))),
                group("shifts by an immediate", SseIntegerTest::shiftImmediate),
                group("PSHUF, SHUFP", SseIntegerTest::shuffle),
                group("UNPCK", t -> packed(t, t.oneOf(2, 4), t.oneOf(0x14, 0x15))),
                group("logic of floats", t -> packed(t, t.oneOf(2, 4), 0x54 | t.bits(2))),
                group("PINSRW, PEXTRW", SseIntegerTest::words),
                group("MOVMSK, PMOVMSKB", SseIntegerTest::masks),
                group("MOVU, MOVSS, MOVSD", SseIntegerTest::unaligned),
                group("MOVA", t -> packed(t, t.oneOf(2, 4), t.oneOf(0x28, 0x29))),
                group("MOVLP, MOVHP", SseIntegerTest::halves),
                group("MOVDQ", SseIntegerTest::whole),
                group("MOVD, MOVQ", SseIntegerTest::general),
                group("MOVQ", SseIntegerTest::quadwords),
                group("MASKMOV", SseIntegerTest::masked),
                group("EMMS", t -> t.emit(0x0f, 0x77)));
    }

    private static DynamicTest group(String name, Consumer<TestCase> generator) {
        return DynamicTest.dynamicTest(name, () -> Differential.compare(name, generator));
    }

    /** With 66 if the size is 2; memory is aligned. */
    private static TestCase.Place packed(TestCase t, int size, int opcode) {
        boolean mmx = size != 2 && opcode >= 0x60 && opcode != 0xc6;
        t.before.mmx |= mmx;
        return t.random().nextBoolean()
                ? t.register(size, register(t, mmx), register(t, mmx), 0x0f, opcode)
                : t.memoryAt(aligned(t), size, register(t, mmx), 0x0f, opcode);
    }

    /** Our oracle does not ignore REX where it says MMX. */
    private static int register(TestCase t, boolean mmx) {
        return t.bits(mmx ? 3 : 4);
    }

    /** Our oracle does not check the alignment. */
    private static long aligned(TestCase t) {
        return t.scratchVa(16, 16);
    }

    private static void shiftImmediate(TestCase t) {
        int size = t.oneOf(2, 4);
        int opcode = t.oneOf(0x71, 0x72, 0x73);
        int group = t.oneOf(2, 4, 6);
        if (opcode == 0x73) {
            group = size == 2 ? t.oneOf(2, 3, 6, 7) : t.oneOf(2, 6);
        }
        t.before.mmx = size != 2;
        t.register(size, group, register(t, size != 2), 0x0f, opcode);
        t.emit(t.bits(1) == 0 ? t.bits(8) : t.bits(5));
    }

    private static void shuffle(TestCase t) {
        t.relative = false;
        switch (t.bits(2)) {
            case 0 -> packed(t, t.oneOf(2, 4), 0x70);
            case 1 -> packed(t, t.oneOf(2, 4), 0xc6);
            default -> {
                int prefix = t.oneOf(REP, REPNE);
                if (t.bits(1) == 0) {
                    t.memoryAt(aligned(t), 4, t.bits(4), prefix, 0x0f, 0x70);
                } else {
                    t.register(4, t.bits(4), t.bits(4), prefix, 0x0f, 0x70);
                }
            }
        }
        t.emit(t.bits(8));
    }

    private static void words(TestCase t) {
        t.relative = false;
        int size = t.oneOf(2, 4);
        t.before.mmx = size != 2;
        if (t.bits(1) == 0) {
            t.rm(size, register(t, size != 2), 0x0f, 0xc4);
        } else {
            t.register(size, t.bits(4), register(t, size != 2), 0x0f, 0xc5);
        }
        t.emit(t.bits(8));
    }

    private static void masks(TestCase t) {
        int opcode = t.oneOf(0x50, 0xd7);
        int size = t.oneOf(2, 4);
        t.before.mmx = size != 2 && opcode == 0xd7;
        t.register(size, t.bits(4), register(t, t.before.mmx), 0x0f, opcode);
    }

    private static void unaligned(TestCase t) {
        int opcode = 0x10 | t.bits(1);
        int prefix = t.oneOf(NONE, REP, REPNE);
        if (prefix == NONE) {
            t.rm(t.oneOf(2, 4), t.bits(4), 0x0f, opcode);
        } else {
            t.rm(4, t.bits(4), prefix, 0x0f, opcode);
        }
    }

    private static void halves(TestCase t) {
        if (t.bits(1) == 0) {
            t.register(4, t.bits(4), t.bits(4), 0x0f, t.oneOf(0x12, 0x16));
        } else {
            t.memory(t.oneOf(2, 4), t.bits(4), 0x0f, t.oneOf(0x12, 0x13, 0x16, 0x17));
        }
    }

    private static void whole(TestCase t) {
        int opcode = t.oneOf(0x6f, 0x7f);
        switch (t.bits(2)) {
            case 0 -> t.rm(4, t.bits(4), REP, 0x0f, opcode);
            case 1 -> t.memoryAt(aligned(t), t.oneOf(2, 4), t.bits(3), 0x0f, 0xe7);
            case 2 -> t.memoryAt(aligned(t), t.oneOf(2, 4), t.bits(4), 0x0f, 0x2b);
            default -> packed(t, t.oneOf(2, 4), opcode);
        }
    }

    private static void general(TestCase t) {
        boolean mmx = t.bits(1) == 0;
        if (!mmx) {
            t.emit(0x66);
        }
        t.before.mmx = mmx;
        t.rm(t.oneOf(4, 8), register(t, mmx), 0x0f, t.oneOf(0x6e, 0x7e));
    }

    private static void quadwords(TestCase t) {
        switch (t.bits(2)) {
            case 0 -> t.rm(4, t.bits(4), REP, 0x0f, 0x7e);
            case 1 -> t.rm(2, t.bits(4), 0x0f, 0xd6);
            default -> {
                t.before.mmx = true;
                t.register(4, t.bits(3), t.bits(3), t.oneOf(REP, REPNE), 0x0f, 0xd6);
            }
        }
    }

    private static void masked(TestCase t) {
        t.before.x[X86Cpu.RDI] = t.scratchVa(16, 1);
        int size = t.oneOf(2, 4);
        t.register(size, register(t, size != 2), register(t, size != 2), 0x0f, 0xf7);
    }
}
