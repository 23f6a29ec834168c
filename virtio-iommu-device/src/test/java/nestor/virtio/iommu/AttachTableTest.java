package nestor.virtio.iommu;

import static nestor.virtio.iommu.TableHarness.ALL_PERMISSIONS;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.FAULT;
import static nestor.virtio.iommu.TableHarness.INVAL;
import static nestor.virtio.iommu.TableHarness.NOENT;
import static nestor.virtio.iommu.TableHarness.NOMEM;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.OTHER_ENDPOINT;
import static nestor.virtio.iommu.TableHarness.PHYS;
import static nestor.virtio.iommu.TableHarness.RANGE;
import static nestor.virtio.iommu.TableHarness.UNSUPP;
import static nestor.virtio.iommu.TableHarness.attachArm;
import static nestor.virtio.iommu.TableHarness.attachCds;
import static nestor.virtio.iommu.TableHarness.attachX86;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static nestor.virtio.iommu.TableHarness.pasid;
import static nestor.virtio.iommu.TableHarness.plain;
import static nestor.virtio.iommu.TableHarness.tcr;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.paging.AccessTracking;
import nestor.paging.Permissions;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import nestor.virtio.testkit.TestMachine;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** ATTACH_TABLE: what is attached, what is refused, and what DMA then reaches. */
class AttachTableTest {
    private static final long IOVA = 0x7000_0000L;

    private final TableHarness tables = new TableHarness(TableProfile.NESTOR);
    private final long cds = tables.machine.allocate(64 << 10);

    private int send(byte[] request) {
        return tables.iommu.status(request);
    }

    private PageTables mapped(long phys) {
        PageTables arm = tables.arm();
        arm.map(IOVA, phys, 12, ALL_PERMISSIONS);
        return arm;
    }

    @Test
    @DisplayName("IHI 0070 §5.3: one array of Context descriptors, a PASID each")
    void linearContextTable() {
        for (int pasid = 0; pasid < 4; pasid++) {
            long ttb = mapped(PHYS + pasid * 0x1000L).root();
            tables.writeCd(cds + 64L * pasid, cdWord0(pasid + 1), ttb);
        }
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
        assertThat(tables.read(plain(ENDPOINT), IOVA + 5)).isEqualTo(PHYS + 5);
        for (int pasid = 1; pasid < 4; pasid++) {
            assertThat(tables.read(pasid(ENDPOINT, pasid), IOVA)).isEqualTo(PHYS + pasid * 0x1000L);
        }
        assertThat(tables.read(pasid(ENDPOINT, 4), IOVA)).describedAs("V = 0").isEqualTo(-1);
        assertThat(tables.read(pasid(ENDPOINT, 16), IOVA)).describedAs("S1CDMax").isEqualTo(-1);
        assertThat(tables.read(pasid(ENDPOINT, 0), IOVA)).describedAs("taken").isEqualTo(-1);
        assertThat(tables.read(plain(OTHER_ENDPOINT), IOVA)).isEqualTo(-1);
    }

    @Test
    @DisplayName("IHI 0070 §5.3: two levels, leaves of 4 and 64 KiB")
    void twoLevelContextTables() {
        for (int s1Fmt = 1; s1Fmt <= 2; s1Fmt++) {
            int leafLog2 = s1Fmt == 1 ? 6 : 10;
            long level1 = tables.machine.allocate(128 << 10);
            long leaf = tables.machine.allocate(64 << 10);
            for (int pasid : new int[] {0, 5, (1 << leafLog2) + 3, (1 << 20) - 1}) {
                long at = leaf + 64L * (pasid & (1 << leafLog2) - 1);
                long ttb = mapped(PHYS + (pasid & 0xff) * 0x1000L).root();
                tables.writeCd(at, cdWord0(pasid & 0xff | 1), ttb);
                tables.store(level1 + 8L * (pasid >>> leafLog2), leaf | 1);
            }
            assertThat(send(attachCds(1, ENDPOINT, s1Fmt, 2, level1, 20))).isEqualTo(OK);
            for (int pasid : new int[] {5, (1 << leafLog2) + 3, (1 << 20) - 1}) {
                assertThat(tables.read(pasid(ENDPOINT, pasid), IOVA))
                        .describedAs("S1Fmt %d PASID %d", s1Fmt, pasid)
                        .isEqualTo(PHYS + (pasid & 0xff) * 0x1000L);
            }
            assertThat(tables.read(pasid(ENDPOINT, 7 << leafLog2), IOVA))
                    .describedAs("no leaf")
                    .isEqualTo(-1);
            assertThat(tables.iommu.detach(1, ENDPOINT)).isEqualTo(OK);
        }
    }

