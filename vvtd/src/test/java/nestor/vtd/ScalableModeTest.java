package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.DIRECTORY;
import static nestor.vtd.VtdHarness.FIRST_STAGE;
import static nestor.vtd.VtdHarness.NESTED;
import static nestor.vtd.VtdHarness.NOWHERE;
import static nestor.vtd.VtdHarness.PASIDS;
import static nestor.vtd.VtdHarness.PASS_THROUGH;
import static nestor.vtd.VtdHarness.RID;
import static nestor.vtd.VtdHarness.SECOND_STAGE;
import static nestor.vtd.VtdHarness.assertRejected;
import static nestor.vtd.VtdHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.pci.Requester;
import nestor.pci.Translation;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** VT-d §3.4.3, §9.2, §9.4 to §9.6: structures of scalable mode. */
class ScalableModeTest {
    private static final int ALL = 0x3f;
    private static final long CONTEXT = DIRECTORY | 0b1_1101 | 7L << 9;

    private final VtdHarness vtd = new VtdHarness().scalable();

    private Translation readAs(int pasid, long address) {
        return vtd.translate(new Requester(RID, pasid, false), address, Translation.READ);
    }

    @Test
    void requestsWithoutPasidUseRidPasid() {
        vtd.context(CONTEXT, 9);
        vtd.pasid(9, 1 | PASS_THROUGH << 6, DID, 0);
        assertThat(gpa(vtd.write(0x1234), 0x1234)).isEqualTo(0x1234);
        vtd.assertFault(vtd.read(1L << 48), 0x83);
        assertThat(vtd.write(0xfee0_1000L)).isEqualTo(InterruptRange.MESSAGE);
    }

    @Test
    void pasidZeroIsAPasid() {
        var tables = vtd.firstStageTables(4);
        tables.map(0x1000, 0x9000, 12, ALL);
        vtd.firstStage(0, DID, tables);
        assertThat(gpa(readAs(0, 0x1000), 0x1000)).isEqualTo(0x9000);
        vtd.context(CONTEXT, 1);
        vtd.rootTable(1);
        assertThat(vtd.assertFault(vtd.read(0x1000), 0x59).hasPasid()).isFalse();
        assertThat(vtd.assertFault(readAs(2, 0x1000), 0x59).pasid()).isEqualTo(2);
        assertThat(gpa(readAs(0, 0x1000), 0x1000)).isEqualTo(0x9000);
    }

    @Test
    void upperFunctionsHaveTheirOwnContextTable() {
        int rid = 0x98;
        vtd.store(VtdHarness.CONTEXT + 0x1000 + 32L * 0x18, CONTEXT, 0, 0, 0);
        vtd.pasid(0, 1 | PASS_THROUGH << 6, DID, 0);
        Requester requester = Requester.withoutPasid(rid);
        assertThat(gpa(vtd.translate(requester, 0x5000, 1), 0x5000)).isEqualTo(0x5000);
        vtd.store(VtdHarness.ROOT + 8, 0);
        vtd.rootTable(1);
        vtd.assertFault(vtd.translate(requester, 0x5000, 1), 0x39);
        vtd.assertFault(readAs(1, 0x5000), 0x59);
    }

    @Test
    @DisplayName("§9.5: twenty-bit PASIDs, through every part of directory and table")
    void pasidsOfTwentyBitsAreNotTruncated() {
        int pasid = 0xf_fff3;
        vtd.store(DIRECTORY + 8L * (pasid >>> 6), PASIDS | 1);
        vtd.pasid(pasid, 1 | PASS_THROUGH << 6, DID, 0);
        assertThat(gpa(readAs(pasid, 0x1234), 0x1234)).isEqualTo(0x1234);
        var fault = vtd.assertFault(readAs(0x1_0001, 0x1000), 0x51);
        assertThat(fault.pasid()).isEqualTo(0x1_0001);
        fault = vtd.assertFault(readAs(pasid + 1, 0x1000), 0x59);
        assertThat(fault.pasid()).isEqualTo(pasid + 1);
    }

