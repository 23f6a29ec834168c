package nestor.iommu.format;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class ContextTableFormatTest {
    private static final long TABLE = 0x12_3456_7000L;

    @Test
    @DisplayName("§5.3: one array of 64-byte descriptors")
    void linear() {
        var table = new ContextTableFormat(TABLE, 0, 20);
        assertThat(table.isTwoLevel()).isFalse();
        assertThat(table.entry(0)).isEqualTo(TABLE);
        assertThat(table.entry(0xf_ffff)).isEqualTo(TABLE + 0xf_ffffL * 64);
        assertThat(table.tableBytes()).isEqualTo(1L << 26);
    }

    @Test
    @DisplayName("§5.3: leaves of 64 and of 1024 descriptors; one level-1 entry if they suffice")
    void twoLevels() {
        var small = new ContextTableFormat(TABLE, 1, 20);
        assertThat(small.level1(0xf_ffff)).isEqualTo(TABLE + 8 * 0x3fffL);
        assertThat(small.entry(0x9000L | 1, 0xf_ffff)).isEqualTo(0x9000L + 63 * 64);
        assertThat(small.tableBytes()).isEqualTo(8L << 14);
        var large = new ContextTableFormat(TABLE, 2, 20);
        assertThat(large.level1(0xf_ffff)).isEqualTo(TABLE + 8 * 0x3ffL);
        assertThat(large.entry(0x9_0000L | 1, 0xf_ffff)).isEqualTo(0x9_0000L + 1023 * 64);
        assertThat(new ContextTableFormat(TABLE, 2, 4).tableBytes()).isEqualTo(8);
    }

    @Test
    @DisplayName("§5.2: with S1CDMax = 0 there is one descriptor, whatever S1Fmt says")
    void oneDescriptor() {
        for (int s1Fmt = 0; s1Fmt < 4; s1Fmt++) {
            assertThat(new ContextTableFormat(TABLE, s1Fmt, 0).isTwoLevel()).isFalse();
        }
        assertThat(new ContextTableFormat(TABLE, 3, 5).isTwoLevel()).describedAs("3").isFalse();
    }

    @Test
    @DisplayName("§5.3: V, and L2Ptr within the output size")
    void level1Descriptors() {
        assertThat(ContextTableFormat.isValid(0x1000L, 48)).isFalse();
        assertThat(ContextTableFormat.isValid(0x1001L, 48)).isTrue();
        assertThat(ContextTableFormat.isValid(1L << 48 | 1, 48)).isFalse();
        assertThat(ContextTableFormat.isValid(1L << 47 | 1, 48)).isTrue();
    }
}
