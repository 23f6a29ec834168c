package nestor.vtd;

import static nestor.vtd.VtdHarness.NOWHERE;
import static nestor.vtd.VtdHarness.RID;
import static nestor.vtd.VtdHarness.assertRejected;
import static nestor.vtd.VtdHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.paging.Permissions;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** VT-d §3.4.2, §9.1, §9.3: root and context entries of legacy mode. */
class LegacyModeTest {
    private static final int ALL = 0x3f;

    private final VtdHarness vtd =
            new VtdHarness(VtdOptions.whole().with(VtdProperty.ADDRESS_BITS, 57)).legacy();

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5})
    void secondStageOfEachDepthTranslates(int levels) {
        var tables = vtd.secondStageTables(levels);
        long top = 1L << 11 + 9 * levels;
        tables.map(top | 0x5000, 0x9000, 12, ALL);
        tables.map(top | 0x20_0000, 0x40_0000, 21, Permissions.READ);
        vtd.legacyContext(0, tables, levels);
        assertThat(gpa(vtd.write(top | 0x5678), top | 0x5678)).isEqualTo(0x9678);
        var large = (Translation.Mapping) vtd.read(top | 0x3f_ffff);
        assertThat(large.sizeLog2()).isEqualTo(21);
        assertThat(large.gpa(top | 0x3f_ffff)).isEqualTo(0x5f_ffff);
    }

    @Test
    void gigabytePagesTranslate() {
        var tables = vtd.secondStageTables(4);
        tables.map(0x4000_0000, 0x8000_0000L - (1 << 30), 30, ALL);
        vtd.legacyContext(0, tables, 4);
        assertThat(((Translation.Mapping) vtd.read(0x4000_1000)).sizeLog2()).isEqualTo(30);
    }

    @Test
    @DisplayName("§9.3: TT = 10b passes requests, but for interrupts and what is no address")
    void passThroughIsTheIdentity() {
        vtd.legacyContext(1 | 2 << 2, 2);
        assertThat(gpa(vtd.write(0x12_3456), 0x12_3456)).isEqualTo(0x12_3456);
        vtd.assertFault(vtd.read(1L << 48), 0x04);
        assertThat(vtd.write(0xfee0_0000L)).isEqualTo(InterruptRange.MESSAGE);
    }

    @Test
    @DisplayName("§3.14: a request to FEExxxxxh is an interrupt or nothing")
    void theInterruptRangeIsNeverTranslated() {
        var tables = vtd.secondStageTables(4);
        tables.map(0xfee0_0000L, 0x9000, 12, ALL);
        vtd.legacyContext(0, tables, 4);
        assertThat(vtd.write(0xfee0_0010L)).isEqualTo(InterruptRange.MESSAGE);
        assertRejected(vtd.read(0xfee0_0010L));
        assertRejected(
                vtd.translate(
                        VtdHarness.REQUESTER, 0xfee0_0010L, Translation.READ | Translation.WRITE));
        assertThat(vtd.hasFault()).isFalse();
    }

    @Test
    void noIdentityBlockHoldsTheInterruptRange() {
        vtd.off(VtdHarness.TE);
        for (long address : new long[] {0, 0xfedf_ffffL, 0xfef0_0000L, 0xffff_ffffL, 1L << 40}) {
            var block = (Translation.Mapping) vtd.write(address);
            assertThat(InterruptRange.overlaps(block.iovaBase(), block.sizeLog2()))
                    .describedAs("%x", address)
                    .isFalse();
            assertThat(block.gpa(address)).isEqualTo(address);
        }
    }

    @Test
    void structureFaultsHaveTheirReasons() {
        vtd.assertFault(vtd.read(0), 0x02);
        vtd.legacyContext(1 | 1 << 4, 2 | 7 << 8);
        vtd.assertFault(vtd.read(0), 0x0b);
        vtd.legacyContext(1, 2 | 1L << 63);
        vtd.assertFault(vtd.read(0), 0x0b);
        vtd.legacyContext(1 | 1L << 50, 2);
        vtd.assertFault(vtd.read(0), 0x0b);
        vtd.legacyContext(1, 4);
        vtd.assertFault(vtd.read(0), 0x03);
        vtd.legacyContext(1 | 3 << 2, 2);
        vtd.assertFault(vtd.read(0), 0x03);
        vtd.store(VtdHarness.ROOT, NOWHERE | 1, 0);
        vtd.assertFault(vtd.read(0), 0x09);
        vtd.store(VtdHarness.ROOT, VtdHarness.CONTEXT | 3, 0);
        vtd.assertFault(vtd.read(0), 0x0a);
        vtd.store(VtdHarness.ROOT, VtdHarness.CONTEXT | 1, 1);
        vtd.assertFault(vtd.read(0), 0x0a);
        vtd.store(VtdHarness.ROOT, 0, 0);
        vtd.assertFault(vtd.read(0), 0x01);
        vtd.write64(0x020, NOWHERE);
        vtd.on(VtdHarness.SRTP);
        vtd.assertFault(vtd.read(0), 0x08);
    }

    @Test
    void addressWidthsThatTheUnitLacksAreInvalid() {
        var narrow = new VtdHarness(VtdOptions.whole()).legacy();
        narrow.legacyContext(1, 3);
        narrow.assertFault(narrow.read(0), 0x03);
    }

    @Test
    @DisplayName("§3.7: faults of second-stage tables in legacy mode")
    void tableFaultsHaveTheirReasons() {
        var tables = vtd.secondStageTables(3);
        tables.map(0x1000, 0x9000, 12, Permissions.READ);
        tables.map(0x2000, 0xa000, 12, Permissions.WRITE);
        tables.map(0x3000, 0xb000, 12, ALL);
        vtd.legacyContext(0, tables, 3);
        vtd.assertFault(vtd.read(1L << 39), 0x04);
        vtd.assertFault(vtd.write(0x1000), 0x05);
        vtd.assertFault(vtd.read(0x2000), 0x06);
        vtd.assertFault(vtd.write(0x7000), 0x05);
        vtd.assertFault(vtd.read(0x7000), 0x06);
        tables.setDescriptor(0x3000, 0xb003 | 1L << 62);
        vtd.assertFault(vtd.read(0x3000), 0x0c);
        tables.setDescriptor(0x3000, 1L << 49 | 3);
        vtd.assertFault(vtd.read(0x3000), 0x0c);
        tables.map(0x4000_0000, 0, 30, ALL);
        tables.setDescriptor(0x4000_0000, NOWHERE | 3);
        vtd.assertFault(vtd.read(0x4000_0000), 0x07);
        vtd.legacyContext(1 | NOWHERE, 1 | VtdHarness.DID << 8);
        vtd.rootTable(0);
        vtd.assertFault(vtd.read(0), 0x03);
    }

    @Test
    void aPageThatReachesIntoTheInterruptRangeIsBlocked() {
        var tables = vtd.secondStageTables(4);
        tables.map(0x20_0000, 0xfee0_0000L, 21, ALL);
        tables.map(0x40_0000, 0xfec0_0000L, 21, ALL);
        tables.map(0x5000, 0xfeef_f000L, 12, ALL);
        vtd.legacyContext(0, tables, 4);
        vtd.assertFault(vtd.write(0x20_0000), 0x0e);
        vtd.assertFault(vtd.write(0x5000), 0x0e);
        assertThat(gpa(vtd.write(0x40_0000), 0x40_0000)).isEqualTo(0xfec0_0000L);
    }

    @Test
    void requestsWithPasidAreBlocked() {
        var requester = new Requester(RID, 0xf_fff5, true);
        var fault = vtd.assertFault(vtd.translate(requester, 0x1000, Translation.READ), 0x31);
        assertThat(fault.pasid()).isEqualTo(0xf_fff5);
        assertThat(fault.high() & 1L << 29).describedAs("PRIV").isNotZero();
    }

    @Test
    @DisplayName("§11.4.5: TTM = 10b is reserved, abort-DMA is not there")
    void unknownTableTypesBlockEverything() {
        for (int mode = 2; mode <= 3; mode++) {
            vtd.rootTable(mode);
            vtd.assertFault(vtd.read(0x1000), 0x30);
        }
        var legacyOnly = new VtdHarness(VtdOptions.defaults()).legacy();
        legacyOnly.rootTable(1);
        legacyOnly.assertFault(legacyOnly.read(0x1000), 0x30);
    }

    @Test
    void translatedRequestsNeedTheirTranslationType() {
        vtd.legacyContext(0, vtd.secondStageTables(4), 4);
        var fault =
                vtd.assertFault(
                        vtd.translated(VtdHarness.REQUESTER, 0x1000, Translation.WRITE), 0x0d);
        assertThat(fault.addressType()).isEqualTo(2);
        vtd.legacyContext(1, vtd.secondStageTables(4), 4);
        vtd.rootTable(0);
        var passed = vtd.translated(VtdHarness.REQUESTER, 0x1000, Translation.WRITE);
        assertThat(gpa(passed, 0x1000)).isEqualTo(0x1000);
        vtd.assertFault(
                vtd.translated(VtdHarness.REQUESTER, 0xfee0_0000L, Translation.WRITE), 0x0e);
        vtd.assertFault(vtd.translated(VtdHarness.REQUESTER, 1L << 48, Translation.READ), 0x04);
        vtd.off(VtdHarness.TE);
        assertRejected(vtd.translated(VtdHarness.REQUESTER, 0x1000, Translation.READ));
    }

    @Test
    @DisplayName("§7.2.1: FPD keeps qualified faults out of the log")
    void faultProcessingDisableIsHeeded() {
        vtd.legacyContext(2, 0);
        assertRejected(vtd.read(0));
        vtd.legacyContext(3 | vtd.secondStageTables(4).root(), 2);
        assertRejected(vtd.read(0x1000));
        assertThat(vtd.hasFault()).isFalse();
    }

    @Test
    void aContextEntryThatBecomesPresentNeedsNoInvalidation() {
        vtd.assertFault(vtd.read(0x1000), 0x02);
        var tables = vtd.secondStageTables(4);
        vtd.legacyContext(0, tables, 4);
        vtd.assertFault(vtd.read(0x1000), 0x06);
        tables.map(0x1000, 0x9000, 12, ALL);
        assertThat(gpa(vtd.read(0x1000), 0x1000)).isEqualTo(0x9000);
    }
}
