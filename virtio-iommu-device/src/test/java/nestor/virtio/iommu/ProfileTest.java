package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.PROBE_BYTES;
import static nestor.virtio.iommu.IommuHarness.le;
import static nestor.virtio.iommu.IommuHarness.probeBytes;
import static nestor.virtio.iommu.TableHarness.ALL_PERMISSIONS;
import static nestor.virtio.iommu.TableHarness.DOMAIN;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.INVAL;
import static nestor.virtio.iommu.TableHarness.IOTLB;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.PHYS;
import static nestor.virtio.iommu.TableHarness.UNSUPP;
import static nestor.virtio.iommu.TableHarness.attachArm;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static nestor.virtio.iommu.TableHarness.hex;
import static nestor.virtio.iommu.TableHarness.invalidateBytes;
import static nestor.virtio.iommu.TableHarness.pasid;
import static nestor.virtio.iommu.TableHarness.plain;
import static nestor.virtio.iommu.TableHarness.tcr;
import static nestor.virtio.iommu.TableHarness.words;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import nestor.iommu.IovaRange;
import nestor.pci.AddressType;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import nestor.virtio.pci.VirtioPci;
import nestor.virtio.testkit.TestMachine;
import nestor.virtio.testkit.VirtioDriver;
import nestor.vmm.time.ManualClock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * What each profile offers, tells by PROBE, and takes for what; bytes as the reference has them.
 */
class ProfileTest {
    private static final long IOVA = 0x7000_0000L;

    /** nG of an Arm page, which x86 ignores. */
    private static final long NOT_GLOBAL = 1L << 11;

    /** PAGE_SIZE_MASK, INPUT_RANGE, OUTPUT_SIZE, PASID_SIZE. */
    private static final String SIZES =
            "02000c00 00000000 00f0ffff ffffffff"
                    + " 03001400 00000000 00000000 00000000 ffffffff ffffffff"
                    + " 04000400 30000000"
                    + " 05000400 14000000";

    private static final String LPAE = " 06000c00 01001000 0b000000 00000000";
    private static final String CDS = " 07000c00 02001000 00000000 00000000";

    /** MGAW 48, 1 GiB pages, 5 levels; C, SRS, 20-bit PASIDs, SMTS, FSTS, SMPWCS. */
    private static final String VTD = " 06001400 04000000 00002f00 00000011 01000080 98890100";

    private static byte[] probe(TableHarness tables) {
        byte[] reply = tables.iommu.send(probeBytes(ENDPOINT), PROBE_BYTES + 4);
        assertThat(reply[PROBE_BYTES]).isEqualTo((byte) OK);
        return Arrays.copyOf(reply, PROBE_BYTES);
    }

    private static void assertProperties(TableProfile profile, String golden) {
        byte[] properties = probe(new TableHarness(profile));
        String told = words(Arrays.copyOf(properties, hex(golden).length));
        assertThat(told).isEqualTo(golden.strip().replaceAll("\\s+", " "));
        for (int at = hex(golden).length; at < PROBE_BYTES; at++) {
            assertThat(properties[at]).isZero();
        }
    }

    @Test
    void goldenProperties() {
        assertProperties(TableProfile.RFC2021, SIZES + LPAE + CDS);
        assertProperties(TableProfile.RFC2023, SIZES + VTD);
        assertProperties(TableProfile.NESTOR, SIZES + LPAE + CDS + VTD);
        assertProperties(
                TableProfile.HW,
                "02003400 00000000 9a144805 00000000 10050000 00000000 00000000 00000000"
                        + " 04000000 00000000 00000000 00000000 75000000 00000000");
    }

    @Test
    void reservedRegionsComeFirstAndEndpointsWithoutTablesHaveNothingElse() {
        var region =
                new ReservedRegion(
                        ReservedRegion.Subtype.MSI, new IovaRange(0x800_0000L, 0x80f_ffffL));
        var config =
                new VirtioIommuConfig(
                        -65536,
                        new IovaRange(0, (1L << 48) - 1),
                        0,
                        9,
                        List.of(region),
                        false,
                        VirtioIommuConfig.Limits.DEFAULT);
        var tables = new TableHarness(TableProfile.RFC2021, -1L, config);
        String first = "01001400 01000000 00000008 00000000 ffff0f08 00000000";
        assertThat(words(Arrays.copyOf(probe(tables), 64)))
                .isEqualTo(
                        first
                                + " 02000c00 00000000 0000ffff ffffffff"
                                + " 03001400 00000000 00000000 00000000 ffffffff ffff0000");
        tables.withoutTables.add(ENDPOINT);
        byte[] without = probe(tables);
        assertThat(words(Arrays.copyOf(without, 24))).isEqualTo(first);
        assertThat(Arrays.copyOfRange(without, 24, PROBE_BYTES)).containsOnly(0);
    }

