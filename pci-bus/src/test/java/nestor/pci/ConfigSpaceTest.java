package nestor.pci;

import static nestor.pci.TestBoard.rid;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import nestor.vmm.register.Register;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class ConfigSpaceTest {
    private static final int RID = rid(0, 3, 0);

    private final TestBoard board = new TestBoard();
    private final List<String> accesses = new ArrayList<>();
    private PciFunction function;

    @BeforeEach
    void plug() {
        Register window = Register.readWrite("data", 0x10, 4, 0xffff_ffffL, "virtio §4.1.4.9");
        Capability vendor =
                new Capability(
                                Capability.VENDOR_SPECIFIC,
                                20,
                                List.of(
                                        Register.readOnly("cap_len", 2, 1, 20, "virtio §4.1.4"),
                                        window))
                        .onRead(
                                window,
                                () -> {
                                    accesses.add("read");
                                    return 0x1122_3344;
                                })
                        .onWrite(window, value -> accesses.add("write " + value));
        function =
                PciFunction.builder("f")
                        .ids(0x1af4, 0x1042)
                        .subsystem(0x1af4, 0x1100)
                        .revision(1)
                        .classCode(0x010000)
                        .bar(0, 0x4000, BarKind.MEM32)
                        .bar(2, 0x10_0000, BarKind.MEM64)
                        .bar(4, 1L << 33, BarKind.MEM64_PREFETCHABLE)
                        .msix(3, 0, 0, 0x800)
                        .msi(4)
                        .express()
                        .capability(vendor)
                        .onReset(() -> {})
                        .build();
        board.host.plug(3, 0, function);
    }

    @AfterEach
    void close() {
        board.close();
    }

    @Test
    @DisplayName("§7.5.1.1: identification reads in every width")
    void identificationReadsInEveryWidth() {
        assertThat(board.config(RID, 0x00, 4)).isEqualTo(0x1042_1af4L);
        assertThat(board.config(RID, 0x02, 2)).isEqualTo(0x1042);
        assertThat(board.config(RID, 0x03, 1)).isEqualTo(0x10);
        assertThat(board.config(RID, 0x08, 4)).isEqualTo(0x0100_0001L);
        assertThat(board.config(RID, 0x2c, 4)).isEqualTo(0x1100_1af4L);
        assertThat(board.mmio.read(TestBoard.ECAM + ((long) RID << 12), 8))
                .isEqualTo(0x0010_0000_1042_1af4L);
    }

    @Test
    @DisplayName("§7.5.1: a function that is not there reads as all ones and ignores writes")
    void absentFunctionsReadAsOnes() {
        board.command(rid(0, 4, 0), 6);

        assertThat(board.config(rid(0, 4, 0), 0, 4)).isEqualTo(0xffff_ffffL);
        assertThat(board.config(rid(0, 3, 1), 0, 2)).isEqualTo(0xffff);
        assertThat(board.config(rid(9, 0, 0), 0, 1)).isEqualTo(0xff);
    }

    @Test
    @DisplayName("§7.5.1.1: identification ignores writes")
    void identificationIgnoresWrites() {
        Map<String, String> before = board.dump(RID);
        for (int offset : new int[] {0x00, 0x08, 0x0e, 0x2c, 0x34}) {
            board.config(RID, offset, 2, 0xffff);
        }

        assertThat(board.dump(RID)).isEqualTo(before);
    }

    @Test
    @DisplayName("§7.5.1.2.1: a BAR written with ones reads back its size and type")
    void barsReadBackTheirSize() {
        for (int index = 0; index < 6; index++) {
            board.bar32(RID, index, 0xffff_ffffL);
        }

        assertThat(board.config(RID, 0x10, 4)).isEqualTo(0xffff_c000L);
        assertThat(board.config(RID, 0x14, 4)).isZero();
        assertThat(board.config(RID, 0x18, 4)).isEqualTo(0xfff0_0004L);
        assertThat(board.config(RID, 0x1c, 4)).isEqualTo(0xffff_ffffL);
        assertThat(board.config(RID, 0x20, 4)).isEqualTo(0x0000_000cL);
        assertThat(board.config(RID, 0x24, 4)).isEqualTo(0xffff_fffeL);
    }

    @Test
    @DisplayName("§7.5.1.1.3: Command takes a byte write on its lane and keeps its fixed bits")
    void commandTakesByteWrites() {
        board.config(RID, 0x05, 1, 0xff);
        board.config(RID, 0x04, 1, 0xff);

        assertThat(board.config(RID, 0x04, 2)).isEqualTo(0x0546);
        board.config(RID, 0x04, 1, 0);
        assertThat(board.config(RID, 0x04, 2)).isEqualTo(0x0500);
    }

    @Test
    @DisplayName("§7.5.1.1.4: a failed read sets Received Master Abort, which a 1 clears")
    void receivedMasterAbortIsWriteOneToClear() {
        board.command(RID, TestBoard.BUS_MASTER);
        CompletionStatus status =
                function.dma()
                        .read(function.requester(), 0x1000, MemorySegment.ofArray(new byte[4]));

        assertThat(status).isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
        assertThat(board.config(RID, TestBoard.STATUS, 2)).isEqualTo(0x2010);
        board.config(RID, TestBoard.STATUS, 2, 0);
        assertThat(board.config(RID, TestBoard.STATUS, 2)).isEqualTo(0x2010);
        board.config(RID, TestBoard.STATUS, 2, 0x2000);
        assertThat(board.config(RID, TestBoard.STATUS, 2)).isEqualTo(0x0010);
    }

    @Test
    @DisplayName("§7.5.1.1.11: the list holds Express, MSI, MSI-X and what the device added")
    void capabilityListIsLinked() {
        List<Integer> ids = new ArrayList<>();
        int at = (int) board.config(RID, 0x34, 1);
        while (at != 0) {
            assertThat(at & 3).isZero();
            ids.add((int) board.config(RID, at, 1));
            at = (int) board.config(RID, at + 1, 1);
        }

        assertThat(ids).containsExactly(0x10, 0x05, 0x11, 0x09);
        assertThat(board.config(RID, 0x100, 4)).isZero();
    }

    @Test
    @DisplayName("§7.5.3: on bus 0 an integrated endpoint without link, with FLR")
    void expressCapabilityOfAnIntegratedEndpoint() {
        int express = board.capability(RID, 0x10);

        assertThat(board.config(RID, express + 2, 2)).isEqualTo(0x0092);
        assertThat(board.config(RID, express + 4, 4)).isEqualTo(0x1000_8000L);
        assertThat(board.config(RID, express + 8, 2)).isEqualTo(0x2810);
        assertThat(board.config(RID, express + 0x0c, 4)).isZero();
    }

    @Test
    @DisplayName("§7.5.3: behind a port an endpoint with the port's link")
    void expressCapabilityBehindAPort() {
        RootPort port = board.host.addRootPort("rp", 1);
        port.plug(PciFunction.builder("e").ids(1, 2).express().build());
        board.openPort(rid(0, 1, 0), 5, TestBoard.MEM32, TestBoard.MEM64);
        int portExpress = board.capability(rid(0, 1, 0), 0x10);
        int express = board.capability(rid(5, 0, 0), 0x10);

        assertThat(board.config(rid(0, 1, 0), portExpress + 2, 2)).isEqualTo(0x0142);
        assertThat(board.config(rid(0, 1, 0), portExpress + 0x0c, 4)).isEqualTo(0x0150_0012L);
        assertThat(board.config(rid(0, 1, 0), portExpress + 0x12, 2)).isEqualTo(0x2012);
        assertThat(board.config(rid(0, 1, 0), portExpress + 0x14, 4)).isEqualTo(1L << 19 | 0x7b);
        assertThat(board.config(rid(0, 1, 0), portExpress + 0x1a, 2)).isEqualTo(0x0040);
        assertThat(board.config(rid(5, 0, 0), express + 2, 2)).isEqualTo(0x0002);
        assertThat(board.config(rid(5, 0, 0), express + 4, 4)).isEqualTo(0x8000);
        assertThat(board.config(rid(5, 0, 0), express + 0x12, 2)).isEqualTo(0x0012);
    }

    @Test
    @DisplayName("§7.5.3.11: an empty slot shows no presence and no link")
    void emptySlotShowsNoPresence() {
        board.host.addRootPort("rp", 1);
        int express = board.capability(rid(0, 1, 0), 0x10);

        assertThat(board.config(rid(0, 1, 0), express + 0x12, 2)).isEqualTo(0x0012);
        assertThat(board.config(rid(0, 1, 0), express + 0x1a, 2)).isZero();
    }

    @Test
    @DisplayName("§7.7.11: a root port has ACS with redirection and upstream forwarding, off")
    void rootPortHasAccessControlServices() {
        board.host.addRootPort("rp", 1);

        assertThat(board.config(rid(0, 1, 0), 0x100, 4)).isEqualTo(0x0001_000dL);
        assertThat(board.config(rid(0, 1, 0), 0x104, 4)).isEqualTo(0x5f);
        board.config(rid(0, 1, 0), 0x106, 2, 0xffff);
        assertThat(board.config(rid(0, 1, 0), 0x106, 2)).isEqualTo(0x5f);
    }

    @Test
    @DisplayName("§7.6: without ACS, a root port has no Extended Capability")
    void rootPortWithoutAccessControlServices() {
        board.host.addRootPort("rp", 0, 1, false);

        assertThat(board.config(rid(0, 1, 0), 0x100, 4)).isZero();
        assertThat(board.config(rid(0, 1, 0), board.capability(rid(0, 1, 0), 0x10), 1))
                .isEqualTo(0x10);
    }

    @Test
    @DisplayName("§7.5.1.3.6: a root port has no I/O window and a 64-bit prefetchable one")
    void rootPortWindowsAreTyped() {
        board.host.addRootPort("rp", 1);
        int rid = rid(0, 1, 0);
        for (int offset = 0x18; offset < 0x34; offset += 4) {
            board.config(rid, offset, 4, 0xffff_ffffL);
        }

        assertThat(board.config(rid, 0x0e, 1)).isEqualTo(1);
        assertThat(board.config(rid, 0x1c, 2)).isZero();
        assertThat(board.config(rid, 0x20, 4)).isEqualTo(0xfff0_fff0L);
        assertThat(board.config(rid, 0x24, 4)).isEqualTo(0xfff1_fff1L);
        assertThat(board.config(rid, 0x28, 4)).isEqualTo(0xffff_ffffL);
    }

    @Test
    @DisplayName("§7.5.1.1.9: the multi-function bit follows what is plugged")
    void multiFunctionBitFollowsPlugging() {
        assertThat(board.config(RID, 0x0e, 1)).isZero();

        board.host.plug(3, 1, PciFunction.builder("second").ids(1, 2).build());

        assertThat(board.config(RID, 0x0e, 1)).isEqualTo(0x80);
        assertThat(board.config(rid(0, 3, 1), 0, 4)).isEqualTo(0x0002_0001L);
    }

    @Test
    @DisplayName("virtio §4.1.4.9: a window inside a capability sees each access")
    void hooksInsideACapabilitySeeEachAccess() {
        int vendor = board.capability(RID, Capability.VENDOR_SPECIFIC);

        assertThat(board.config(RID, vendor + 2, 1)).isEqualTo(20);
        assertThat(board.config(RID, vendor + 0x10, 4)).isEqualTo(0x1122_3344L);
        assertThat(board.config(RID, vendor + 0x11, 1)).isEqualTo(0x33);
        board.config(RID, vendor + 0x10, 4, 0x55);
        assertThat(accesses).containsExactly("read", "read", "write 85");
    }

    @Test
    void functionsWithoutExpressFitNoRootPort() {
        RootPort port = board.host.addRootPort("rp", 1);

        assertThatThrownBy(() -> port.plug(PciFunction.builder("old").build()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("old");
    }

    @Test
    void takenPlacesAreRefused() {
        assertThatThrownBy(() -> board.host.addRootPort("rp", 3))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("00:03.0");
    }

    @Test
    void barsAndMsixMustFit() {
        PciFunctionBuilder overlap =
                PciFunction.builder("x")
                        .bar(0, 0x1000, BarKind.MEM64)
                        .bar(1, 0x1000, BarKind.MEM32);
        PciFunctionBuilder tooBig =
                PciFunction.builder("x").bar(0, 0x1000, BarKind.MEM32).msix(256, 0, 0, 0x1000);

        assertThatThrownBy(overlap::build).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(tooBig::build).isInstanceOf(IllegalArgumentException.class);
    }
}
