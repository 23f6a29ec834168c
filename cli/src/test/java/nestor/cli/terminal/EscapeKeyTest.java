package nestor.cli.terminal;

import static org.assertj.core.api.Assertions.assertThat;

import nestor.cli.terminal.EscapeKey.Meaning;
import org.junit.jupiter.api.Test;

final class EscapeKeyTest {
    private final EscapeKey key = new EscapeKey();

    @Test
    void ctrlAThenALetterIsAnEscape() {
        assertThat(afterKey('x')).isEqualTo(Meaning.QUIT);
        assertThat(afterKey('c')).isEqualTo(Meaning.SWITCH);
        assertThat(afterKey('h')).isEqualTo(Meaning.HELP);
        assertThat(afterKey('z')).isEqualTo(Meaning.UNKNOWN);
        assertThat(afterKey(EscapeKey.KEY)).isEqualTo(Meaning.INPUT);
    }

    @Test
    void everyOtherByteIsInput() {
        for (int b = 0; b < 256; b++) {
            if (b != EscapeKey.KEY) {
                assertThat(key.accept((byte) b)).isEqualTo(Meaning.INPUT);
            }
        }
    }

    private Meaning afterKey(int letter) {
        assertThat(key.accept(EscapeKey.KEY)).isEqualTo(Meaning.PENDING);
        return key.accept((byte) letter);
    }
}
