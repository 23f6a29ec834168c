package nestor.vmm.register;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import org.junit.jupiter.api.Test;

class BitFieldTest {
    private static final long WORD = 0xfedc_ba98_7654_3210L;

    @Test
    void everyFieldAgreesWithBigInteger() {
        BigInteger word = new BigInteger(Long.toUnsignedString(WORD));
        for (int hi = 0; hi < 64; hi++) {
            for (int lo = 0; lo <= hi; lo++) {
                BitField field = BitField.bits(hi, lo);
                BigInteger ones = BigInteger.ONE.shiftLeft(hi - lo + 1).subtract(BigInteger.ONE);
                assertThat(field.get(WORD)).isEqualTo(word.shiftRight(lo).and(ones).longValue());
                assertThat(field.mask()).isEqualTo(ones.shiftLeft(lo).longValue());
                assertThat(field.getInPlace(WORD)).isEqualTo(WORD & field.mask());
                assertThat(field.set(WORD, field.get(~WORD)))
                        .isEqualTo((WORD & ~field.mask()) | (~WORD & field.mask()));
            }
        }
    }

    @Test
    void aValueThatDoesNotFitIsRefused() {
        assertThatThrownBy(() -> BitField.bits(7, 4).set(0, 16))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aFieldWiderThan32BitsIsNoInt() {
        assertThatThrownBy(() -> BitField.bits(51, 12).getInt(WORD))
                .isInstanceOf(IllegalStateException.class);
    }
}