    @Test
    @DisplayName("IHI 0070 §3.3.2: S1DSS terminate, bypass, SSID 0")
    void requestsWithoutPasid() {
        tables.writeCd(cds, cdWord0(1), mapped(PHYS).root());
        assertThat(send(attachCds(1, ENDPOINT, 0, 0, cds, 4))).isEqualTo(OK);
        assertThat(tables.read(plain(ENDPOINT), IOVA)).isEqualTo(-1);
        assertThat(tables.read(pasid(ENDPOINT, 0), IOVA)).isEqualTo(PHYS);
        assertThat(send(attachCds(2, ENDPOINT, 0, 1, cds, 4))).isEqualTo(OK);
        assertThat(tables.read(plain(ENDPOINT), IOVA)).isEqualTo(IOVA);
        assertThat(tables.read(pasid(ENDPOINT, 0), IOVA)).isEqualTo(PHYS);
        assertThat(send(attachCds(3, ENDPOINT, 0, 1, cds, 0)))
                .describedAs("S1CDMax = 0: S1DSS does not count")
                .isEqualTo(OK);
        assertThat(tables.read(plain(ENDPOINT), IOVA)).isEqualTo(PHYS);
        assertThat(tables.read(pasid(ENDPOINT, 0), IOVA)).isEqualTo(-1);
    }

    @Test
    @DisplayName("one Arm stage-1 table: every granule, 39 and 48 bits")
    void armTables() {
        for (int granule : new int[] {12, 14, 16}) {
            for (int bits : new int[] {39, 48}) {
                PageTables arm = tables.arm(granule, bits, AccessTracking.SOFTWARE);
                arm.map(IOVA, PHYS, granule, ALL_PERMISSIONS);
                assertThat(send(attachArm(1, ENDPOINT, 9, tcr(granule, bits), arm.root())))
                        .describedAs("%d %d", granule, bits)
                        .isEqualTo(OK);
                assertThat(tables.read(plain(ENDPOINT), IOVA + 0x123)).isEqualTo(PHYS + 0x123);
                assertThat(tables.read(plain(ENDPOINT), IOVA + (1L << granule))).isEqualTo(-1);
                assertThat(tables.read(plain(ENDPOINT), IOVA + (1L << bits))).isEqualTo(-1);
                assertThat(tables.read(pasid(ENDPOINT, 1), IOVA)).isEqualTo(-1);
                assertThat(tables.iommu.detach(1, ENDPOINT)).isEqualTo(OK);
            }
        }
    }

