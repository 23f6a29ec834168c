package nestor.cpu.x86;

import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

@DisplayName("2D appendix A: what CPUID announces exists, and nothing else")
class OpcodeMapTest {
    /** What our CPUID announces, in the oracle's words. */
    private static final String MODEL =
            "qemu64,-svm,-sse3,-3dnow,-3dnowext,-sse4a,-abm,-lahf_lm,+lahf-lm,+movbe,+popcnt,+cx16"
                    + ",+fsgsbase,+rdtscp,-sep";

    private static final int NONE = 0;

    @TestFactory
    Stream<DynamicTest> agreesWithTheOracle() {
        return Stream.of(group("0F", 0x0f), group("0F 38", 0x0f, 0x38), group("0F 3A", 0x0f, 0x3a));
    }

    private static DynamicTest group(String name, int... escape) {
        return DynamicTest.dynamicTest(
                name, () -> Differential.compare(name, MODEL, t -> instruction(t, escape)));
    }

    private static void instruction(TestCase t, int[] escape) {
        t.before.existence = true;
        int prefix = t.oneOf(NONE, NONE, 0x66, 0xf2, 0xf3);
        int opcode = t.bits(8);
        while (isExcluded(escape.length, opcode)) {
            opcode = t.bits(8);
        }
        if (prefix != NONE) {
            t.emit(prefix);
        }
        if (t.bits(2) == 0) {
            t.emit(0x48);
        }
        t.emit(escape);
        long scratch = t.scratchVa();
        t.before.x[X86Cpu.RCX] = scratch & -16;
        t.before.x[X86Cpu.RSP] = scratch + 64;
        t.emit(opcode, t.bits(1) == 0 ? t.bits(3) << 3 | 1 : 0xc0 | t.bits(6));
        t.emitNumber(0x0101_0101_0101_0101L, 8);
    }

    /**
     * What calls the kernel, jumps, or takes from the test what it stands on; what the oracle dies
     * of; hints with a register, moves of control registers that are none, MOVNTI with a prefix,
     * and register forms of MOVLPD, MOVHPD and MOVNTQ, which it judges otherwise than the manual;
     * MOVDIRI and its kin, which it does not know.
     */
    private static boolean isExcluded(int escapes, int opcode) {
        if (escapes > 1) {
            return opcode == 0xf8 || opcode == 0xf9;
        }
        return switch (opcode) {
            case 0x00, 0x01, 0x05, 0x0d, 0x12, 0x13, 0x16, 0x17, 0x77 -> true;
            case 0xa0, 0xa1, 0xa2, 0xa8, 0xa9, 0xae, 0xb2, 0xb4, 0xb5, 0xc3, 0xc7, 0xe7 -> true;
            default ->
                    opcode >= 0x18 && opcode < 0x24
                            || opcode >= 0x30 && opcode < 0x40
                            || opcode >= 0x80 && opcode < 0x90
                            || opcode >= 0xc8 && opcode < 0xd0;
        };
    }
}