    @Test
    @DisplayName("§9.4: PDTS bounds the directory")
    void pasidsBeyondTheDirectoryAreRefused() {
        vtd.context(CONTEXT & ~(7L << 9), 0);
        vtd.store(DIRECTORY + 8L * (0x1fff >>> 6), PASIDS | 1);
        vtd.store(DIRECTORY + 8L * (0x2000 >>> 6), PASIDS | 1);
        vtd.pasid(0x1fff, 1 | PASS_THROUGH << 6, DID, 0);
        vtd.pasid(0x2000, 1 | PASS_THROUGH << 6, DID, 0);
        assertThat(gpa(readAs(0x1fff, 0x1000), 0x1000)).isEqualTo(0x1000);
        assertThat(vtd.assertFault(readAs(0x2000, 0x1000), 0x46).pasid()).isEqualTo(0x2000);
        vtd.context(CONTEXT & ~(7L << 9), 0x2000);
        vtd.rootTable(1);
        vtd.assertFault(vtd.read(0x1000), 0x48);
    }

    @Test
    void pasidsBeyondTheUnitsWidthAreRefused() {
        var narrow = new VtdHarness(VtdOptions.whole().with(VtdProperty.PASID_BITS, 8)).scalable();
        narrow.pasid(0xff, 1 | PASS_THROUGH << 6, DID, 0);
        narrow.store(DIRECTORY + 8 * 3, PASIDS | 1);
        var last = new Requester(RID, 0xff, false);
        assertThat(gpa(narrow.translate(last, 0x1000, 1), 0x1000)).isEqualTo(0x1000);
        var beyond = new Requester(RID, 0x100, false);
        narrow.assertFault(narrow.translate(beyond, 0x1000, 1), 0x46);
    }

    @Test
    void rootFaultsHaveTheirReasons() {
        vtd.store(VtdHarness.ROOT, VtdHarness.CONTEXT | 3, 0);
        vtd.assertFault(vtd.read(0), 0x3a);
        vtd.store(VtdHarness.ROOT, 1L << 50 | 1, 0);
        vtd.assertFault(vtd.read(0), 0x3a);
        vtd.store(VtdHarness.ROOT, 0, 0);
        vtd.assertFault(vtd.read(0), 0x39);
        vtd.store(VtdHarness.ROOT, NOWHERE | 1, 0);
        vtd.assertFault(vtd.read(0), 0x40);
        vtd.write64(0x020, NOWHERE | 1 << 10);
        vtd.on(VtdHarness.SRTP);
        vtd.assertFault(vtd.read(0), 0x38);
    }

    @Test
    void contextFaultsHaveTheirReasons() {
        vtd.context(CONTEXT & ~1, 0);
        vtd.assertFault(vtd.read(0), 0x41);
        for (long reserved : new long[] {1 << 5, 1 << 8, 1L << 50}) {
            vtd.context(CONTEXT | reserved, 0);
            vtd.assertFault(vtd.read(0), 0x42);
        }
        vtd.context(CONTEXT, 1 << 20);
        vtd.assertFault(vtd.read(0), 0x42);
        vtd.context(CONTEXT, 0);
        vtd.store(VtdHarness.CONTEXT + 32L * RID + 16, 1);
        vtd.assertFault(vtd.read(0), 0x42);
        vtd.context(CONTEXT & ~(1 << 3), 0);
        vtd.assertFault(readAs(1, 0), 0x45);
        vtd.context(NOWHERE | 1, 0);
        vtd.assertFault(vtd.read(0), 0x50);
    }

    @Test
    void contextBitsOfFeaturesThatAreNotThereAreReserved() {
        VtdOptions plain =
                VtdOptions.whole()
                        .with(VtdProperty.PRI, 0)
                        .with(VtdProperty.DEVICE_IOTLB, 0)
                        .with(VtdProperty.SUPERVISOR_REQUESTS, 0)
                        .with(VtdProperty.EXECUTE_REQUESTS, 0)
                        .with(VtdProperty.SVM, 0);
        for (int bit = 2; bit <= 4; bit++) {
            var without = new VtdHarness(plain).scalable();
            without.context(DIRECTORY | 1 | 1L << bit, 0);
            without.assertFault(without.read(0), 0x42);
        }
    }

