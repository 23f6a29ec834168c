package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.REQUESTER;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.SYNC;
import static nestor.smmuv3.SmmuHarness.assertAborted;
import static nestor.smmuv3.SmmuHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.paging.AccessTracking;
import nestor.paging.Permissions;
import nestor.paging.VmsaV8Stage1;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.smmuv3.event.Event;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Walks, their faults, and the IOTLB (IHI 0070, §3.4, §3.13, §4.4, §7.3). */
class TranslationTest {
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;
    private static final long IOVA = 0x7000_0000L;

    private final SmmuHarness smmu = new SmmuHarness().enabled();

    private PageTables stage1() {
        PageTables tables = smmu.stage1Tables();
        smmu.stage1Stream(SID, 0, 0);
        smmu.cd(0, 1, tables.root(), 0);
        return tables;
    }

    /** An identity stage 2 for the structures and tables, and what a test maps beside. */
    private PageTables nested() {
        PageTables stage2 = smmu.stage2Tables();
        for (long block = 0; block < SmmuHarness.MEMORY_BYTES / 2; block += 2 << 20) {
            stage2.map(block, block, 21, READ_WRITE);
        }
        smmu.stage2Stream(SID, 7, 3, stage2.root());
        return stage2;
    }

    private SmmuHarness.EventRecord assertFault(int number, int stage, int faultClass) {
        SmmuHarness.EventRecord event = smmu.event();
        assertThat(event.number()).isEqualTo(number);
        assertThat(event.dw1() >>> 39 & 1).describedAs("S2").isEqualTo(stage - 1);
        assertThat(event.dw1() >>> 40 & 3).describedAs("CLASS").isEqualTo(faultClass);
        assertThat(smmu.hasEvent()).isFalse();
        return event;
    }

    @Test
    void aHitReturnsTheStoredMapping() {
        stage1().map(IOVA, 0x5000, 12, READ_WRITE);
        Translation first = smmu.read(IOVA + 0x123);
        assertThat(gpa(first, IOVA + 0x123)).isEqualTo(0x5123);
        assertThat(smmu.write(IOVA)).isSameAs(first);
    }

    @Test
    @DisplayName("§7.3.13 F_TRANSLATION: address, RnW, and only if CD.R")
    void anUnmappedAddressIsF_TRANSLATION() {
        PageTables tables = stage1();
        assertAborted(smmu.write(IOVA + 0x123));
        SmmuHarness.EventRecord event = assertFault(Event.F_TRANSLATION, 1, 2);
        assertThat(event.dw2()).isEqualTo(IOVA + 0x123);
        assertThat(event.dw1() >>> 35 & 1).describedAs("RnW").isZero();
        smmu.store(CONTEXTS, SmmuHarness.cdWord0(1) & ~(1L << 45), tables.root());
        smmu.invalidateAll();
        assertAborted(smmu.read(IOVA));
        assertThat(smmu.hasEvent()).isFalse();
    }

    @Test
    @DisplayName("§7.3.16 F_PERMISSION, after a read of the same page was cached")
    void aWriteToAReadOnlyPageIsF_PERMISSION() {
        stage1().map(IOVA, 0x5000, 12, Permissions.READ);
        assertThat(gpa(smmu.read(IOVA), IOVA)).isEqualTo(0x5000);
        assertAborted(smmu.write(IOVA));
        assertFault(Event.F_PERMISSION, 1, 2);
    }

    @Test
    @DisplayName("cached write permission after a read-only table attribute")
    void hierarchicalPermissionsAreNotForgottenByTheCache() {
        PageTables tables = stage1();
        tables.map(IOVA, 0x5000, 12, READ_WRITE);
        long root = tables.root() + 8 * (IOVA >>> 30);
        smmu.store(root, smmu.load(root) | 1L << 62);
        assertThat(gpa(smmu.read(IOVA), IOVA)).isEqualTo(0x5000);
        assertAborted(smmu.write(IOVA));
        assertFault(Event.F_PERMISSION, 1, 2);
    }

