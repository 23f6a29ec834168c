package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.REQUESTER;
import static nestor.smmuv3.SmmuHarness.SID;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import nestor.iommu.walk.PageTableListing;
import nestor.iommu.walk.PageTableListing.Run;
import nestor.iommu.walk.PasidListing;
import nestor.iommu.walk.WalkOutcome;
import nestor.paging.Permissions;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What is mapped for a stream, and which substreams it has. */
class SmmuListingTest {
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;
    private static final int RW = Translation.READ | Translation.WRITE;

    private final SmmuHarness smmu = SmmuHarness.small().enabled();

    private PageTableListing list(Requester requester, long first) {
        return PageTableListing.of(smmu.smmu, requester, first, -1);
    }

    private PasidListing pasids(int first) {
        return PasidListing.of(smmu.smmu, SID, first, PasidListing.MAX_LOOKS);
    }

    private static Run run(long first, long last, int access, long output, int pieces) {
        return new Run(first, last, access, output, pieces, Optional.empty());
    }

    @Test
    void neighboursWithTheSamePermissionsAreOneRun() {
        PageTables tables = smmu.stage1Tables();
        tables.map(0x1_0000, 0x5000, 12, READ_WRITE);
        tables.map(0x1_1000, 0x6000, 12, READ_WRITE);
        tables.map(0x1_2000, 0x9000, 12, READ_WRITE);
        tables.map(0x1_3000, 0x7000, 12, Permissions.READ);
        tables.map(1L << 30, 0, 30, READ_WRITE);
        smmu.stage1Stream(SID, 0, 0);
        smmu.cd(0, 7, tables.root(), 0);

        PageTableListing listing = list(REQUESTER, 0);

        assertThat(listing.runs())
                .containsExactly(
                        run(0x1_0000, 0x1_2fff, RW, 0x5000, 2),
                        run(0x1_3000, 0x1_3fff, Translation.READ, 0x7000, 1),
                        run(1L << 30, (2L << 30) - 1, RW, 0, 1));
        assertThat(listing.cut()).isEmpty();
        assertThat(PageTableListing.of(smmu.smmu, REQUESTER, 0x1_1800, 0x1_27ff).runs())
                .containsExactly(run(0x1_1800, 0x1_27ff, RW, 0x6800, 2));
    }

    @Test
    @DisplayName("§5.2: what bypasses is a run, too; what is not usable says why")
    void whatPassesAndWhatIsRefusedIsTold() {
        smmu.ste(SID, 1 | 4 << 1, 0, 0, 0);
        assertThat(list(REQUESTER, 0).runs())
                .singleElement()
                .satisfies(all -> {
                    assertThat(all.untranslated()).contains("STE.Config = 4");
                    assertThat(all.first()).isZero();
                    assertThat(all.pieces()).isOne();
                });
        smmu.ste(SID, 0, 0, 0, 0);
        assertThat(list(REQUESTER, 0).runs()).isEmpty();
        assertThat(list(REQUESTER, 0).nothing())
                .hasValueSatisfying(refused -> assertThat(refused.fault()).isEqualTo("C_BAD_STE"));
    }

    @Test
    void aLongListingIsCutAndGoesOnWhereItWasCut() {
        PageTables tables = smmu.stage1Tables();
        int runs = PageTableListing.MAX_RUNS + 100;
        for (long page = 0; page < runs; page++) {
            tables.map(page << 13, 0x5000, 12, READ_WRITE);
        }
        smmu.stage1Stream(SID, 0, 0);
        smmu.cd(0, 7, tables.root(), 0);

        PageTableListing begin = list(REQUESTER, 0);
        assertThat(begin.runs()).hasSize(PageTableListing.MAX_RUNS);
        assertThat(begin.cut()).contains((long) PageTableListing.MAX_RUNS << 13);
        PageTableListing rest = list(REQUESTER, begin.cut().orElseThrow());
        assertThat(rest.runs()).hasSize(100);
        assertThat(rest.cut()).isEmpty();
    }

    @Test
    @DisplayName("DDI 0487, §D8.2: a table that is its own next table maps 2^27 pages, and no end")
    void aTableThatContainsItselfEnds() {
        PageTables tables = smmu.stage1Tables();
        for (int slot = 0; slot < 512; slot++) {
            smmu.store(tables.root() + 8L * slot, tables.root() | 1 << 10 | 0b11);
        }
        smmu.stage1Stream(SID, 0, 0);
        smmu.cd(0, 7, tables.root(), 0);

        PageTableListing listing = list(REQUESTER, 0);

        assertThat(listing.runs()).hasSizeLessThanOrEqualTo(1);
        assertThat(listing.cut()).contains((long) PageTableListing.MAX_LOOKS << 12);
    }

    @Test
    @DisplayName("§5.4: the context descriptors that are there; PASID 0 is not one with S1DSS = 2")
    void theSubstreamsOfALinearTable() {
        smmu.stage1Stream(SID, 4, 2);
        smmu.cd(0, 1, 0x8_0000, 0);
        smmu.cd(3, 7, 0x8_0000, 0);
        smmu.cd(15, 8, 0x9_0000, 0);

        PasidListing listing = pasids(0);

        assertThat(listing.entries()).extracting(PasidListing.Entry::pasid).containsExactly(3, 15);
        assertThat(listing.entries().getLast().entry().gpa()).contains(CONTEXTS + 64 * 15);
        assertThat(listing.cut()).isEmpty();
    }

    @Test
    @DisplayName("§5.3: a leaf that is not there is one look")
    void theSubstreamsOfATableOfTwoLevels() {
        long leaf = 0x9_0000;
        smmu.ste(SID, 1 | 5 << 1 | 1 << 4 | CONTEXTS | 16L << 59, 2 | 1L << 28, 0, 0);
        int pasid = 0x321;
        smmu.store(CONTEXTS + 8L * (pasid >>> 6), leaf | 1);
        smmu.store(leaf + 64L * (pasid & 63), SmmuHarness.cdWord0(9), 0x8_0000, 0, 0);

        PasidListing listing = pasids(1);

        assertThat(listing.entries()).extracting(PasidListing.Entry::pasid).containsExactly(pasid);
        assertThat(listing.looks()).isLessThan(1200);
    }

    @Test
    void aTableFullOfSubstreamsIsCut() {
        smmu.stage1Stream(SID, 10, 2);
        for (int pasid = 0; pasid < 1 << 10; pasid++) {
            smmu.store(CONTEXTS + 64L * pasid, -1L, -1L, -1L, -1L);
        }
        PasidListing listing = pasids(1);
        assertThat(listing.entries())
                .hasSize(PasidListing.MAX_ENTRIES)
                .allSatisfy(entry -> assertThat(entry.entry().errors()).isNotEmpty());
        assertThat(listing.cut()).contains(PasidListing.MAX_ENTRIES + 1);
    }

    @Test
    void aFunctionWithoutAUsableStreamHasNone() {
        smmu.ste(SID, 0, 0, 0, 0);
        assertThat(pasids(0)).isEqualTo(new PasidListing(List.of(), 2, Optional.empty()));
        assertThat(smmu.smmu.explore(REQUESTER, 0, Translation.READ).outcome())
                .isInstanceOf(WalkOutcome.Refused.class);
    }
}
