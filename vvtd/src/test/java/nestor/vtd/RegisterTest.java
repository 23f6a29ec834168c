package nestor.vtd;

import static nestor.vtd.VtdHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** VT-d §11.4: the register map, and the protocol of global commands. */
class RegisterTest {
    /** What a unit known to work with current drivers says, without its narrower SAGAW. */
    private static final long CAP = 0xC1D2_078C_226F_0406L | 1L << 9;

    private static final long NWFS = 1L << 33;

    private static final Map<String, String> KNOWN_UNIT =
            Map.ofEntries(
                    Map.entry("x-scalable-mode", "on"),
                    Map.entry("x-flts", "on"),
                    Map.entry("nesting", "on"),
                    Map.entry("svm", "on"),
                    Map.entry("device-iotlb", "on"),
                    Map.entry("pri", "on"));

    @Test
    @DisplayName("§11.4.2, §11.4.3: capabilities follow from properties")
    void capabilitiesAreThoseOfTheKnownUnit() {
        var vtd = new VtdHarness(VtdOptions.of(KNOWN_UNIT));
        assertThat(vtd.read64(0x008)).isEqualTo(CAP);
        assertThat(vtd.read64(0x010)).isEqualTo(0x0003_ED98_24F0_50DFL | NWFS);
        assertThat(vtd.read32(0x000)).isEqualTo(0x60);
    }

    @Test
    void eachPropertyShowsInItsOwnBits() {
        VtdOptions base = VtdOptions.of(KNOWN_UNIT);
        assertThat(base.with(VtdProperty.CACHING_MODE, 1).cap()).isEqualTo(CAP | 1 << 7);
        assertThat(base.with(VtdProperty.FIVE_LEVEL, 1).cap()).isEqualTo(CAP | 1L << 60);
        assertThat(base.with(VtdProperty.GIGABYTE_PAGES, 0).cap()).isEqualTo(CAP & ~(1L << 56));
        assertThat(base.with(VtdProperty.POSTED_INTERRUPTS, 1).cap()).isEqualTo(CAP | 1L << 59);
        long wide = base.with(VtdProperty.ADDRESS_BITS, 57).cap();
        assertThat(wide >>> 8 & 0x1f).describedAs("SAGAW").isEqualTo(0b1110);
        assertThat(wide >>> 16 & 0x3f).describedAs("MGAW").isEqualTo(56);
        long ecap = base.ecap();
        assertThat(base.with(VtdProperty.PRI, 0).ecap()).isEqualTo(ecap & ~(1L << 29 | 1L << 42));
        assertThat(base.with(VtdProperty.DRAIN, 0).ecap()).isEqualTo(ecap & ~(1L << 42));
        assertThat(base.with(VtdProperty.NESTED, 0).ecap()).isEqualTo(ecap & ~(1L << 26));
        assertThat(base.with(VtdProperty.INTERRUPT_REMAPPING, 0).ecap())
                .isEqualTo(ecap & ~(1L << 3 | 1L << 4));
        assertThat(base.with(VtdProperty.PASID_BITS, 16).ecap() >>> 35 & 0x1f).isEqualTo(15);
        assertThat(VtdOptions.defaults().ecap() >>> 35)
                .describedAs("nothing of scalable mode without it")
                .isZero();
    }