    @Test
    @DisplayName("VT-d §3.6: first stages of 4 and 5 levels, by PASID and without")
    void firstStages() {
        PageTables four = tables.x86(4);
        four.map(IOVA, PHYS, 12, ALL_PERMISSIONS);
        PageTables five = tables.x86(5);
        five.map(1L << 50, PHYS + 0x1000, 12, ALL_PERMISSIONS);
        assertThat(send(attachX86(1, ENDPOINT, 0, four.root(), 0, 48))).isEqualTo(OK);
        assertThat(send(attachX86(2, ENDPOINT, 7, five.root(), 0, 57))).isEqualTo(OK);
        assertThat(tables.read(plain(ENDPOINT), IOVA)).isEqualTo(PHYS);
        assertThat(tables.read(pasid(ENDPOINT, 7), 1L << 50)).isEqualTo(PHYS + 0x1000);
        assertThat(tables.read(pasid(ENDPOINT, 7), IOVA)).isEqualTo(-1);
        assertThat(tables.read(pasid(ENDPOINT, 6), IOVA)).isEqualTo(-1);
        assertThat(four.descriptor(IOVA) & 0x20).describedAs("accessed").isNotZero();
        assertThat(tables.iommu.detach(2, ENDPOINT)).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, 7), 1L << 50)).isEqualTo(-1);
        assertThat(tables.read(plain(ENDPOINT), IOVA)).describedAs("stays").isEqualTo(PHYS);
    }

    @Test
    @DisplayName("VT-d §9.6: SRE and WPE")
    void firstStageFlags() {
        PageTables x86 = tables.x86(4);
        x86.map(IOVA, PHYS, 12, Permissions.READ);
        var privileged = new Requester(ENDPOINT, 3, true);
        assertThat(send(attachX86(1, ENDPOINT, 3, x86.root(), 0, 48))).isEqualTo(OK);
        assertThat(tables.read(pasid(ENDPOINT, 3), IOVA)).isEqualTo(PHYS);
        assertThat(tables.read(privileged, IOVA)).describedAs("no SRE").isEqualTo(-1);
        assertThat(send(attachX86(2, ENDPOINT, 3, x86.root(), 1, 48))).isEqualTo(OK);
        assertThat(tables.read(privileged, IOVA)).isEqualTo(PHYS);
        assertThat(tables.translate(privileged, IOVA, Translation.WRITE)).isEqualTo(PHYS);
        assertThat(send(attachX86(3, ENDPOINT, 3, x86.root(), 5, 48))).isEqualTo(OK);
        assertThat(tables.translate(privileged, IOVA, Translation.WRITE)).isEqualTo(-1);
        assertThat(send(attachX86(4, ENDPOINT, 3, x86.root(), 2, 48)))
                .describedAs("EAFE is not there")
                .isEqualTo(INVAL);
    }

    @Test
    void permissionsAndPrivilegeAreThoseOfTheTables() {
        PageTables arm = tables.arm();
        arm.map(IOVA, PHYS, 12, Permissions.READ);
        arm.map(IOVA + 0x1000, PHYS, 12, Permissions.PRIVILEGED_READ);
        tables.writeCd(cds, cdWord0(1), arm.root());
        send(attachCds(1, ENDPOINT, 0, 0, cds, 4));
        var privileged = new Requester(ENDPOINT, 0, true);
        assertThat(tables.translate(pasid(ENDPOINT, 0), IOVA, Translation.WRITE)).isEqualTo(-1);
        assertThat(tables.read(pasid(ENDPOINT, 0), IOVA + 0x1000)).isEqualTo(-1);
        assertThat(tables.read(privileged, IOVA + 0x1000)).isEqualTo(PHYS);
        assertThat(tables.read(pasid(ENDPOINT, 0), IOVA + 0x1000))
                .describedAs("after the privileged entry is cached")
                .isEqualTo(-1);
    }

    @Test
    void statusesOfContextTables() {
        tables.writeCd(cds, cdWord0(1), mapped(PHYS).root());
        assertThat(send(attachCds(1, 0x77, 0, 2, cds, 4))).isEqualTo(NOENT);
        assertThat(send(attachCds(1, ENDPOINT, 3, 2, cds, 4))).isEqualTo(INVAL);
        assertThat(send(attachCds(1, ENDPOINT, 0, 3, cds, 4))).isEqualTo(INVAL);
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, cds, 21))).isEqualTo(RANGE);
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, cds, -1))).isEqualTo(RANGE);
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, 0, 4))).isEqualTo(FAULT);
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, cds + 8, 4))).isEqualTo(FAULT);
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, -64, 4))).isEqualTo(FAULT);
        long end = TestMachine.RAM + TestMachine.RAM_BYTES;
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, end, 4))).isEqualTo(FAULT);
        for (int reserved = 28; reserved < 76; reserved++) {
            byte[] request = attachCds(1, ENDPOINT, 0, 2, cds, 4);
            request[reserved] = 1;
            assertThat(send(request)).describedAs("byte " + reserved).isEqualTo(INVAL);
        }
        byte[] format = attachCds(1, ENDPOINT, 0, 2, cds, 4);
        format[12] = 3;
        assertThat(send(format)).isEqualTo(UNSUPP);
        format[12] = 2;
        format[13] = 1;
        assertThat(send(format)).isEqualTo(UNSUPP);
        assertThat(tables.read(plain(ENDPOINT), IOVA)).describedAs("nothing").isEqualTo(-1);
    }

    @Test
    void statusesOfSingleTables() {
        long root = mapped(PHYS).root();
        long tcr = tcr(12, 48);
        assertThat(send(attachArm(1, ENDPOINT, 1, tcr | 1L << 53, root))).isEqualTo(INVAL);
        assertThat(send(attachArm(1, ENDPOINT, 1, tcr | 3 << 14, root))).isEqualTo(INVAL);
        assertThat(send(attachArm(1, ENDPOINT, 1, tcr & ~63, root))).isEqualTo(INVAL);
        assertThat(send(attachArm(1, ENDPOINT, 1, tcr & ~(1 << 23), root))).isEqualTo(INVAL);
        assertThat(send(attachArm(1, ENDPOINT, 1, tcr, root + 64))).isEqualTo(FAULT);
        assertThat(send(attachArm(1, ENDPOINT, 1, tcr, 0x1000))).isEqualTo(FAULT);
        assertThat(send(attachArm(1, ENDPOINT, 1, tcr, 1L << 48))).isEqualTo(RANGE);
        long x86 = tables.x86(4).root();
        assertThat(send(attachX86(1, ENDPOINT, 0, x86, 0, 39))).isEqualTo(RANGE);
        assertThat(send(attachX86(1, ENDPOINT, 1 << 20, x86, 0, 48))).isEqualTo(RANGE);
        assertThat(send(attachX86(1, ENDPOINT, -1, x86, 0, 48))).isEqualTo(RANGE);
        assertThat(send(attachX86(1, ENDPOINT, 0, 1L << 48, 0, 48))).isEqualTo(RANGE);
        assertThat(send(attachX86(1, ENDPOINT, 0, x86 + 8, 0, 48))).isEqualTo(FAULT);
        assertThat(send(attachX86(1, ENDPOINT, 0, 0, 0, 48))).isEqualTo(FAULT);
        assertThat(send(attachX86(1, ENDPOINT, 0, x86, 8, 48))).isEqualTo(INVAL);
    }

    @Test
    void aDomainIsOfOneKindAndOfOneTable() {
        tables.writeCd(cds, cdWord0(1), mapped(PHYS).root());
        byte[] join = attachCds(1, OTHER_ENDPOINT, 0, 2, cds, 4);
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, cds, 4))).describedAs("again").isEqualTo(OK);
        assertThat(send(attachCds(1, OTHER_ENDPOINT, 0, 2, cds, 5))).isEqualTo(INVAL);
        assertThat(send(attachCds(1, OTHER_ENDPOINT, 0, 2, cds + 64, 4))).isEqualTo(INVAL);
        assertThat(tables.iommu.attach(1, OTHER_ENDPOINT, 0)).isEqualTo(INVAL);
        assertThat(tables.iommu.attach(1, OTHER_ENDPOINT, 1)).isEqualTo(INVAL);
        assertThat(send(join)).describedAs("equal descriptors").isEqualTo(OK);
        assertThat(tables.read(plain(OTHER_ENDPOINT), IOVA)).isEqualTo(PHYS);
        assertThat(tables.iommu.map(1, 0, 0xfff, PHYS, 1)).isEqualTo(INVAL);
        assertThat(tables.iommu.unmap(1, 0, 0xfff)).isEqualTo(INVAL);
        assertThat(tables.iommu.detach(1, ENDPOINT)).isEqualTo(OK);
        assertThat(tables.read(plain(ENDPOINT), IOVA)).isEqualTo(-1);
        assertThat(tables.read(plain(OTHER_ENDPOINT), IOVA)).isEqualTo(PHYS);
        assertThat(tables.iommu.detach(1, OTHER_ENDPOINT)).isEqualTo(OK);
        assertThat(tables.iommu.attach(1, ENDPOINT, 0)).describedAs("it has ended").isEqualTo(OK);
        assertThat(send(join)).describedAs("a domain of mappings").isEqualTo(INVAL);
    }

    @Test
    void domainsOfMappingsAndOfTablesLiveSideBySide() {
        tables.writeCd(cds, cdWord0(1), mapped(PHYS).root());
        assertThat(tables.iommu.attach(1, ENDPOINT, 0)).isEqualTo(OK);
        assertThat(tables.iommu.map(1, IOVA, IOVA + 0xfff, PHYS + 0x5000, 3)).isEqualTo(OK);
        assertThat(send(attachCds(2, OTHER_ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
        for (int again = 0; again < 2; again++) {
            assertThat(tables.read(plain(ENDPOINT), IOVA)).isEqualTo(PHYS + 0x5000);
            assertThat(tables.read(plain(OTHER_ENDPOINT), IOVA)).isEqualTo(PHYS);
        }
        assertThat(send(attachCds(2, ENDPOINT, 0, 2, cds, 4))).describedAs("moves").isEqualTo(OK);
        assertThat(tables.read(plain(ENDPOINT), IOVA)).isEqualTo(PHYS);
        assertThat(tables.iommu.map(1, 0, 0xfff, PHYS, 1)).isEqualTo(NOENT);
        assertThat(tables.iommu.attach(3, ENDPOINT, 0)).describedAs("back").isEqualTo(OK);
        assertThat(tables.read(plain(ENDPOINT), IOVA)).isEqualTo(-1);
    }

    @Test
    void endpointsWithoutTableSupportHaveMappingsOnly() {
        tables.withoutTables.add(ENDPOINT);
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(UNSUPP);
        assertThat(tables.iommu.attach(1, ENDPOINT, 0)).isEqualTo(OK);
        assertThat(tables.iommu.map(1, 0, 0xfff, PHYS, 1)).isEqualTo(OK);
        assertThat(tables.iommu.canRead(0)).isTrue();
    }

    @Test
    void aTableForAllPasidsAndTablesForSomeExclude() {
        long x86 = tables.x86(4).root();
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
        assertThat(send(attachX86(2, ENDPOINT, 5, x86, 0, 48))).isEqualTo(INVAL);
        assertThat(send(attachX86(2, ENDPOINT, 0, x86, 0, 48))).isEqualTo(OK);
        assertThat(send(attachX86(3, ENDPOINT, 5, x86, 0, 48))).isEqualTo(OK);
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(INVAL);
        assertThat(tables.iommu.detach(3, ENDPOINT)).isEqualTo(OK);
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
    }

    @Test
    void thereAreOnlySoManyDomains() {
        long x86 = tables.x86(4).root();
        for (int pasid = 1; pasid <= 16; pasid++) {
            assertThat(send(attachX86(pasid, ENDPOINT, pasid, x86, 0, 48))).isEqualTo(OK);
        }
        assertThat(send(attachX86(17, ENDPOINT, 17, x86, 0, 48))).isEqualTo(NOMEM);
        assertThat(send(attachX86(16, OTHER_ENDPOINT, 16, x86, 0, 48))).isEqualTo(OK);
    }

    @Test
    @DisplayName("an endpoint that is pulled is attached until it is detached; a new one is not")
    void hotPlug() {
        tables.writeCd(cds, cdWord0(1), mapped(PHYS).root());
        tables.iommu.existing.remove(ENDPOINT);
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(NOENT);
        tables.iommu.existing.add(ENDPOINT);
        assertThat(send(attachCds(1, ENDPOINT, 0, 2, cds, 4))).isEqualTo(OK);
        assertThat(tables.read(plain(ENDPOINT), IOVA)).isEqualTo(PHYS);
        tables.iommu.existing.remove(ENDPOINT);
        assertThat(tables.iommu.detach(1, ENDPOINT)).isEqualTo(OK);
        tables.iommu.existing.add(ENDPOINT);
        assertThat(tables.read(plain(ENDPOINT), IOVA)).isEqualTo(-1);
    }

    @Test
    void aResetForgetsTables() {
        tables.writeCd(cds, cdWord0(1), mapped(PHYS).root());
        send(attachCds(1, ENDPOINT, 0, 2, cds, 4));
        assertThat(tables.read(plain(ENDPOINT), IOVA)).isEqualTo(PHYS);
        tables.iommu.driver.reset();
        assertThat(tables.read(plain(ENDPOINT), IOVA)).isEqualTo(-1);
    }

    @Test
    @DisplayName("IHI 0070 §5.4.1: descriptors that are illegal, and CDs that cannot be read")
    void illegalContextDescriptors() {
        long root = mapped(PHYS).root();
        long legal = cdWord0(1);
        send(attachCds(1, ENDPOINT, 0, 2, cds, 4));
        long[] illegal = {
            legal & ~(1L << 31),
            legal & ~(1L << 41),
            legal & ~(1L << 46),
            legal | 1L << 44,
            legal | 1L << 15,
            legal | 3L << 6,
            legal & ~63L
        };
        for (long word0 : illegal) {
            tables.writeCd(cds, word0, root);
            assertThat(tables.read(plain(ENDPOINT), IOVA)).describedAs("%x", word0).isEqualTo(-1);
        }
        tables.writeCd(cds, legal, root);
        assertThat(tables.read(plain(ENDPOINT), IOVA)).describedAs("legal").isEqualTo(PHYS);
    }

    @Test
    void aDmaOfARealFunctionGoesThroughTheTables() {
        PageTables arm = mapped(PHYS);
        assertThat(send(attachArm(1, ENDPOINT, 1, tcr(12, 48), arm.root()))).isEqualTo(OK);
        assertThat(tables.iommu.canWrite(IOVA)).isTrue();
        assertThat(tables.iommu.canWrite(IOVA + 0x1000)).isFalse();
    }
}
