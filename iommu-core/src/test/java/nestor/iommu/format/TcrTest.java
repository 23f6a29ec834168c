package nestor.iommu.format;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class TcrTest {
    private static final long TTB = 0x8000_0000L;
    private static final long MAIR = 0xf404_ff44L;

    private static ContextDescriptor of(long tcr) {
        return new Tcr(tcr).contextDescriptor(0x1234, TTB, TTB + 0x1000, MAIR);
    }

    @Test
    @DisplayName("D19.2: what Linux writes for a DMA domain: 48 bits, 4 KiB, EPD1, HPD0, HPD1")
    void linuxsWord() {
        long tcr = 16 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 5L << 32 | 1L << 36 | 3L << 41;
        ContextDescriptor cd = of(tcr);
        assertThat(cd.valid() && cd.aarch64() && cd.record() && cd.abort()).isTrue();
        assertThat(cd.stall() || cd.bigEndian() || cd.hardwareAccess()).isFalse();
        assertThat(cd.range0().tsz()).isEqualTo(16);
        assertThat(cd.range0().granuleLog2()).isEqualTo(12);
        assertThat(cd.range0().ttb()).isEqualTo(TTB);
        assertThat(cd.range0().hierarchicalDisabled()).isTrue();
        assertThat(cd.range0().shareability()).isEqualTo(3);
        assertThat(cd.range1().disabled()).isTrue();
        assertThat(cd.outputBits()).isEqualTo(48);
        assertThat(cd.asid()).isEqualTo(0x1234);
        assertThat(cd.mair()).isEqualTo(MAIR);
        assertThat(cd.hasLegalRanges(48)).isTrue();
    }

    @Test
    void everyFieldIsWhereTheRegisterHasIt() {
        assertThat(of(0).asid()).describedAs("AS clear").isEqualTo(0x34);
        assertThat(of(63).range0().tsz()).isEqualTo(63);
        assertThat(of(63L << 16).range1().tsz()).isEqualTo(63);
        assertThat(of(1L << 7).range0().disabled()).isTrue();
        assertThat(of(1L << 14).range0().granuleLog2()).isEqualTo(16);
        assertThat(of(2L << 14).range0().granuleLog2()).isEqualTo(14);
        assertThat(of(3L << 14).range0().granuleLog2()).isZero();
        assertThat(of(1L << 30).range1().granuleLog2()).isEqualTo(14);
        assertThat(of(2L << 30).range1().granuleLog2()).isEqualTo(12);
        assertThat(of(3L << 30).range1().granuleLog2()).isEqualTo(16);
        assertThat(of(1L << 37).range0().topByteIgnored()).isTrue();
        assertThat(of(1L << 38).range1().topByteIgnored()).isTrue();
        assertThat(of(1L << 39).hardwareAccess()).isTrue();
        assertThat(of(1L << 40).hardwareDirty()).isTrue();
        assertThat(of(1L << 42).range1().hierarchicalDisabled()).isTrue();
        assertThat(of(1L << 24).range1().innerCacheability()).isEqualTo(1);
    }

    @Test
    void bitsOfFeaturesThatAreNotThereAreUnknown() {
        for (int bit : new int[] {6, 35, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 63}) {
            assertThat(new Tcr(1L << bit).hasUnknownBits()).describedAs("bit " + bit).isTrue();
        }
        assertThat(new Tcr(0x7_fff7_ffff_ffbfL).hasUnknownBits()).isFalse();
    }
}
