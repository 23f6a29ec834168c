package nestor.pci;

import static nestor.pci.AtsBoard.ATS_CONTROL;
import static nestor.pci.AtsBoard.ATS_ENABLE;
import static nestor.pci.AtsBoard.PASID_CONTROL;
import static nestor.pci.AtsBoard.PRI_ALLOCATION;
import static nestor.pci.AtsBoard.PRI_CONTROL;
import static nestor.pci.AtsBoard.PRI_STATUS;
import static nestor.pci.TestBoard.rid;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The PASID, ATS and Page Request Extended Capabilities as software sees them. */
class AtsRegistersTest {
    /** What the SVM demo device offers. */
    private static AtsBoard demo() {
        return new AtsBoard(
                PasidOptions.ofWidth(20).withPrivileged(),
                AtsOptions.ofQueueDepth(32).withStuBits(4),
                PriOptions.ofCapacity(2048));
    }

    @Test
    @DisplayName("§7.6.3: PASID at 0x100, ATS at 0x108, PRI at 0x110, then the others")
    void theThreeCapabilitiesComeFirst() {
        Capability other = Capability.extended(0x0b, 1, 8, java.util.List.of());
        try (TestBoard board = new TestBoard()) {
            board.host.plug(
                    1,
                    0,
                    PciFunction.builder("f")
                            .express()
                            .capability(other)
                            .pri(PriOptions.ofCapacity(1))
                            .ats(AtsOptions.ofQueueDepth(1))
                            .pasid(PasidOptions.ofWidth(1))
                            .build());

            assertThat(board.config(rid(0, 1, 0), 0x100, 4)).isEqualTo(0x1081_001bL);
            assertThat(board.config(rid(0, 1, 0), 0x108, 4)).isEqualTo(0x1101_000fL);
            assertThat(board.config(rid(0, 1, 0), 0x110, 4)).isEqualTo(0x1201_0013L);
            assertThat(board.config(rid(0, 1, 0), 0x120, 4)).isEqualTo(0x0001_000bL);
        }
    }

    @Test
    void aFunctionWithAtsOnlyHasItFirstAndLast() {
        try (TestBoard board = new TestBoard()) {
            AtsOptions ats =
                    AtsOptions.ofQueueDepth(31).withGlobalInvalidate().withoutPageAlignment();
            board.host.plug(1, 0, PciFunction.builder("f").express().ats(ats).build());

            assertThat(board.config(rid(0, 1, 0), 0x100, 4)).isEqualTo(0x0001_000fL);
            assertThat(board.config(rid(0, 1, 0), 0x104, 2)).isEqualTo(0x5f);
        }
    }

    @Test
    @DisplayName("svm-demo §1: capability words, write masks and reset values")
    void theDemoDevicesRegistersAreAsItsDriverExpects() {
        try (AtsBoard at = demo()) {
            assertThat(at.read(0x104, 2)).isEqualTo(0x1404);
            assertThat(at.read(0x10c, 2)).isEqualTo(0x0020);
            assertThat(at.read(0x118, 4)).isEqualTo(2048);
            assertThat(at.read(PRI_STATUS, 2)).isEqualTo(0x8100);
            assertThat(at.read(PASID_CONTROL, 2)).isZero();
            assertThat(at.read(ATS_CONTROL, 2)).isZero();
            assertThat(at.read(PRI_CONTROL, 2)).isZero();
            assertThat(at.read(PRI_ALLOCATION, 4)).isZero();
            for (int offset = 0x100; offset < 0x120; offset += 4) {
                if (offset != 0x114) { // allocation is written while PRI is disabled
                    at.write(offset, 4, 0xffff_ffffL);
                }
            }
            assertThat(at.read(0x104, 4)).isEqualTo(0x0007_1404L);
            assertThat(at.read(0x10c, 4)).isEqualTo(0x800f_0020L);
            assertThat(at.read(0x118, 4)).isEqualTo(2048);
            assertThat(at.read(PRI_ALLOCATION, 4)).isEqualTo(0xffff_ffffL);
        }
    }