    @Test
    @DisplayName("§3.13: AF = 0 is F_ACCESS without HA, and set with it")
    void theAccessFlagIsSoftwaresOrHardwares() {
        PageTables tables = stage1();
        tables.map(IOVA, 0x5000, 12, READ_WRITE);
        tables.setDescriptor(IOVA, tables.descriptor(IOVA) & ~(1L << 10));
        assertAborted(smmu.read(IOVA));
        assertFault(Event.F_ACCESS, 1, 2);
        smmu.cd(0, 1, tables.root(), 1L << 43);
        smmu.invalidateAll();
        assertThat(gpa(smmu.read(IOVA), IOVA)).isEqualTo(0x5000);
        assertThat(tables.descriptor(IOVA) >>> 10 & 1).isEqualTo(1);
    }

    @Test
    @DisplayName("§3.13: with HD a write makes a DBM page dirty, a read does not")
    void hardwareMarksPagesDirty() {
        PageTables tables = smmu.stage1Tables(AccessTracking.HARDWARE_DIRTY);
        smmu.stage1Stream(SID, 0, 0);
        smmu.cd(0, 1, tables.root(), 3L << 42);
        tables.map(IOVA, 0x5000, 12, Permissions.READ, 1L << 51);
        assertThat(gpa(smmu.read(IOVA), IOVA)).isEqualTo(0x5000);
        assertThat(tables.descriptor(IOVA) >>> 7 & 1).describedAs("clean").isEqualTo(1);
        assertThat(gpa(smmu.write(IOVA), IOVA)).isEqualTo(0x5000);
        assertThat(tables.descriptor(IOVA) >>> 7 & 1).describedAs("dirty").isZero();
    }

    @Test
    @DisplayName("§7.3.14 F_ADDR_SIZE beyond IPS")
    void anOutputBeyondIpsIsF_ADDR_SIZE() {
        PageTables tables = stage1();
        tables.map(IOVA, 1L << 40, 12, READ_WRITE);
        smmu.store(CONTEXTS, SmmuHarness.cdWord0(1) & ~(7L << 32), tables.root());
        assertAborted(smmu.read(IOVA));
        assertFault(Event.F_ADDR_SIZE, 1, 2);
    }

    @Test
    @DisplayName("§7.3.12: an abort on a stage-2 descriptor has the class of what is translated")
    void aStage2TableOutsideMemoryIsOfTheClassOfItsInput() {
        smmu.stage2Stream(SID, 6, 3, 1L << 40);

        assertAborted(smmu.read(0x1000));

        SmmuHarness.EventRecord event = assertFault(Event.F_WALK_EABT, 2, 2);
        assertThat(event.dw3()).isEqualTo(1L << 40);
    }

    @Test
    @DisplayName("§7.3.12 F_WALK_EABT: recorded whatever CD.R says, with the descriptor's address")
    void tablesOutsideMemoryAreF_WALK_EABT() {
        smmu.stage1Stream(SID, 0, 0);
        smmu.store(CONTEXTS, SmmuHarness.cdWord0(1) & ~(1L << 45), 1L << 40);
        assertAborted(smmu.read(IOVA));
        SmmuHarness.EventRecord event = assertFault(Event.F_WALK_EABT, 1, 1);
        assertThat(event.dw3()).isEqualTo((1L << 40) + 8 * (IOVA >>> 30));
    }

    @Test
    @DisplayName("§4.4.1: an entry is used until it is invalidated, by address, ASID or altogether")
    void invalidationsTakeEffect() {
        PageTables tables = stage1();
        long[] commands = {0x12, IOVA | 1, 0x13, IOVA, 0x11, 0, 0x10, 0, 0x30, 0};
        for (int i = 0; i < commands.length; i += 2) {
            tables.map(IOVA, 0x5000, 12, READ_WRITE, 1 << 11);
            assertThat(smmu.read(IOVA)).isInstanceOf(Translation.Mapping.class);
            tables.unmap(IOVA);
            assertThat(smmu.read(IOVA))
                    .describedAs("cached")
                    .isInstanceOf(Translation.Mapping.class);
            smmu.submit(commands[i] | 1L << 48, commands[i + 1], SYNC, 0);
            assertAborted(smmu.read(IOVA));
            smmu.event();
        }
    }

