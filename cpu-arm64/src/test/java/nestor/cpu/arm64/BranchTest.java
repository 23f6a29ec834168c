package nestor.cpu.arm64;

import java.util.Arrays;
import java.util.function.Consumer;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("§C4.1.93: branches go where the oracle goes")
class BranchTest {
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "B and BL,     x00101xx xxxxxxxx xxxxxxxx xxxxxxxx",
        "B.cond,       01010100 xxxxxxxx xxxxxxxx xxx0xxxx",
        "CBZ and CBNZ, x011010x xxxxxxxx xxxxxxxx xxxxxxxx",
        "TBZ and TBNZ, x011011x xxxxxxxx xxxxxxxx xxxxxxxx",
        "BR and BLR,   11010110 00x11111 000000xx xxx00000",
        "RET,          11010110 01011111 000000xx xxx00000",
    })
    void agreesWithTheOracle(String group, String diagram) {
        Differential.compare(group, branch(diagram));
    }

    @Test
    @DisplayName("what is unallocated in Armv8.0 is UNDEFINED")
    void sameWordsAreUndefined() {
        Differential.compare(
                "Branches",
                Differential.oracle("cortex-a57"),
                branch("xxx101xxxxxxxxxxxxxxxxxxxxxxxxxx"));
    }

    private static Consumer<TestCase> branch(String diagram) {
        return test -> {
            int word = test.word(diagram);
            while (isSystem(word)) {
                word = test.word(diagram);
            }
            long target = test.padVa(1 + test.random().nextInt(2));
            if (word >>> 25 == 0b1101011) {
                Arrays.fill(test.before.x, target);
                // XZR as the target: nothing is mapped at 0.
                word = (word >>> 5 & 31) == 31 ? word & ~(1 << 5) : word;
            }
            test.emit(aimed(word, (int) (target - test.instructionVa()) >> 2));
        };
    }

    /** Exception generation and system instructions, ERET: not this group's. */
    private static boolean isSystem(int word) {
        return word >>> 25 == 0b1101010 || word >>> 21 == 0b11010110100;
    }

    private static int aimed(int word, int words) {
        return switch (word >>> 25 & 0x3f) {
            case 0b001010, 0b001011 -> word & ~0x3ffffff | words & 0x3ffffff;
            case 0b101010, 0b011010 -> word & ~(0x7ffff << 5) | (words & 0x7ffff) << 5;
            case 0b011011 -> word & ~(0x3fff << 5) | (words & 0x3fff) << 5;
            default -> word;
        };
    }
}
