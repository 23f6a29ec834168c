package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.ENDPOINT;
import static nestor.virtio.iommu.IommuHarness.READ;
import static nestor.virtio.iommu.IommuHarness.WRITE;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.PHYS;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.attachX86;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import nestor.iommu.walk.PageTableListing;
import nestor.iommu.walk.PageTableListing.Run;
import nestor.iommu.walk.PasidListing;
import nestor.iommu.walk.WalkExplorer;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What is mapped in a domain, and which PASIDs an endpoint has. */
class ListingTest {
    private static final int RW = Translation.READ | Translation.WRITE;

    private static PageTableListing list(WalkExplorer iommu, int pasid) {
        return PageTableListing.of(iommu, new Requester(ENDPOINT, pasid, false), 0, -1);
    }

    private static PasidListing pasids(WalkExplorer iommu) {
        return PasidListing.of(iommu, ENDPOINT, 0, PasidListing.MAX_LOOKS);
    }

    private static Run run(long first, long last, int access, long output, int pieces) {
        return new Run(first, last, access, output, pieces, Optional.empty());
    }

    @Test
    @DisplayName("virtio §5.13.6.5: mappings by request, of any size, up to the last address")
    void theMappingsOfADomain() {
        IommuHarness harness = IommuHarness.isolating();
        assertThat(list(harness.iommu, Requester.NO_PASID).nothing()).isPresent();
        harness.attach(1, ENDPOINT, 0);
        harness.map(1, 0x1000, 0x3fff, PHYS, READ | WRITE);
        harness.map(1, 0x4000, 0x4fff, PHYS + 0x3000, READ | WRITE);
        harness.map(1, 0x5000, 0x5fff, PHYS, READ | WRITE);
        harness.map(1, 0x6000, 0x6fff, PHYS, READ);
        harness.map(1, -0x1000, -1, PHYS, READ);

        PageTableListing listing = list(harness.iommu, Requester.NO_PASID);

        assertThat(listing.runs())
                .containsExactly(
                        run(0x1000, 0x5fff, RW, PHYS, 2),
                        run(0x6000, 0x6fff, Translation.READ, PHYS, 1),
                        run(-0x1000, -1, Translation.READ, PHYS, 1));
        assertThat(listing.nothing()).isEmpty();
        assertThat(pasids(harness.iommu).looks()).isOne();
    }

    @Test
    @DisplayName("IHI 0070, §5.4: the context descriptors of an attached table")
    void thePasidsOfAnAttachedTable() {
        TableHarness tables = new TableHarness(TableProfile.NESTOR);
        long cds = tables.machine.allocate(4096);
        PageTables arm = tables.arm();
        arm.map(0x7000_0000L, PHYS, 12, TableHarness.ALL_PERMISSIONS, 1 << 11);
        tables.writeCd(cds + 64 * 5, cdWord0(0x105), arm.root());
        tables.writeCd(cds + 64 * 9, cdWord0(0x109), arm.root());
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);

        assertThat(pasids(tables.device).entries())
                .extracting(PasidListing.Entry::pasid)
                .containsExactly(5, 9);
        assertThat(list(tables.device, 5).runs())
                .containsExactly(run(0x7000_0000L, 0x7000_0fffL, RW, PHYS, 1));
        assertThat(list(tables.device, 6).runs()).isEmpty();
    }

    @Test
    @DisplayName("VT-d §9.6: tables that were attached for one PASID each")
    void thePasidsThatHaveTablesOfTheirOwn() {
        TableHarness tables = new TableHarness(TableProfile.NESTOR);
        for (int pasid : new int[] {7, 0xfffff}) {
            PageTables x86 = tables.x86(4);
            byte[] attach = attachX86(pasid == 7 ? 1 : 2, ENDPOINT, pasid, x86.root(), 0, 48);
            assertThat(tables.iommu.status(attach)).isEqualTo(OK);
        }
        PasidListing listing = pasids(tables.device);
        assertThat(listing.entries())
                .extracting(PasidListing.Entry::pasid)
                .containsExactly(7, 0xfffff);
        assertThat(listing.looks()).isLessThan(8);
    }
}