    @Test
    @DisplayName("§5.13.6.8: a list that does not fit is INVAL, and no property")
    void tooLittleRoomForProperties() {
        var tables = new TableHarness(TableProfile.NESTOR);
        byte[] reply = tables.iommu.send(probeBytes(ENDPOINT), 111 + 4);
        assertThat(reply[111]).isEqualTo((byte) INVAL);
        assertThat(Arrays.copyOf(reply, 111)).containsOnly(0);
        assertThat(tables.iommu.send(probeBytes(ENDPOINT), 112 + 4)[112]).isEqualTo((byte) OK);
    }

    @Test
    void featuresByProfile() {
        assertThat(TableProfile.NONE.offered()).isEqualTo(0b111_0111);
        assertThat(new TableHarness(TableProfile.RFC2021).iommu.driver.offered() & 0xff_ffff)
                .isEqualTo(0b1111_0111);
        assertThat(new TableHarness(TableProfile.RFC2023).iommu.driver.offered() & 0xff_ffff)
                .isEqualTo(0b1_0111_0111);
        assertThat(new TableHarness(TableProfile.HW).iommu.driver.offered() & 0xff_ffff)
                .isEqualTo(0b1001_0000);
        assertThat(new TableHarness(TableProfile.NESTOR).iommu.driver.offered() & 0xff_ffff)
                .isEqualTo(0b11_0000_0000_0000_0111_0111);
    }

    @Test
    void aStockDriverOnEachProfileHasMappings() {
        for (TableProfile profile :
                new TableProfile[] {
                    TableProfile.RFC2021, TableProfile.RFC2023, TableProfile.NESTOR
                }) {
            var tables = new TableHarness(profile, 0b111_0111);
            boolean clash = profile == TableProfile.RFC2021; // takes bit 6 for ATTACH_TABLE
            assertThat(tables.iommu.attach(1, ENDPOINT, 0)).isEqualTo(OK);
            assertThat(tables.iommu.map(1, 0, 0xfff, PHYS, 3)).isEqualTo(OK);
            assertThat(tables.iommu.canWrite(0)).isTrue();
            assertThat(tables.iommu.attach(2, ENDPOINT, 1)).isEqualTo(clash ? INVAL : OK);
            tables.iommu.send(attachCds(3, ENDPOINT, 0, 2, PHYS, 4), 4);
            assertThat(tables.iommu.length).describedAs("" + profile).isEqualTo(clash ? 4 : 0);
            tables.iommu.send(invalidateBytes(DOMAIN, IOTLB, 0, 1, 0, 0, 0, 0, 0), 4);
            assertThat(tables.iommu.length).isEqualTo(clash ? 4 : 0);
        }
    }

    @Test
    @DisplayName("without BYPASS_CONFIG unattached endpoints bypass until a driver is there")
    void bypassInTheProfileOf2021() {
        var machine = new TestMachine();
        var clock = new ManualClock();
        var support =
                TableSupport.of(
                        TableProfile.RFC2021, machine.memory(), _ -> Optional.empty(), clock);
        var device =
                new VirtioIommu(
                        VirtioIommuConfig.defaults(true), _ -> true, clock, Optional.of(support));
        VirtioDriver driver = machine.plug(1, device, VirtioPci.Access.DIRECT);
        assertThat(reads(device)).isTrue();
        driver.negotiate();
        driver.driverOk();
        assertThat(reads(device)).isFalse();
        driver.device(36, 1, 1);
        assertThat(driver.device(36, 1)).isZero();
        assertThat(reads(device)).isFalse();
        driver.reset();
        assertThat(reads(device)).isFalse();
        device.systemReset();
        assertThat(reads(device)).isTrue();
    }