    @Test
    void directoryFaultsHaveTheirReasons() {
        vtd.store(DIRECTORY, 0);
        vtd.assertFault(readAs(1, 0), 0x51);
        vtd.store(DIRECTORY, PASIDS | 1 | 1 << 2);
        vtd.assertFault(readAs(1, 0), 0x52);
        vtd.store(DIRECTORY, 1L << 50 | 1);
        vtd.assertFault(readAs(1, 0), 0x52);
        vtd.store(DIRECTORY, NOWHERE | 1);
        vtd.assertFault(readAs(1, 0), 0x58);
    }

    @Test
    void entryFaultsHaveTheirReasons() {
        vtd.assertFault(readAs(1, 0), 0x59);
        vtd.pasid(1, 1 | PASS_THROUGH << 6 | 1 << 10, DID, 0);
        vtd.assertFault(readAs(1, 0), 0x5a);
        vtd.pasid(1, 1 | PASS_THROUGH << 6, DID | 1 << 16, 0);
        vtd.assertFault(readAs(1, 0), 0x5a);
        vtd.pasid(1, 1 | PASS_THROUGH << 6, DID, 1 << 8);
        vtd.assertFault(readAs(1, 0), 0x5a);
        vtd.pasid(1, 1 | PASS_THROUGH << 6, DID, 0);
        vtd.store(PASIDS + 64 + 56, 1);
        vtd.assertFault(readAs(1, 0), 0x5a);
        vtd.pasid(1, 1 | FIRST_STAGE << 6, DID, 1L << 50);
        vtd.assertFault(readAs(1, 0), 0x5a);
        vtd.pasid(1, 1 | FIRST_STAGE << 6, DID, 1 << 7); // EAFE
        vtd.assertFault(readAs(1, 0), 0x5a);
        for (int type : new int[] {0, 5, 6, 7}) {
            vtd.pasid(1, 1 | (long) type << 6, DID, 0);
            vtd.assertFault(readAs(1, 0), 0x5b);
        }
        vtd.pasid(1, 1 | FIRST_STAGE << 6, DID, 2 << 2);
        vtd.assertFault(readAs(1, 0), 0x5b);
        for (int type : new int[] {SECOND_STAGE, NESTED}) {
            vtd.pasid(1, 1 | (long) type << 6, DID, 0);
            vtd.assertFault(readAs(1, 0), 0x5b);
            vtd.pasid(1, 1 | (long) type << 6 | 3 << 2, DID, 0); // aw-bits is 48
            vtd.assertFault(readAs(1, 0), 0x5b);
        }
    }

    @Test
    void translationTypesThatAreNotThereAreInvalid() {
        VtdOptions firstOnly =
                VtdOptions.whole()
                        .with(VtdProperty.NESTED, 0)
                        .with(VtdProperty.SECOND_STAGE, 0)
                        .with(VtdProperty.FIVE_LEVEL, 0)
                        .with(VtdProperty.PASS_THROUGH, 0);
        var without = new VtdHarness(firstOnly).scalable();
        for (int type : new int[] {SECOND_STAGE, NESTED, PASS_THROUGH}) {
            without.pasid(0, 1 | (long) type << 6 | 2 << 2, DID, 0);
            without.assertFault(without.read(0), 0x5b);
        }
        without.pasid(0, 1 | FIRST_STAGE << 6, DID, 1 << 2);
        without.assertFault(without.read(0), 0x5b);
    }

    @Test
    @DisplayName("§9.6: SRE, ERE and FPD")
    void requestAttributesAreChecked() {
        var tables = vtd.firstStageTables(4);
        tables.map(0x1000, 0x9000, 12, ALL);
        vtd.firstStage(1, DID, tables);
        var supervisor = new Requester(RID, 1, true);
        vtd.assertFault(vtd.translate(supervisor, 0x1000, Translation.READ), 0x5d);
        var user = new Requester(RID, 1, false);
        int execute = Translation.READ | Translation.EXECUTE;
        var fault = vtd.assertFault(vtd.translate(user, 0x1000, execute), 0x5c);
        assertThat(fault.high() & 1L << 30).describedAs("EXE").isNotZero();
        assertThat(gpa(vtd.translate(user, 0x1000, Translation.READ), 0x1000)).isEqualTo(0x9000);
        vtd.assertFault(vtd.translate(user, 0x1000, execute), 0x5c);
        vtd.pasid(1, 1 | FIRST_STAGE << 6, DID, tables.root() | 3);
        vtd.rootTable(1);
        assertThat(gpa(vtd.translate(supervisor, 0x1000, execute), 0x1000)).isEqualTo(0x9000);
    }

