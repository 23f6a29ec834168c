package nestor.virtio.iommu;

import static nestor.virtio.iommu.TableHarness.ALL_PERMISSIONS;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.PHYS;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.attachX86;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static nestor.virtio.iommu.TableHarness.pasid;
import static nestor.virtio.iommu.TableHarness.plain;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nestor.paging.AccessTracking;
import nestor.paging.Permissions;
import nestor.pci.AddressType;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Fault reports: every reason, with its PASID; bytes by profile and by the buffer's size. */
class TableFaultTest {
    private static final long IOVA = 0x7000_0000L;
    private static final int PASID = 3;
    private static final long NO_PAGE_REQUESTS = ~(1L << 21);

    private final TableHarness tables = new TableHarness(TableProfile.NESTOR);
    private final PageTables arm = tables.arm();
    private final long cds = attached(tables, arm);

    /** A table of 16 Context descriptors, of which PASID's is valid. */
    private static long attached(TableHarness tables, PageTables arm) {
        long cds = tables.machine.allocate(4096);
        tables.writeCd(cds + 64L * PASID, cdWord0(1), arm.root());
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
        return cds;
    }

    private int reasonOf(Requester requester, long iova, int access) {
        tables.eventBuffers(1, 48);
        assertThat(tables.translate(requester, iova, access)).isEqualTo(-1);
        List<byte[]> reports = tables.reports();
        assertThat(reports).hasSize(1);
        return reports.getFirst()[0];
    }

    private int reasonOfRead() {
        return reasonOf(pasid(ENDPOINT, PASID), IOVA, Translation.READ);
    }

    @Test
    void everyReason() {
        assertThat(reasonOf(pasid(ENDPOINT, 4), IOVA, Translation.READ))
                .describedAs("V = 0")
                .isEqualTo(1);
        assertThat(reasonOf(pasid(TableHarness.OTHER_ENDPOINT, 4), IOVA, Translation.READ))
                .describedAs("not attached")
                .isEqualTo(1);
        assertThat(reasonOfRead()).describedAs("nothing mapped").isEqualTo(4);
        arm.map(IOVA, PHYS, 12, Permissions.READ);
        assertThat(reasonOf(pasid(ENDPOINT, PASID), IOVA, Translation.WRITE)).isEqualTo(5);
        long leaf = arm.descriptor(IOVA);
        arm.setDescriptor(IOVA, leaf & ~(1L << 10));
        assertThat(reasonOfRead()).describedAs("access flag").isEqualTo(6);
        tables.writeCd(cds + 64L * PASID, cdWord0(2) & ~(7L << 32), arm.root()); // IPS: 4 GiB
        assertThat(tables.invalidateDomain(1, 7)).isEqualTo(OK);
        arm.setDescriptor(IOVA, leaf | 1L << 40);
        assertThat(reasonOfRead()).describedAs("output size").isEqualTo(7);
        tables.writeCd(cds + 64L * PASID, cdWord0(1), 0x1000);
        assertThat(tables.invalidateDomain(1, 7)).isEqualTo(OK);
        assertThat(reasonOfRead()).describedAs("tables outside memory").isEqualTo(3);
    }

    @Test
    void aTableOfDescriptorsThatEndsOutsideMemory() {
        long last = nestor.virtio.testkit.TestMachine.RAM + (64L << 20) - 64;
        assertThat(tables.iommu.status(attachCds(2, ENDPOINT, 0, 2, last, 4))).isEqualTo(OK);
        assertThat(reasonOf(pasid(ENDPOINT, 1), IOVA, Translation.READ)).isEqualTo(3);
    }

    @Test
    void requestsThatNoTablesAllow() {
        assertThat(reasonOf(plain(ENDPOINT), IOVA, Translation.READ)).isEqualTo(1);
        tables.eventBuffers(1, 48);
        assertThat(
                        tables.device.translate(
                                plain(TableHarness.OTHER_ENDPOINT),
                                AddressType.TRANSLATED,
                                PHYS,
                                Translation.READ))
                .isInstanceOf(Translation.Rejected.class);
        assertThat(tables.reports().getFirst()[0]).describedAs("unknown").isZero();
    }