    @Test
    @DisplayName("§4.4.1: of another ASID, only global entries, and only by address")
    void globalEntriesBelongToNoAsid() {
        PageTables tables = stage1();
        tables.map(IOVA, 0x5000, 12, READ_WRITE);
        assertThat(smmu.read(IOVA)).isInstanceOf(Translation.Mapping.class);
        tables.unmap(IOVA);
        smmu.submit(0x11 | 1L << 48, 0, SYNC, 0);
        assertThat(smmu.read(IOVA)).describedAs("global").isInstanceOf(Translation.Mapping.class);
        smmu.submit(0x12 | 77L << 48, IOVA, SYNC, 0);
        assertAborted(smmu.read(IOVA));
    }

    @Test
    @DisplayName("§4.4.1.1: ranges of pages")
    void rangeInvalidationCoversItsPages() {
        PageTables tables = stage1();
        for (int page = 0; page < 8; page++) {
            tables.map(IOVA + page * 4096L, 0x10_0000L, 12, READ_WRITE, 1 << 11);
            smmu.read(IOVA + page * 4096L);
            tables.unmap(IOVA + page * 4096L);
        }
        // TG = 4 KiB, NUM = 2, SCALE = 1: (2 + 1) * 2 pages
        smmu.submit(0x12 | 2 << 12 | 1 << 20 | 1L << 48, IOVA | 1 << 10, SYNC, 0);
        for (int page = 0; page < 6; page++) {
            assertAborted(smmu.read(IOVA + page * 4096L));
            smmu.event();
        }
        assertThat(smmu.read(IOVA + 6 * 4096L)).isInstanceOf(Translation.Mapping.class);
    }

    @Test
    void privilegedAndUnprivilegedAccessesAreToldApart() {
        PageTables tables = smmu.stage1Tables();
        tables.map(IOVA, 0x5000, 12, Permissions.PRIVILEGED_READ | Permissions.PRIVILEGED_WRITE);
        smmu.stage1Stream(SID, 4, 2);
        smmu.cd(5, 1, tables.root(), 0);
        Requester privileged = new Requester(SID, 5, true);
        Requester unprivileged = new Requester(SID, 5, false);
        assertThat(gpa(smmu.translate(privileged, IOVA, Translation.WRITE), IOVA))
                .isEqualTo(0x5000);
        assertAborted(smmu.translate(unprivileged, IOVA, Translation.READ));
        assertThat(assertFault(Event.F_PERMISSION, 1, 2).dw1() >>> 33 & 1)
                .describedAs("PnU")
                .isZero();
    }

    @Test
    @DisplayName("TBI: the top byte takes no part, and an invalidation without it covers it")
    void anIgnoredTopByteIsNoWayAroundInvalidation() {
        PageTables tables = stage1();
        tables.map(IOVA, 0x5000, 12, READ_WRITE, 1 << 11);
        smmu.cd(0, 1, tables.root(), 1L << 38);
        long tagged = 0x5a00_0000_0000_0000L | IOVA;
        assertThat(gpa(smmu.read(tagged + 4), tagged + 4)).isEqualTo(0x5004);
        assertThat(gpa(smmu.read(tagged + 8), tagged + 8)).isEqualTo(0x5008);
        tables.unmap(IOVA);
        smmu.submit(0x12 | 1L << 48, IOVA, SYNC, 0);
        assertAborted(smmu.read(tagged));
        assertThat(smmu.event().dw2()).isEqualTo(tagged);
    }