    @Test
    @DisplayName("§7.8.9.2: the PASID capability says what is supported, width 0 to 20")
    void pasidCapabilityWord() {
        try (AtsBoard at = new AtsBoard()) {
            assertThat(at.read(0x104, 2)).isEqualTo(0x140e);
            at.write(PASID_CONTROL, 2, 0xffff);
            assertThat(at.read(PASID_CONTROL, 2)).isEqualTo(0xf);
        }
        assertThatThrownBy(() -> PasidOptions.ofWidth(21))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @DisplayName("§10.5.1.3: STU is 4096 << n and changes only while ATS is disabled")
    void translationUnitChangesOnlyWhileDisabled() {
        try (AtsBoard at = new AtsBoard()) {
            at.write(ATS_CONTROL, 2, 31);
            assertThat(at.ats.smallestUnitLog2()).isEqualTo(43);

            at.write(ATS_CONTROL, 2, ATS_ENABLE | 9); // drivers write both at once
            assertThat(at.ats.smallestUnitLog2()).isEqualTo(21);

            at.write(ATS_CONTROL, 1, 3);
            at.write(ATS_CONTROL, 2, ATS_ENABLE | 2);
            assertThat(at.ats.smallestUnitLog2()).isEqualTo(21);
            assertThat(at.read(ATS_CONTROL, 2)).isEqualTo(ATS_ENABLE | 9);

            at.write(ATS_CONTROL, 2, 5); // found enabled
            assertThat(at.read(ATS_CONTROL, 2)).isEqualTo(9);
            at.write(ATS_CONTROL, 2, 5);
            assertThat(at.ats.smallestUnitLog2()).isEqualTo(17);
        }
    }

    @Test
    @DisplayName("§10.5.2.5: the allocation changes only while PRI is disabled, capacity bounds it")
    void allocationChangesOnlyWhileDisabled() {
        try (AtsBoard at = new AtsBoard()) {
            at.write(PRI_ALLOCATION, 4, 5);
            at.write(PRI_CONTROL, 2, 1);
            at.write(PRI_ALLOCATION, 4, 7);
            at.write(PRI_ALLOCATION + 1, 1, 7);
            assertThat(at.read(PRI_ALLOCATION, 4)).isEqualTo(5);
            assertThat(at.ats.pageRequestAllocation()).isEqualTo(5);

            at.write(PRI_CONTROL, 2, 0);
            at.write(PRI_ALLOCATION, 4, 0xffff_ffffL);
            assertThat(at.read(PRI_ALLOCATION, 4)).isEqualTo(0xffff_ffffL);
            assertThat(at.ats.pageRequestAllocation()).isEqualTo(AtsBoard.CAPACITY);
        }
    }

    @Test
    @DisplayName("§10.5.2.2: Reset reads as zero")
    void priResetReadsAsZero() {
        try (AtsBoard at = new AtsBoard()) {
            at.write(PRI_CONTROL, 2, 2);
            assertThat(at.read(PRI_CONTROL, 2)).isZero();
            at.write(PRI_CONTROL, 2, 3);
            assertThat(at.read(PRI_CONTROL, 2)).isEqualTo(1);
        }
    }

    @Test
    @DisplayName("§10.5.2.3: Stopped is set while disabled and idle, and after reset")
    void stoppedFollowsEnable() {
        try (AtsBoard at = new AtsBoard()) {
            assertThat(at.read(PRI_STATUS, 2)).isEqualTo(0x8100);
            at.write(PRI_CONTROL, 2, 1);
            assertThat(at.read(PRI_STATUS, 2)).isEqualTo(0x8000);
            at.write(PRI_CONTROL, 2, 0);
            assertThat(at.read(PRI_STATUS, 2)).isEqualTo(0x8100);
        }
    }

    @Test
    @DisplayName("§7.5.3.15: End-End TLP prefixes on a function with PASID and on every root port")
    void prefixesAreSupportedWherePasidsPass() {
        try (AtsBoard at = new AtsBoard()) {
            TestBoard board = at.board;
            board.host.plug(4, 0, PciFunction.builder("plain").express().build());
            board.host.addRootPort("rp", 5);

            assertThat(devCap2(board, AtsBoard.RID)).isEqualTo(0x0070_0000L);
            assertThat(devCap2(board, rid(0, 4, 0))).isZero();
            assertThat(devCap2(board, rid(0, 5, 0))).isEqualTo(0x0070_0000L);
            int express = board.capability(rid(0, 5, 0), 0x10);
            assertThat(board.config(rid(0, 5, 0), express + 0x28, 2)).isZero();
        }
    }

    private static long devCap2(TestBoard board, int rid) {
        return board.config(rid, board.capability(rid, 0x10) + 0x24, 4);
    }

    @Test
    void capabilitiesNeedThoseTheyBuildOn() {
        assertThatThrownBy(() -> PciFunction.builder("x").ats(AtsOptions.ofQueueDepth(1)).build())
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> PciFunction.builder("x").pasid(PasidOptions.ofWidth(1)).build())
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() ->
                        PciFunction.builder("x").express().pri(PriOptions.ofCapacity(1)).build())
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aFunctionWithoutTheCapabilitiesHasAPortThatRefuses() {
        try (TestBoard board = new TestBoard()) {
            PciFunction plain = PciFunction.builder("plain").ids(1, 2).build();
            board.host.iommu(new ScriptedAgent(), _ -> true);
            board.host.plug(2, 0, plain);
            board.command(AtsBoard.RID, TestBoard.BUS_MASTER);
            AtsPort ats = plain.ats();

            assertThat(ats.atsEnabled()).isFalse();
            assertThat(ats.requestTranslation(AtsBoard.bare(), 0, 1, Translation.READ))
                    .isEqualTo(new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST));
            assertThat(ats.requestPage(AtsBoard.bare(), 0, Translation.READ, 0, true))
                    .isEqualTo(AtsPort.PageRequestOutcome.NOT_PERMITTED);
            assertThat(ats.stopMarker(AtsBoard.pasid(1)))
                    .isEqualTo(AtsPort.PageRequestOutcome.NOT_PERMITTED);
            assertThat(ats.pageRequestsEnabled()).isFalse();
            assertThat(ats.pageRequestAllocation()).isZero();
            assertThat(board.host.atsEndpoint(AtsBoard.RID)).isEmpty();
            ats.register(1, new RecordingReceiver()).close();
        }
    }
}
