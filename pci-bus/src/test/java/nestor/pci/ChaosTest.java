package nestor.pci;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import org.junit.jupiter.api.Test;

class ChaosTest {
    private static final long REST = 100;

    private final Chaos chaos = new Chaos();

    private boolean strikes(long nowNanos) {
        return chaos.strikesThenRests(ChaosKey.INVALIDATION_TIMEOUT, 1, nowNanos, REST);
    }

    private void show() {
        chaos.set(EnumSet.of(ChaosKey.INVALIDATION_TIMEOUT), 1);
    }

    @Test
    void aKeyThatStruckRests() {
        show();
        assertThat(strikes(Long.MAX_VALUE - 10)).isTrue();
        assertThat(strikes(Long.MAX_VALUE)).isFalse();
        assertThat(strikes(Long.MIN_VALUE + 88)).isFalse();
        assertThat(strikes(Long.MIN_VALUE + 89)).isTrue();
        assertThat(chaos.counts()).containsEntry(ChaosKey.INVALIDATION_TIMEOUT, 2L);
    }

    @Test
    void aKeyThatIsShownAnewDoesNotRest() {
        show();
        assertThat(strikes(0)).isTrue();
        show();
        assertThat(strikes(1)).isTrue();
    }
}