    private static boolean reads(VirtioIommu device) {
        return device.translate(plain(ENDPOINT), AddressType.UNTRANSLATED, PHYS, Translation.READ)
                instanceof Translation.Mapping;
    }

    private static PageTables mapped(PageTables empty) {
        empty.map(IOVA, PHYS, 12, ALL_PERMISSIONS, NOT_GLOBAL);
        return empty;
    }

    @Test
    void tablesOf2021() {
        var tables = new TableHarness(TableProfile.RFC2021);
        long cds = tables.machine.allocate(4096);
        long root = mapped(tables.arm()).root();
        tables.writeCd(cds + 64, cdWord0(1), root);
        assertThat(tables.iommu.status(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, 1), IOVA)).isEqualTo(PHYS);
        assertThat(tables.iommu.status(attachArm(2, ENDPOINT, 1, tcr(12, 48), root))).isEqualTo(OK);
        assertThat(tables.read(plain(ENDPOINT), IOVA)).isEqualTo(PHYS);
        byte[] x86 = TableHarness.attachX86(3, ENDPOINT, 0, root, 0, 48);
        assertThat(tables.iommu.status(x86)).isEqualTo(UNSUPP);
    }

    @Test
    void tablesOf2023() {
        var tables = new TableHarness(TableProfile.RFC2023);
        PageTables x86 = mapped(tables.x86(4));
        byte[] request = new byte[84];
        le(request)
                .put(0, (byte) 6)
                .putInt(4, 1)
                .putInt(8, ENDPOINT)
                .putShort(16, (short) 4)
                .putInt(20, 5)
                .putLong(24, x86.root())
                .putInt(40, 48);
        assertThat(tables.iommu.status(request)).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, 5), IOVA)).isEqualTo(PHYS);
        x86.unmap(IOVA);
        assertThat(tables.invalidatePages(1, IOTLB, 5, IOVA, 1)).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, 5), IOVA)).isEqualTo(-1);
        for (int reserved = 12; reserved < 84; reserved++) {
            if (reserved < 16 || reserved == 18 || reserved == 19 || reserved >= 44) {
                byte[] bad = request.clone();
                bad[reserved] = 1;
                assertThat(tables.iommu.status(bad)).describedAs("" + reserved).isEqualTo(INVAL);
            }
        }
        byte[] virt = request.clone();
        virt[16] = 3;
        assertThat(tables.iommu.status(virt)).describedAs("generic tables").isEqualTo(UNSUPP);
    }

    private static byte[] entry(int domain, long ste0, long ste1) {
        byte[] request = new byte[124];
        le(request)
                .put(0, (byte) 6)
                .putInt(4, domain)
                .putInt(8, ENDPOINT)
                .put(12, (byte) 1)
                .putLong(16, ste0)
                .putLong(24, ste1);
        return request;
    }

    private static byte[] hwInvalidate(int scope, int caches, int flags, int pasid, long page) {
        byte[] request = new byte[60];
        le(request)
                .put(0, (byte) 7)
                .put(4, (byte) scope)
                .put(5, (byte) caches)
                .putShort(6, (short) flags)
                .putInt(8, 1)
                .putInt(12, pasid)
                .putLong(16, 0x107)
                .putLong(24, page)
                .putLong(32, 1)
                .put(40, (byte) 12);
        return request;
    }

    @Test
    @DisplayName("stream table entries as they are: V, Config = 5, S1Fmt, S1ContextPtr, S1CDMax")
    void streamTableEntries() {
        var tables = new TableHarness(TableProfile.HW);
        long cds = tables.machine.allocate(4096);
        PageTables arm = mapped(tables.arm());
        tables.writeCd(cds + 64L * 7, cdWord0(0x107), arm.root());
        long ste0 = 1 | 5 << 1 | cds | 4L << 59;
        assertThat(tables.iommu.status(entry(1, ste0, 2 | 1 << 2 | 1L << 28))).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, 7), IOVA)).isEqualTo(PHYS);
        arm.unmap(IOVA);
        assertThat(tables.read(pasid(ENDPOINT, 7), IOVA)).isEqualTo(PHYS);
        assertThat(tables.iommu.status(hwInvalidate(3, 2, 2, 8, IOVA))).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, 7), IOVA)).isEqualTo(PHYS);
        assertThat(tables.iommu.status(hwInvalidate(3, 2, 4, 0, IOVA))).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, 7), IOVA)).isEqualTo(-1);
        arm.map(IOVA, PHYS, 12, ALL_PERMISSIONS, NOT_GLOBAL);
        assertThat(tables.read(pasid(ENDPOINT, 7), IOVA)).isEqualTo(PHYS);
        tables.store(cds + 64L * 7, 0);
        assertThat(tables.iommu.status(hwInvalidate(2, 1, 3, 7, 0))).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, 7), IOVA)).isEqualTo(-1);
        assertThat(tables.iommu.status(hwInvalidate(1, 3, 8, 0, 0))).isEqualTo(OK);
        for (byte[] bad :
                List.of(
                        hwInvalidate(0, 2, 0, 0, 0),
                        hwInvalidate(4, 2, 0, 0, 0),
                        hwInvalidate(1, 0, 0, 0, 0),
                        hwInvalidate(1, 4, 0, 0, 0),
                        hwInvalidate(1, 2, 16, 0, 0),
                        entry(2, ste0 & ~1, 2),
                        entry(2, ste0 ^ 1 << 1, 2))) {
            assertThat(tables.iommu.status(bad)).isEqualTo(INVAL);
        }
        byte[] format = entry(2, ste0, 2);
        format[12] = 2;
        assertThat(tables.iommu.status(format)).isEqualTo(UNSUPP);
        tables.iommu.send(IommuHarness.mapBytes(1, 0, 0xfff, PHYS, 1), 4);
        assertThat(tables.iommu.length).describedAs("no MAP").isZero();
        tables.iommu.send(new byte[] {8, 0, 0, 0, 0, 0, 0, 0}, 4);
        assertThat(tables.iommu.length).describedAs("no PAGE_RESP").isZero();
    }

    /** Every request of each profile with a type of its own, whole. */
    private static List<byte[]> requests(TableProfile profile) {
        byte[] attach = new byte[profile.layout().attachBytes()];
        attach[0] = 6;
        byte[] invalidate = new byte[60];
        invalidate[0] = 7;
        byte[] response = new byte[profile == TableProfile.NESTOR ? 28 : 36];
        response[0] = 8;
        boolean pageRequests = profile == TableProfile.NESTOR || profile == TableProfile.RFC2021;
        return pageRequests ? List.of(attach, invalidate, response) : List.of(attach, invalidate);
    }

    @Test
    @DisplayName("every length of both parts, in two descriptors and a byte a descriptor")
    void lengthsAndSplits() {
        for (TableProfile profile : TableProfile.values()) {
            if (!profile.hasTables()) {
                continue;
            }
            var tables = new TableHarness(profile);
            for (byte[] request : requests(profile)) {
                for (int r = 0; r <= 2 * request.length; r += r < 8 ? 1 : 3) {
                    assertLength(tables, request, Math.min(r, request.length), 4, r);
                    assertLength(tables, request, r, r % 9, r);
                }
                assertLength(tables, request, request.length - 1, 4, 0);
                assertLength(tables, request, request.length, 516, 1);
            }
            assertThat(tables.iommu.attach(1, ENDPOINT, 0)).describedAs("usable").isEqualTo(OK);
        }
    }

    private static void assertLength(TableHarness tables, byte[] request, int r, int w, int how) {
        if (r + w == 0) {
            return;
        }
        byte[] readable = Arrays.copyOf(request, r);
        byte[] reply =
                how % 2 == 0
                        ? tables.iommu.send(readable, w)
                        : tables.iommu.sendScattered(readable, w);
        if (r < 4 || w < 4) {
            assertThat(tables.iommu.length).isZero();
            assertThat(reply).containsOnly(w == 0 ? new byte[0] : new byte[] {(byte) 0xa5});
        } else {
            assertThat(tables.iommu.length).describedAs("%d+%d", r, w).isEqualTo(w);
            assertThat(reply[w - 4]).describedAs("status").isNotZero();
            assertThat(reply[w - 3] | reply[w - 2] | reply[w - 1]).isZero();
            if (r < request.length) {
                assertThat(reply[w - 4]).isEqualTo((byte) INVAL);
            }
        }
    }
}