    @Test
    @DisplayName("EPD0: no walks; and recorded as F_TRANSLATION")
    void aDisabledRangeFaults() {
        PageTables tables = stage1();
        tables.map(IOVA, 0x5000, 12, READ_WRITE);
        smmu.cd(0, 1, tables.root(), 1L << 14);
        assertAborted(smmu.read(IOVA));
        assertFault(Event.F_TRANSLATION, 1, 2);
    }

    @Test
    void stage2AloneTranslatesAndRecordsTheIpa() {
        PageTables tables = smmu.stage2Tables();
        tables.map(IOVA, 0x5000, 12, Permissions.READ);
        smmu.stage2Stream(SID, 6, 3, tables.root());
        assertThat(gpa(smmu.read(IOVA + 4), IOVA + 4)).isEqualTo(0x5004);
        assertAborted(smmu.write(IOVA + 4));
        assertThat(assertFault(Event.F_PERMISSION, 2, 2).dw3()).isEqualTo(IOVA);
        tables.unmap(IOVA);
        smmu.submit(0x2a | 3L << 32, IOVA, SYNC, 0);
        assertAborted(smmu.read(IOVA + 4));
        assertFault(Event.F_TRANSLATION, 2, 2);
    }

    @Test
    @DisplayName("nested: descriptors, tables and outputs are IPAs; permissions are those of both")
    void bothStagesTranslate() {
        PageTables stage2 = nested();
        PageTables stage1 = smmu.stage1Tables();
        smmu.cd(0, 1, stage1.root(), 0);
        stage1.map(IOVA, 0x1_0000_0000L, 12, READ_WRITE);
        stage2.map(0x1_0000_0000L, 0x5000, 12, Permissions.READ);

        assertThat(gpa(smmu.read(IOVA + 4), IOVA + 4)).isEqualTo(0x5004);
        assertAborted(smmu.write(IOVA));
        assertThat(assertFault(Event.F_PERMISSION, 2, 2).dw3()).isEqualTo(0x1_0000_0000L);
        stage2.unmap(0x1_0000_0000L);
        smmu.submit(0x28 | 3L << 32, 0, SYNC, 0);
        assertAborted(smmu.read(IOVA));
        assertFault(Event.F_TRANSLATION, 2, 2);
    }

    @Test
    @DisplayName("nested: a stage-2 fault of a table fetch is CLASS TT, of a CD fetch CLASS CD")
    void faultsOnTheWayAreToldApart() {
        PageTables stage2 = nested();
        smmu.cd(0, 1, 0x2_0000_0000L, 0);
        assertAborted(smmu.read(IOVA));
        assertThat(assertFault(Event.F_TRANSLATION, 2, 1).dw3()).isEqualTo(0x2_0000_0000L);

        stage2.unmap(0);
        smmu.invalidateAll();
        assertAborted(smmu.read(IOVA));
        assertThat(assertFault(Event.F_TRANSLATION, 2, 0).dw3()).isEqualTo(CONTEXTS);
    }

    @Test
    void theUpperRangeIsTtb1s() {
        PageTables upper =
                PageTables.in(
                        smmu.stage1Pages,
                        root ->
                                new VmsaV8Stage1(
                                        new nestor.paging.VmsaV8Geometry(12, 39, 48, false),
                                        root,
                                        true,
                                        false,
                                        false,
                                        false,
                                        AccessTracking.SOFTWARE));
        long iova = -1L << 39 | IOVA;
        upper.map(iova, 0x5000, 12, READ_WRITE);
        smmu.stage1Stream(SID, 0, 0);
        long dw0 = SmmuHarness.cdWord0(1) & ~(1L << 30) | 1 << 14 | 25L << 16 | 2L << 22;
        smmu.store(CONTEXTS, dw0, 0, upper.root(), 0xff);
        assertThat(gpa(smmu.read(iova + 4), iova + 4)).isEqualTo(0x5004);
        assertAborted(smmu.translate(REQUESTER, IOVA, Translation.READ));
    }
}
