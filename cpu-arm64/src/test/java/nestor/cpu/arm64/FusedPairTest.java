package nestor.cpu.arm64;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@DisplayName("A pair of instructions in one op does what the oracle does with the two")
class FusedPairTest {
    private static final int B_COND = 0x5400_0000;
    private static final int B_EQ_BACK_8 = B_COND | (-2 & 0x7ffff) << 5;

    private final TestGuest guest = new TestGuest();

    @AfterEach
    void close() {
        guest.close();
    }

    @DisplayName("§C6.2.26: B.cond behind what sets the flags, under every condition")
    @ParameterizedTest(name = "{0}")
    @CsvSource({
        "ADDS 32 (immediate), 00110001 0xxxxxxx xxxxxxxx xxxxxxxx",
        "ADDS 64 (immediate), 10110001 0xxxxxxx xxxxxxxx xxxxxxxx",
        "SUBS 32 (immediate), 01110001 0xxxxxxx xxxxxxxx xxxxxxxx",
        "SUBS 64 (immediate), 11110001 0xxxxxxx xxxxxxxx xxxxxxxx",
        "CMP 32 (immediate),  01110001 00xxxxxx xxxxxxxx xxx11111",
        "CMP 64 (immediate),  11110001 00xxxxxx xxxxxxxx xxx11111",
        "SUBS 32 (register),  01101011 000xxxxx 000000xx xxxxxxxx",
        "SUBS 64 (register),  11101011 000xxxxx 000000xx xxxxxxxx",
        "CMP 64 (register),   11101011 000xxxxx 000000xx xxx11111",
        "ANDS 32 (immediate), 01110010 00xxxxxx 0xxxxxxx xxxxxxxx",
        "ANDS 64 (immediate), 11110010 00xxxxxx 0xxxxxxx xxxxxxxx",
        "ANDS 32 (register),  01101010 000xxxxx 000000xx xxxxxxxx",
        "ANDS 64 (register),  11101010 000xxxxx 000000xx xxxxxxxx",
        "CCMP 32 (register),  01111010 010xxxxx xxxx00xx xxx0xxxx",
        "CCMP 64 (register),  11111010 010xxxxx xxxx00xx xxx0xxxx",
        "CCMP 32 (immediate), 01111010 010xxxxx xxxx10xx xxx0xxxx",
        "CCMP 64 (immediate), 11111010 010xxxxx xxxx10xx xxx0xxxx",
    })
    void flagsAndConditionalBranch(String group, String diagram) {
        Differential.compare(
                group,
                test -> {
                    int word = defined(test, diagram);
                    test.emit(word);
                    long target = test.padVa(1 + test.random().nextInt(2));
                    int words = (int) (target - test.instructionVa() - 4) >> 2;
                    int branch = B_COND | (words & 0x7ffff) << 5 | test.bits(4);
                    test.emit(branch);
                    assertThat(Decoder.decode(word, 0).fusedWith(Decoder.decode(branch, 4)))
                            .as("%08x is fused", word)
                            .isNotNull();
                });
    }

    private static int defined(TestCase test, String diagram) {
        int word = test.word(diagram);
        while (Decoder.decode(word, 0) == Undefined.OP) {
            word = test.word(diagram);
        }
        return word;
    }

    @Test
    @DisplayName("a pair counts as two instructions")
    void countsTwo() {
        int turns = 10;
        guest.cpu.x[0] = turns;
        int subs = 0xf100_0400; // subs x0, x0, #1
        int bne = B_EQ_BACK_8 | 1;
        // the loop: nop, subs, b.ne to the nop
        guest.run(A64.NOP, subs, bne, A64.STOP);

        assertThat(guest.cpu.x[0]).isZero();
        assertThat(guest.cpu.executed()).isEqualTo(3 * turns + 1);
    }

    @Test
    @DisplayName("§D1.3.1: a fault behind instructions without an op reports its own address")
    void faultBehindNops() {
        guest.cpu.x[1] = TestGuest.DEVICE + 0x10_0000; // nothing there
        guest.run(A64.NOP, A64.NOP, A64.movz(0, 7), A64.NOP, A64.ldr(2, 1), A64.movz(0, 8));

        assertThat(guest.vector()).isEqualTo(TestGuest.CURRENT_SYNC);
        assertThat(guest.cpu.system[Slot.ELR]).isEqualTo(TestGuest.CODE + 16);
        assertThat(guest.cpu.x[0]).isEqualTo(7);
    }

    @Test
    @DisplayName("blocks of nothing but instructions without an op")
    void blockOfNops() {
        int[] nops = new int[2 * A64Block.MAX_INSTRUCTIONS + 1];
        Arrays.fill(nops, A64.NOP);
        nops[nops.length - 1] = A64.STOP;
        guest.run(nops);

        assertThat(guest.cpu.pc).isEqualTo(TestGuest.CODE + 4L * nops.length);
    }
}
