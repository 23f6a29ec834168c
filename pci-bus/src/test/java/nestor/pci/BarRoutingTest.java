package nestor.pci;

import static nestor.pci.TestBoard.MEM32;
import static nestor.pci.TestBoard.MEM64;
import static nestor.pci.TestBoard.MEMORY_SPACE;
import static nestor.pci.TestBoard.rid;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nestor.vmm.mmio.MmioRegion;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class BarRoutingTest {
    private static final int LOW = rid(0, 2, 0);
    private static final int HIGH = rid(0, 3, 0);
    private static final int PORT = rid(0, 1, 0);
    private static final int BELOW = rid(4, 0, 0);
    private static final long ONES = 0xffff_ffffL;

    private final TestBoard board = new TestBoard();
    private final RecordingRegion low = new RecordingRegion();
    private final RecordingRegion high = new RecordingRegion();
    private final RecordingRegion below32 = new RecordingRegion();
    private final RecordingRegion below64 = new RecordingRegion();

    @BeforeEach
    void plug() {
        board.host.plug(2, 0, withBar("low", low));
        board.host.plug(3, 0, withBar("high", high));
        board.host
                .addRootPort("rp", 1)
                .plug(
                        PciFunction.builder("below")
                                .ids(1, 3)
                                .bar(0, 0x1000, BarKind.MEM32, below32)
                                .bar(2, 0x1000, BarKind.MEM64_PREFETCHABLE, below64)
                                .express()
                                .build());
    }

    @AfterEach
    void close() {
        board.close();
    }

    private static PciFunction withBar(String name, MmioRegion region) {
        return PciFunction.builder(name).ids(1, 2).bar(0, 0x1000, BarKind.MEM32, region).build();
    }

    private void programBelow() {
        board.openPort(PORT, 4, MEM32 + 0x100_0000, MEM64 + 0x100_0000);
        board.bar32(BELOW, 0, MEM32 + 0x100_0000);
        board.bar64(BELOW, 2, MEM64 + 0x100_0000);
        board.command(BELOW, MEMORY_SPACE);
    }

    @Test
    @DisplayName("§7.5.1.1.3: a BAR answers only while Memory Space is enabled")
    void barAnswersOnlyWithMemorySpace() {
        board.bar32(LOW, 0, MEM32);

        assertThat(board.mmio.read(MEM32 + 8, 4)).isEqualTo(ONES);
        board.command(LOW, MEMORY_SPACE);
        assertThat(board.mmio.read(MEM32 + 8, 4)).isEqualTo(8);
        board.command(LOW, 0);
        assertThat(board.mmio.read(MEM32 + 8, 4)).isEqualTo(ONES);
    }

    @Test
    void aMovedBarAnswersAtItsNewPlaceOnly() {
        board.bar32(LOW, 0, MEM32);
        board.command(LOW, MEMORY_SPACE);

        board.bar32(LOW, 0, MEM32 + 0x20_0000);

        assertThat(board.mmio.read(MEM32 + 8, 4)).isEqualTo(ONES);
        assertThat(board.mmio.read(MEM32 + 0x20_0008, 4)).isEqualTo(8);
    }

    @Test
    void aBarOutsideTheHostsWindowsAnswersNowhere() {
        board.bar32(LOW, 0, TestBoard.RAM);
        board.command(LOW, MEMORY_SPACE);
        board.bar32(LOW, 0, TestBoard.ECAM);
        board.bar32(LOW, 0, 0xffff_f000L);
        board.bar32(LOW, 0, 0);

        assertThat(board.config(LOW, 0, 4)).isEqualTo(0x0002_0001L);
        assertThat(low.reads).isEmpty();
    }

    @Test
    void ofOverlappingBarsTheLowestFunctionWins() {
        board.bar32(HIGH, 0, MEM32);
        board.command(HIGH, MEMORY_SPACE);
        board.bar32(LOW, 0, MEM32);
        board.command(LOW, MEMORY_SPACE);

        board.mmio.write(MEM32 + 4, 4, 7);
        assertThat(low.writes).containsExactly(new RecordingRegion.Write(4, 4, 7));
        assertThat(high.writes).isEmpty();

        board.command(LOW, 0);
        board.mmio.write(MEM32 + 4, 4, 9);
        assertThat(high.writes).containsExactly(new RecordingRegion.Write(4, 4, 9));
    }

    @Test
    @DisplayName("§7.5.1.3.8, §7.5.1.3.9: both windows of a port forward to the BARs below")
    void windowsForwardDown() {
        programBelow();

        assertThat(board.mmio.read(MEM32 + 0x100_0010, 4)).isEqualTo(0x10);
        assertThat(board.mmio.read(MEM64 + 0x100_0020, 8)).isEqualTo(0x20);
        assertThat(below32.reads).containsExactly(0x10L);
        assertThat(below64.reads).containsExactly(0x20L);
    }

    @Test
    void aBarOutsideItsPortsWindowsDoesNotAnswer() {
        programBelow();
        board.bar32(BELOW, 0, MEM32 + 0x200_0000);

        assertThat(board.mmio.read(MEM32 + 0x200_0000, 4)).isEqualTo(ONES);
    }

    @Test
    @DisplayName("§7.5.1.3.8: a limit below the base closes the window")
    void aLimitBelowTheBaseClosesTheWindow() {
        programBelow();
        board.config(PORT, 0x22, 2, (MEM32 >>> 16) & 0xfff0);

        assertThat(board.mmio.read(MEM32 + 0x100_0010, 4)).isEqualTo(ONES);
        assertThat(board.mmio.read(MEM64 + 0x100_0020, 4)).isEqualTo(0x20);
    }

    @Test
    void aPortWithoutMemorySpaceForwardsNothing() {
        programBelow();
        board.command(PORT, TestBoard.BUS_MASTER);

        assertThat(board.mmio.read(MEM32 + 0x100_0010, 4)).isEqualTo(ONES);
        assertThat(board.mmio.read(MEM64 + 0x100_0020, 4)).isEqualTo(ONES);
    }

    @Test
    @DisplayName("§7.5.1.3.3: configuration requests follow the bus numbers of the port")
    void configurationFollowsBusNumbers() {
        assertThat(board.config(BELOW, 0, 4)).isEqualTo(ONES);
        board.config(PORT, 0x18, 4, 0x0004_0400);
        assertThat(board.config(BELOW, 0, 4)).isEqualTo(0x0003_0001L);
        assertThat(board.config(rid(4, 1, 0), 0, 4)).isEqualTo(ONES);

        board.config(PORT, 0x18, 4, 0x0007_0700);
        assertThat(board.config(BELOW, 0, 4)).isEqualTo(ONES);
        assertThat(board.config(rid(7, 0, 0), 0, 4)).isEqualTo(0x0003_0001L);

        board.config(PORT, 0x1a, 1, 3); // subordinate below secondary: claims no bus
        assertThat(board.config(rid(7, 0, 0), 0, 4)).isEqualTo(ONES);
    }

    @Test
    void ofPortsWithOneBusNumberTheFirstAnswers() {
        board.host.addRootPort("other", 5).plug(withExpress(0x77));
        board.config(PORT, 0x18, 4, 0x0004_0400);
        board.config(rid(0, 5, 0), 0x18, 4, 0x0004_0400);

        assertThat(board.config(BELOW, 2, 2)).isEqualTo(3);
    }

    private static PciFunction withExpress(int device) {
        return PciFunction.builder("e" + device).ids(1, device).express().build();
    }

    @Test
    void accessesAreSplitToWhatTheRegionTakes() {
        RecordingRegion narrow = new RecordingRegion();
        board.host.plug(6, 0, withBar("narrow", new FourByteRegion(narrow)));
        board.bar32(rid(0, 6, 0), 0, MEM32);
        board.command(rid(0, 6, 0), MEMORY_SPACE);

        board.mmio.write(MEM32, 8, 0x2222_2222_1111_1111L);

        assertThat(narrow.writes)
                .isEqualTo(
                        List.of(
                                new RecordingRegion.Write(0, 4, 0x1111_1111),
                                new RecordingRegion.Write(4, 4, 0x2222_2222)));
    }

    private record FourByteRegion(RecordingRegion inner) implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            return inner.read(offset, sizeBytes);
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            inner.write(offset, sizeBytes, value);
        }

        @Override
        public int minAccessBytes() {
            return 4;
        }

        @Override
        public int maxAccessBytes() {
            return 4;
        }
    }

    @Test
    void theIoWindowIsClaimedAndEmpty() {
        board.mmio.write(TestBoard.IO, 2, 1);

        assertThat(board.mmio.claims(TestBoard.IO)).isTrue();
        assertThat(board.mmio.read(TestBoard.IO, 2)).isEqualTo(0xffff);
    }
}
