package nestor.vtd;

import static nestor.vtd.VtdHarness.assertRejected;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.paging.Permissions;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** VT-d §7.2, §11.4.7, §11.4.14: fault records, their overflow, and the fault event. */
class FaultLogTest {
    private static final int PFO = 1;
    private static final int PPF = 2;
    private final VtdHarness vtd = new VtdHarness().legacy();

    private void faultOf(int rid, long address) {
        assertRejected(vtd.translate(Requester.withoutPasid(rid), address, Translation.WRITE));
    }

    private long status() {
        return vtd.read32(0x034);
    }

    @Test
    void aRecordSaysWhoDidWhat() {
        var tables = vtd.secondStageTables(4);
        tables.map(0x12_3000, 0x9000, 12, Permissions.READ);
        vtd.legacyContext(0, tables, 4);
        assertRejected(vtd.write(0x12_3456));
        var fault = vtd.fault();
        assertThat(fault.reason()).isEqualTo(0x05);
        assertThat(fault.sid()).isEqualTo(VtdHarness.RID);
        assertThat(fault.low()).isEqualTo(0x12_3000);
        assertThat(fault.isRead()).isFalse();
        assertThat(fault.hasPasid()).isFalse();
        assertRejected(vtd.read(0xffff_ffff_f000L));
        assertThat(vtd.fault().isRead()).isTrue();
    }

    @Test
    void aPermissionMissThatHitsTheIotlbIsRecordedEachTime() {
        var tables = vtd.secondStageTables(4);
        tables.map(0x1000, 0x9000, 12, Permissions.READ);
        vtd.legacyContext(0, tables, 4);
        VtdHarness.gpa(vtd.read(0x1000), 0x1000);
        vtd.assertFault(vtd.write(0x1000), 0x05);
        vtd.assertFault(vtd.write(0x1000), 0x05);
    }

    @Test
    void recordsFillInOrderAndWrapAround() {
        for (int round = 0; round < 3; round++) {
            for (int n = 0; n < 5; n++) {
                faultOf(0x20 + n, 0x1000);
            }
            for (int n = 0; n < 5; n++) {
                assertThat(vtd.fault().sid()).isEqualTo(0x20 + n);
            }
            assertThat(status() & PPF).isZero();
        }
    }

    @Test
    @DisplayName("§7.2.1: a full log overflows, and takes nothing until PFO is cleared")
    void overflowDropsFaultsUntilItIsCleared() {
        for (int n = 0; n < 9; n++) {
            faultOf(0x20 + n, 0x1000);
        }
        assertThat(status() & (PFO | PPF)).isEqualTo(PFO | PPF);
        assertThat(vtd.fault().sid()).isEqualTo(0x20);
        faultOf(0x30, 0x1000);
        vtd.write32(0x034, PFO);
        assertThat(status() & PFO).isZero();
        faultOf(0x31, 0x1000);
        for (int n = 1; n < 8; n++) {
            assertThat(vtd.fault().sid()).isEqualTo(0x20 + n);
        }
        assertThat(vtd.fault().sid()).isEqualTo(0x31);
        assertThat(vtd.hasFault()).isFalse();
    }

    @Test
    void aRepeatedFaultIsRecordedOnce() {
        for (int n = 0; n < 100; n++) {
            faultOf(0x20, 0x1000);
        }
        faultOf(0x20, 0x2000);
        assertThat(vtd.fault().low()).isEqualTo(0x1000);
        assertThat(vtd.fault().low()).isEqualTo(0x2000);
        assertThat(vtd.hasFault()).isFalse();
    }

    @Test
    @DisplayName("§7.3: one event until software has taken every fault")
    void theEventComesWithTheFirstFault() {
        faultOf(0x20, 0x1000);
        faultOf(0x21, 0x1000);
        assertThat(vtd.messages).containsExactly(new VtdHarness.Message(0xfee0_1000L, 0x41));
        vtd.fault();
        faultOf(0x22, 0x1000);
        assertThat(vtd.messages).hasSize(1);
        vtd.fault();
        vtd.fault();
        faultOf(0x23, 0x1000);
        assertThat(vtd.messages).hasSize(2);
    }

    @Test
    void aMaskedEventStaysPendingUntilItIsUnmasked() {
        vtd.write32(0x038, 1L << 31);
        vtd.write32(0x044, 0x100);
        faultOf(0x20, 0x1000);
        assertThat(vtd.messages).isEmpty();
        assertThat(vtd.read32(0x038)).isEqualTo(3L << 30);
        vtd.write32(0x038, 0);
        assertThat(vtd.messages).containsExactly(new VtdHarness.Message(0x100_fee0_1000L, 0x41));
        assertThat(vtd.read32(0x038)).isZero();
    }

    @Test
    void aPendingEventGoesWithItsCause() {
        vtd.write32(0x038, 1L << 31);
        faultOf(0x20, 0x1000);
        vtd.fault();
        assertThat(vtd.read32(0x038)).isEqualTo(1L << 31);
        vtd.write32(0x038, 0);
        assertThat(vtd.messages).isEmpty();
    }

    @Test
    void onlyItsOwnBitsOfTheStatusCanBeCleared() {
        faultOf(0x20, 0x1000);
        vtd.write32(0x034, 0xffff_ffffL);
        assertThat(status()).isEqualTo(PPF);
    }

    @Test
    void faultsFromAnyBusFindTheirRootEntry() {
        faultOf(0xff00, 0x1000);
        assertThat(vtd.fault().reason()).isEqualTo(0x01);
    }
}
