package nestor.virtio.iommu;

import static nestor.virtio.iommu.TableHarness.ALL_PERMISSIONS;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.OTHER_ENDPOINT;
import static nestor.virtio.iommu.TableHarness.PHYS;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.attachX86;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static nestor.virtio.iommu.TableHarness.pasid;
import static nestor.virtio.iommu.TableHarness.plain;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nestor.paging.Permissions;
import nestor.pci.AddressType;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEntry;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Translation Requests and translated requests of endpoints with tables (PCIe §10.2). */
class TableAtsTest {
    private static final long IOVA = 0x7000_0000L;
    private static final int PASID = 3;
    private static final long RW = AtsEntry.READ.mask() | AtsEntry.WRITE.mask();

    private final TableHarness tables = new TableHarness(TableProfile.NESTOR);
    private final long cds = tables.machine.allocate(4096);
    private final PageTables arm = tables.arm();

    private void attach(int s1Dss) {
        tables.writeCd(cds + 64L * PASID, cdWord0(1), arm.root());
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 0, s1Dss, cds, 4))).isEqualTo(OK);
    }

    private AtsCompletion request(Requester requester, long iova, int units, boolean noWrite) {
        return tables.device.requestTranslation(
                new AtsRequest(requester, iova, units, 12, noWrite, false));
    }

    private List<AtsEntry> entries(long iova, int units) {
        return ((AtsCompletion.Entries) request(pasid(ENDPOINT, PASID), iova, units, false))
                .entries();
    }

    private static AtsCompletion failed(CompletionStatus status) {
        return new AtsCompletion.Failed(status);
    }

    @Test
    void permissionsAndSizesAreThoseOfTheTables() {
        attach(2);
        arm.map(IOVA, PHYS, 12, ALL_PERMISSIONS);
        arm.map(IOVA + 0x1000, PHYS + 0x1000, 12, Permissions.READ);
        arm.map(IOVA + 0x20_0000, 0x4400_0000L, 21, ALL_PERMISSIONS);
        assertThat(entries(IOVA, 3))
                .containsExactly(
                        AtsEntry.of(PHYS, 12, RW),
                        AtsEntry.of(PHYS + 0x1000, 12, AtsEntry.READ.mask()),
                        AtsEntry.of(0, 12, 0));
        assertThat(entries(IOVA + 0x20_3000, 8)).containsExactly(AtsEntry.of(0x4400_0000L, 21, RW));
    }

    @Test
    @DisplayName("PCIe §10.2.3: a page that is not mapped is no fault")
    void nothingIsReported() {
        attach(2);
        tables.eventBuffers(1, 48);
        assertThat(entries(IOVA, 1)).containsExactly(AtsEntry.of(0, 12, 0));
        assertThat(request(pasid(ENDPOINT, 9), IOVA, 1, false))
                .isEqualTo(failed(CompletionStatus.COMPLETER_ABORT));
        assertThat(tables.reports()).isEmpty();
    }

    @Test
    void whoHasNoTablesGetsNoTranslations() {
        assertThat(request(plain(ENDPOINT), IOVA, 1, false))
                .isEqualTo(failed(CompletionStatus.UNSUPPORTED_REQUEST));
        tables.iommu.attach(1, ENDPOINT, 0);
        assertThat(request(plain(ENDPOINT), IOVA, 1, false))
                .isEqualTo(failed(CompletionStatus.UNSUPPORTED_REQUEST));
    }

    @Test
    @DisplayName("IHI 0070 §3.9: S1DSS bypass is translated one to one")
    void bypassIsTranslatedToo() {
        attach(1);
        var entries = (AtsCompletion.Entries) request(plain(ENDPOINT), IOVA, 1, false);
        assertThat(entries.entries()).containsExactly(AtsEntry.of(0, 48, RW));
    }

    @Test
    @DisplayName("VT-d §4.2: No Write leaves the page clean")
    void noWriteDecidesAboutDirtyState() {
        PageTables x86 = tables.x86(4);
        x86.map(IOVA, PHYS, 12, ALL_PERMISSIONS);
        tables.iommu.status(attachX86(1, ENDPOINT, PASID, x86.root(), 0, 48));
        request(pasid(ENDPOINT, PASID), IOVA, 1, true);
        assertThat(x86.descriptor(IOVA) & 0x60).describedAs("accessed only").isEqualTo(0x20);
        request(pasid(ENDPOINT, PASID), IOVA, 1, false);
        assertThat(x86.descriptor(IOVA) & 0x60).describedAs("dirty").isEqualTo(0x60);
    }

    private boolean reaches(Requester requester) {
        return tables.device.translate(requester, AddressType.TRANSLATED, PHYS, Translation.WRITE)
                instanceof Translation.Mapping;
    }

    @Test
    @DisplayName("PCIe §6.20: a translated request need not carry the PASID it was translated for")
    void translatedRequestsOfAPasidCarryItOrNot() {
        long x86 = tables.x86(4).root();
        tables.iommu.status(attachX86(1, ENDPOINT, PASID, x86, 0, 48));
        assertThat(reaches(pasid(ENDPOINT, PASID))).isTrue();
        assertThat(reaches(pasid(ENDPOINT, PASID + 1))).isFalse();
        assertThat(reaches(plain(ENDPOINT))).isTrue();
        assertThat(tables.iommu.detach(1, ENDPOINT)).isEqualTo(OK);
        assertThat(reaches(plain(ENDPOINT))).isFalse();
    }

    @Test
    void translatedRequestsPassAsLongAsTheEndpointIsAttached() {
        assertThat(reaches(pasid(ENDPOINT, PASID))).isFalse();
        attach(2);
        assertThat(reaches(pasid(ENDPOINT, PASID))).isTrue();
        assertThat(reaches(plain(ENDPOINT))).isTrue();
        assertThat(reaches(plain(OTHER_ENDPOINT))).isFalse();
        assertThat(tables.iommu.detach(1, ENDPOINT)).isEqualTo(OK);
        assertThat(reaches(pasid(ENDPOINT, PASID))).isFalse();
        tables.iommu.attach(1, ENDPOINT, 0);
        assertThat(reaches(plain(ENDPOINT))).describedAs("mappings").isFalse();
    }
}