    @Test
    void combinationsThatNoUnitHasAreRefusedByName() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> VtdOptions.of(Map.of("pri", "on")))
                .withMessage("pri needs device-iotlb");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> VtdOptions.of(Map.of("fsts", "on")))
                .withMessage("fsts needs scalable-mode");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> VtdOptions.of(Map.of("aw-bits", "40")))
                .withMessageContaining("aw-bits");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> VtdOptions.of(Map.of("pasid-bits", "many")))
                .withMessageContaining("'many'");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> VtdOptions.of(Map.of("intremap", "yes")))
                .withMessageContaining("on or off");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> VtdOptions.of(Map.of("no-such", "on")))
                .withMessageContaining("no-such");
    }

    @Test
    @DisplayName("§11.2: both halves of a 64-bit register can be written alone")
    void sixtyFourBitRegistersTakeHalves() {
        var vtd = new VtdHarness();
        vtd.write32(0x020, 0x1234_5fff);
        vtd.write32(0x024, 0xabcd);
        assertThat(vtd.read64(0x020)).isEqualTo(0xabcd_1234_5c00L);
        assertThat(vtd.read32(0x024)).isEqualTo(0xabcd);
        vtd.write64(0x020, -1);
        assertThat(vtd.read64(0x020)).isEqualTo(-1L << 10);
    }

    @Test
    void readOnlyRegistersStayAsTheyAre() {
        var vtd = new VtdHarness();
        for (long offset : new long[] {0x000, 0x008, 0x010, 0x080, 0x0b0, 0x220, 0x228}) {
            long before = vtd.read64(offset);
            vtd.write64(offset, ~before);
            vtd.loop.runUntilIdle();
            assertThat(vtd.read64(offset)).describedAs("%x", offset).isEqualTo(before);
        }
        vtd.write32(0x01c, -1);
        assertThat(vtd.read32(0x01c)).isZero();
    }

    @Test
    void whatIsNotThereReadsAsZero() {
        var vtd = new VtdHarness();
        for (long offset = 0x058; offset < 0x080; offset += 8) {
            vtd.write64(offset, -1);
            assertThat(vtd.read64(offset)).describedAs("%x", offset).isZero();
        }
        var plain = new VtdHarness(VtdOptions.defaults());
        plain.write64(0x0d0, -1);
        assertThat(plain.read64(0x0d0)).describedAs("PQA without PRS").isZero();
    }

    @Test
    @DisplayName("§11.4.4: TE is a level, SRTP is done once, GCMD reads as zero")
    void statusFollowsCommand() {
        var vtd = new VtdHarness();
        vtd.write64(0x020, VtdHarness.ROOT);
        vtd.on(VtdHarness.SRTP);
        assertThat(vtd.read32(0x018)).isZero();
        vtd.on(VtdHarness.TE);
        assertThat(vtd.read32(0x01c)).isEqualTo(VtdHarness.TE | VtdHarness.SRTP);
        vtd.off(VtdHarness.TE);
        assertThat(vtd.read32(0x01c)).isEqualTo(VtdHarness.SRTP);
    }

    @Test
    void statusWaitsForDmaUnderTheOldSettings() {
        var vtd = new VtdHarness();
        long ticket = vtd.unit.enterDma();
        vtd.write32(0x018, VtdHarness.TE);
        vtd.loop.runUntilIdle();
        assertThat(vtd.read32(0x01c)).isZero();
        vtd.unit.exitDma(ticket);
        assertThat(vtd.read32(0x01c)).isEqualTo(VtdHarness.TE);
    }

    @Test
    @DisplayName("§11.4.5: RTADDR counts when SRTP latches it")
    void theRootTableIsTheLatchedOne() {
        var vtd = new VtdHarness().legacy();
        var tables = vtd.secondStageTables(4);
        tables.map(0x1000, 0x9000, 12, 0x3f);
        vtd.legacyContext(0, tables, 4);
        vtd.write64(0x020, VtdHarness.NOWHERE);
        assertThat(gpa(vtd.read(0x1000), 0x1000)).isEqualTo(0x9000);
        vtd.on(VtdHarness.SRTP);
        vtd.assertFault(vtd.read(0x1000), 0x08);
    }

    @Test
    void withoutTranslationAddressesPass() {
        var vtd = new VtdHarness();
        assertThat(gpa(vtd.write(0x1234_5678), 0x1234_5678)).isEqualTo(0x1234_5678);
        assertThat(gpa(vtd.read(-1), -1)).isEqualTo(-1);
        assertThat(vtd.hasFault()).isFalse();
    }
}