    @Test
    void supervisorAndExecuteEnablesAreReservedWithoutTheirRequests() {
        VtdOptions plain =
                VtdOptions.whole()
                        .with(VtdProperty.SUPERVISOR_REQUESTS, 0)
                        .with(VtdProperty.EXECUTE_REQUESTS, 0)
                        .with(VtdProperty.ACCESS_DIRTY, 0)
                        .with(VtdProperty.SNOOP_CONTROL, 0);
        var without = new VtdHarness(plain).scalable();
        for (int bit = 0; bit < 2; bit++) {
            without.pasid(0, 1 | FIRST_STAGE << 6, DID, 1 << bit);
            without.assertFault(without.read(0), 0x5a);
        }
        without.pasid(0, 1 | SECOND_STAGE << 6 | 2 << 2 | 1 << 9, DID, 0);
        without.assertFault(without.read(0), 0x5a);
        without.pasid(0, 1 | SECOND_STAGE << 6 | 2 << 2, DID | 1 << 24, 0);
        without.assertFault(without.read(0), 0x5a);
    }

    @Test
    @DisplayName("§7.2.1: FPD of context, directory and PASID entry")
    void faultProcessingDisableIsHeeded() {
        vtd.pasid(1, 2, 0, 0);
        assertRejected(readAs(1, 0));
        vtd.store(DIRECTORY, PASIDS | 3);
        assertRejected(readAs(2, 0));
        vtd.store(DIRECTORY, 2);
        assertRejected(readAs(2, 0));
        vtd.context(CONTEXT & ~(1 << 3) | 2, 0);
        assertRejected(readAs(2, 0));
        assertThat(vtd.hasFault()).isFalse();
        vtd.store(DIRECTORY, NOWHERE | 3);
        vtd.context(CONTEXT | 2, 0);
        vtd.assertFault(readAs(2, 0), 0x58);
    }

    @Test
    @DisplayName("§3.14: with PASID, FEExxxxxh is an address like any other")
    void theInterruptRangeWithPasid() {
        vtd.pasid(1, 1 | PASS_THROUGH << 6, DID, 0);
        vtd.assertFault(readAs(1, 0xfee0_0000L), 0x87);
        var tables = vtd.firstStageTables(4);
        tables.map(0xfee0_0000L, 0x9000, 12, ALL);
        tables.map(0x1000, 0xfee0_0000L, 12, ALL);
        vtd.firstStage(2, DID, tables);
        assertThat(gpa(readAs(2, 0xfee0_0000L), 0xfee0_0000L)).isEqualTo(0x9000);
        vtd.assertFault(readAs(2, 0x1000), 0x87);
    }

    @Test
    void withPasidAndWithoutTranslationNothingPasses() {
        vtd.off(VtdHarness.TE);
        assertRejected(readAs(1, 0x1000));
        assertThat(vtd.hasFault()).isFalse();
    }

    @Test
    void translatedRequestsNeedDeviceTlbEnable() {
        var requester = new Requester(RID, 5, false);
        assertThat(gpa(vtd.translated(requester, 0x1000, 1), 0x1000)).isEqualTo(0x1000);
        vtd.assertFault(vtd.translated(requester, 1L << 48, 1), 0x83);
        vtd.assertFault(vtd.translated(requester, 0xfee0_0000L, 2), 0x87);
        vtd.context(CONTEXT & ~(1 << 2), 0);
        var fault = vtd.assertFault(vtd.translated(requester, 0x1000, 1), 0x44);
        assertThat(fault.addressType()).isEqualTo(2);
        vtd.context(0, 0);
        vtd.assertFault(vtd.translated(requester, 0x1000, 1), 0x41);
    }
}
