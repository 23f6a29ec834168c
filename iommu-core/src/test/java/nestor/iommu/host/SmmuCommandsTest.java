package nestor.iommu.host;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class SmmuCommandsTest {
    private static final long VA = 0x12 | 7L << 48;
    private static final long NUM_AND_SCALE = 5 << 12 | 2 << 20;
    private static final long PAGE = 0x4000 | 1;
    private static final long TTL = 3 << 8;
    private static final long TG = 1 << 10;

    private static HostInvalidation.SmmuV3Command of(long word0, long word1, boolean ranges) {
        return SmmuCommands.of(word0, word1, ranges).orElseThrow();
    }

    @Test
    @DisplayName("IHI 0070 §4.4.1: NUM, SCALE and TTL mean nothing without TG")
    void fieldsOfARangeGoOnlyWithTheirGranule() {
        var page = new HostInvalidation.SmmuV3Command(VA, PAGE);
        var range = new HostInvalidation.SmmuV3Command(VA | NUM_AND_SCALE, PAGE | TTL | TG);

        assertThat(of(range.word0(), range.word1(), true)).isEqualTo(range);
        assertThat(of(VA | NUM_AND_SCALE, PAGE | TTL, true)).isEqualTo(page);
        assertThat(of(range.word0(), range.word1(), false)).isEqualTo(page);
    }
}
