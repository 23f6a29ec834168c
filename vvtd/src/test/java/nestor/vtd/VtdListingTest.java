package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.RID;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import nestor.iommu.walk.PageTableListing;
import nestor.iommu.walk.PageTableListing.Run;
import nestor.iommu.walk.PasidListing;
import nestor.paging.Permissions;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What is mapped for a request, and which PASIDs a function has. */
class VtdListingTest {
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;
    private static final int RWX = Translation.READ | Translation.WRITE | Translation.EXECUTE;
    private static final long INTERRUPTS = 0xfee0_0000L;

    private static Run run(long first, long last, int access, long output) {
        return new Run(first, last, access, output, 1, Optional.empty());
    }

    private static PageTableListing list(VtdHarness vtd, int pasid) {
        return PageTableListing.of(vtd.unit, new Requester(RID, pasid, false), 0, -1);
    }

    @Test
    @DisplayName("§3.6, §3.8: both halves of a first stage, through the second")
    void aNestedDomainIsListedByWhatBothStagesMap() {
        VtdHarness vtd = new VtdHarness().scalable().queue(true);
        PageTables first = vtd.firstStageTables(4);
        PageTables second = vtd.secondStageTables(4);
        for (long page = 0; page < VtdHarness.MEMORY_BYTES; page += 1 << 21) {
            second.map(page, page, 21, READ_WRITE);
        }
        first.map(0x4000_0000L, 0x5000, 12, READ_WRITE);
        first.map(0x4000_1000L, 0x6000, 12, READ_WRITE);
        first.map(-1L << 30, 0x20_0000, 21, READ_WRITE);
        vtd.nested(3, DID, first, second);

        assertThat(list(vtd, 3).runs())
                .containsExactly(
                        run(0x4000_0000L, 0x4000_1fffL, RWX, 0x5000),
                        run(-1L << 30, (-1L << 30) + 0x1f_ffff, RWX, 0x20_0000));
    }

    @Test
    @DisplayName("§3.14: what passes through leaves the interrupt range out")
    void passThroughIsTwoRunsAroundTheInterruptRange() {
        VtdHarness vtd = new VtdHarness().legacy();
        vtd.legacyContext(1 | 2 << 2, 2 | (long) DID << 8);

        assertThat(list(vtd, Requester.NO_PASID).runs())
                .satisfiesExactly(
                        below -> {
                            assertThat(below.first()).isZero();
                            assertThat(below.last()).isEqualTo(INTERRUPTS - 1);
                            assertThat(below.untranslated()).isPresent();
                        },
                        above -> assertThat(above.first()).isEqualTo(INTERRUPTS + 0x10_0000));
    }

    @Test
    @DisplayName("§9.8: an entry that grants only writes is listed")
    void whatCannotBeReadIsListed() {
        VtdHarness vtd = new VtdHarness().legacy();
        PageTables tables = vtd.secondStageTables(4);
        tables.map(0x7000, 0x5000, 12, READ_WRITE);
        tables.setDescriptor(0x7000, tables.descriptor(0x7000) & ~1L);
        vtd.legacyContext(0, tables, 4);

        assertThat(list(vtd, Requester.NO_PASID).runs())
                .containsExactly(run(0x7000, 0x7fff, Translation.WRITE, 0x5000));
    }

    @Test
    @DisplayName("§9.5, §9.6: entries that are there; a directory entry that is not is one look")
    void thePasidsOfAFunction() {
        VtdHarness vtd = new VtdHarness().scalable().queue(true);
        vtd.firstStage(3, DID, vtd.firstStageTables(4));
        vtd.firstStage(63, DID, vtd.firstStageTables(4));

        PasidListing listing = PasidListing.of(vtd.unit, RID, 0, PasidListing.MAX_LOOKS);

        assertThat(listing.entries()).extracting(PasidListing.Entry::pasid).containsExactly(3, 63);
        assertThat(listing.entries())
                .allSatisfy(one -> assertThat(one.entry().name()).isEqualTo("PASID-table entry"));
        assertThat(listing.cut()).isEmpty();
        assertThat(listing.looks()).isLessThan(PasidListing.MAX_LOOKS);
    }

    @Test
    @DisplayName("§9.3: a function in legacy mode has no PASIDs")
    void inLegacyModeThereAreNone() {
        VtdHarness vtd = new VtdHarness().legacy();
        vtd.legacyContext(0, vtd.secondStageTables(4), 4);

        PasidListing listing = PasidListing.of(vtd.unit, RID, 0, PasidListing.MAX_LOOKS);

        assertThat(listing.entries()).isEmpty();
        assertThat(listing.looks()).isOne();
    }
}