    @Test
    @DisplayName("a process that goes away (EPD0), and R = 0: no report, except of aborted walks")
    void quietContexts() {
        tables.eventBuffers(4, 48);
        tables.writeCd(cds + 64L * PASID, cdWord0(1) | 1 << 14, arm.root());
        assertThat(tables.read(pasid(ENDPOINT, PASID), IOVA)).isEqualTo(-1);
        tables.writeCd(cds + 64L * PASID, cdWord0(1) & ~(1L << 45), arm.root());
        assertThat(tables.invalidateDomain(1, 7)).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, PASID), IOVA)).isEqualTo(-1);
        assertThat(tables.reports()).isEmpty();
        tables.writeCd(cds + 64L * PASID, cdWord0(1) & ~(1L << 45), 0x1000);
        assertThat(tables.invalidateDomain(1, 7)).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, PASID), IOVA)).isEqualTo(-1);
        assertThat(tables.reports()).hasSize(1);
    }

    @Test
    @DisplayName("IHI 0070 §5.4: EPD1: an address of the upper range is a fault, and reported")
    void theUpperRangeIsOff() {
        arm.map(IOVA, PHYS, 12, ALL_PERMISSIONS);
        assertThat(reasonOf(pasid(ENDPOINT, PASID), -1L << 12, Translation.READ)).isEqualTo(4);
        assertThat(tables.read(pasid(ENDPOINT, PASID), IOVA)).isEqualTo(PHYS);
    }

    @Test
    @DisplayName("IHI 0070 §5.4: TBI0: the top byte takes no part")
    void theTopByteIsIgnored() {
        arm.map(IOVA, PHYS, 12, ALL_PERMISSIONS);
        long tagged = IOVA | 0x5aL << 56;
        assertThat(tables.read(pasid(ENDPOINT, PASID), tagged)).isEqualTo(-1);
        tables.writeCd(cds + 64L * PASID, cdWord0(1) | 1L << 38, arm.root());
        assertThat(tables.invalidateDomain(1, 7)).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, PASID), tagged)).isEqualTo(PHYS);
        assertThat(tables.read(pasid(ENDPOINT, PASID), tagged)).describedAs("hit").isEqualTo(PHYS);
        arm.unmap(IOVA);
        assertThat(tables.invalidatePages(1, 1, PASID, IOVA, 1)).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, PASID), tagged)).isEqualTo(-1);
    }

    @Test
    @DisplayName("IHI 0070 §3.13: HA and HD: the walk sets the access flag and dirty state")
    void hardwareUpdates() {
        PageTables tracked = tables.arm(12, 48, AccessTracking.HARDWARE_DIRTY);
        tracked.map(IOVA, PHYS, 12, Permissions.READ, 1L << 51); // DBM
        tracked.setDescriptor(IOVA, tracked.descriptor(IOVA) & ~(1L << 10));
        tables.writeCd(cds + 64L * PASID, cdWord0(1) | 3L << 42, tracked.root());
        assertThat(tables.read(pasid(ENDPOINT, PASID), IOVA)).isEqualTo(PHYS);
        assertThat(tracked.descriptor(IOVA) >>> 10 & 1).isEqualTo(1);
        assertThat(tracked.descriptor(IOVA) >>> 7 & 1).describedAs("clean").isEqualTo(1);
        assertThat(tables.translate(pasid(ENDPOINT, PASID), IOVA, Translation.WRITE))
                .isEqualTo(PHYS);
        assertThat(tracked.descriptor(IOVA) >>> 7 & 1).describedAs("dirty").isZero();
    }

    private static String report(TableProfile profile, long features, int bufferBytes) {
        var tables = new TableHarness(profile, features);
        if (profile == TableProfile.RFC2023) {
            PageTables x86 = tables.x86(4);
            byte[] attach = attachX86(1, ENDPOINT, PASID, x86.root(), 0, 48);
            byte[] of2023 = new byte[84];
            System.arraycopy(attach, 0, of2023, 0, 12);
            IommuHarness.le(of2023)
                    .putShort(16, (short) 4)
                    .putInt(20, PASID)
                    .putLong(24, x86.root())
                    .putInt(40, 48);
            assertThat(tables.iommu.status(of2023)).isEqualTo(OK);
        } else if (profile == TableProfile.HW) {
            long cds = tables.machine.allocate(4096);
            tables.writeCd(cds + 64L * PASID, cdWord0(1), tables.arm().root());
            byte[] entry = new byte[124];
            IommuHarness.le(entry)
                    .put(0, (byte) 6)
                    .putInt(4, 1)
                    .putInt(8, ENDPOINT)
                    .put(12, (byte) 1)
                    .putLong(16, 1 | 5 << 1 | cds | 4L << 59)
                    .putLong(24, 2);
            assertThat(tables.iommu.status(entry)).isEqualTo(OK);
        } else {
            attached(tables, tables.arm());
        }
        tables.eventBuffers(1, bufferBytes);
        assertThat(
                        tables.translate(
                                new Requester(ENDPOINT, PASID, false),
                                0x1_2345_6789L,
                                Translation.WRITE))
                .isEqualTo(-1);
        return tables.report();
    }

    @Test
    void goldenReports() {
        String specified = "02000000 02010000 28000000 00000000 89674523 01000000";
        assertThat(report(TableProfile.RFC2023, -1, 48)).isEqualTo(specified);
        assertThat(report(TableProfile.RFC2021, -1, 24)).isEqualTo(specified);
        assertThat(report(TableProfile.RFC2021, ~(1L << 7), 39)).isEqualTo(specified);
        assertThat(report(TableProfile.HW, -1, 48))
                .isEqualTo("02000000 02030000 28000000 03000000 89674523 01000000");
        String v1 =
                "04000000 00000000 02010000 28000000 00000000 00000000 89674523 01000000"
                        + " 03000000 00000000";
        assertThat(report(TableProfile.RFC2021, ~(1L << 7), 48)).isEqualTo(v1);
        assertThat(report(TableProfile.RFC2021, -1, 47)).isEqualTo(v1);
        assertThat(report(TableProfile.RFC2021, -1, 64))
                .isEqualTo(
                        "04000000 01000000 02000000 03000000 28000000 03000000 00000000 00000000"
                                + " 89674523 01000000 00000000 00000000");
        String nestor = "04000000 02030000 28000000 03000000 89674523 01000000";
        assertThat(report(TableProfile.NESTOR, NO_PAGE_REQUESTS, 48)).isEqualTo(nestor);
        assertThat(report(TableProfile.NESTOR, -1, 47)).isEqualTo(nestor);
        assertThat(report(TableProfile.NESTOR, -1, 48))
                .isEqualTo(nestor + " 00000000 00000000 00000000 00000000 00000000 00000000");
    }

    @Test
    void aFloodOfFaultsKeepsFewAndLosesNoBuffer() {
        for (int i = 0; i < 100_000; i++) {
            tables.read(pasid(ENDPOINT, PASID), (long) i << 12);
        }
        tables.machine.run();
        tables.eventBuffers(8, 48);
        assertThat(tables.reports()).isEmpty();
        tables.read(pasid(ENDPOINT, PASID), IOVA);
        assertThat(tables.reports()).hasSize(1);
        assertThat(tables.iommu.attach(2, ENDPOINT, 0)).describedAs("alive").isEqualTo(OK);
    }
}
