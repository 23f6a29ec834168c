package nestor.pci;

import static nestor.pci.TestBoard.BUS_MASTER;
import static nestor.pci.TestBoard.MEM32;
import static nestor.pci.TestBoard.MEM64;
import static nestor.pci.TestBoard.MEMORY_SPACE;
import static nestor.pci.TestBoard.rid;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class ResetTest {
    private static final int PORT = rid(0, 1, 0);
    private static final int RID = rid(0, 2, 0);
    private static final int BELOW = rid(4, 0, 0);
    private static final int EXPRESS_ENABLE_LINK = 0x10;

    private final TestBoard board = new TestBoard();
    private final List<String> resets = new ArrayList<>();
    private final PciFunction function = resettable("f");
    private final PciFunction below = resettable("below");

    @BeforeEach
    void plug() {
        board.host.plug(2, 0, function);
        board.host.addRootPort("rp", 1).plug(below);
    }

    @AfterEach
    void close() {
        board.close();
    }

    private PciFunction resettable(String name) {
        return PciFunction.builder(name)
                .ids(1, 2)
                .bar(0, 0x1000, BarKind.MEM32)
                .bar(2, 0x1000, BarKind.MEM64_PREFETCHABLE)
                .msi(2)
                .msix(2, 0, 0, 0x800)
                .express()
                .onReset(() -> resets.add(name))
                .build();
    }

    private void program() {
        board.openPort(PORT, 4, MEM32, MEM64);
        board.bar32(BELOW, 0, MEM32);
        board.command(BELOW, MEMORY_SPACE | BUS_MASTER);
    }

    private CompletionStatus writeFromBelow() {
        return below.dma()
                .write(below.requester(), TestBoard.RAM, MemorySegment.ofArray(new byte[4]));
    }

    @Test
    @DisplayName("§6.6.2: FLR makes one function fresh and leaves the other alone")
    void functionLevelReset() {
        Map<String, String> fresh = board.dump(RID);
        program();
        board.bar32(RID, 0, MEM32 + 0x10_0000);
        board.command(RID, MEMORY_SPACE | BUS_MASTER);
        int msix = board.capability(RID, 0x11);
        board.config(RID, msix + 2, 2, 0x8000);
        function.signalMsix(1);
        assertThat(board.mmio.read(MEM32 + 0x10_0800, 4)).isEqualTo(2);

        int express = board.capability(RID, 0x10);
        board.config(RID, express + 8, 2, 0x8000);

        assertThat(board.dump(RID)).isEqualTo(fresh);
        assertThat(resets).containsExactly("f");
        assertThat(board.mmio.read(MEM32 + 0x10_0800, 4)).isEqualTo(0xffff_ffffL);
        board.bar32(RID, 0, MEM32 + 0x10_0000);
        board.command(RID, MEMORY_SPACE);
        assertThat(board.mmio.read(MEM32 + 0x10_0800, 4)).isZero();
        assertThat(writeFromBelow()).isEqualTo(CompletionStatus.SUCCESSFUL);
    }

    @Test
    @DisplayName("§7.5.1.3.13: Secondary Bus Reset resets what is below and cuts it off meanwhile")
    void secondaryBusReset() {
        program();

        board.config(PORT, 0x3e, 2, 0x40);
        assertThat(resets).containsExactly("below");
        assertThat(board.config(BELOW, 0, 4)).isEqualTo(0xffff_ffffL);
        assertThat(writeFromBelow()).isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);

        board.config(PORT, 0x3e, 2, 0x40);
        assertThat(resets).containsExactly("below");

        board.config(PORT, 0x3e, 2, 0);
        assertThat(resets).containsExactly("below");
        assertThat(board.config(BELOW, 0, 4)).isEqualTo(0x0002_0001L);
        assertThat(board.config(BELOW, 0x10, 4)).isZero();
        assertThat(board.config(BELOW, 4, 2)).isZero();
        assertThat(board.config(PORT, 0x19, 1)).isEqualTo(4);
    }

    @Test
    @DisplayName("§7.5.3.7: Link Disable takes the link down, with a reset")
    void linkDisable() {
        program();
        int express = board.capability(PORT, 0x10);

        board.config(PORT, express + 0x10, 2, EXPRESS_ENABLE_LINK);
        assertThat(resets).containsExactly("below");
        assertThat(board.config(PORT, express + 0x12, 2)).isEqualTo(0x0012);
        assertThat(board.config(BELOW, 0, 4)).isEqualTo(0xffff_ffffL);

        board.config(PORT, express + 0x10, 2, 0);
        assertThat(board.config(PORT, express + 0x12, 2)).isEqualTo(0x2012);
        assertThat(board.config(BELOW, 0, 4)).isEqualTo(0x0002_0001L);
    }

    @Test
    void aHostResetMakesEverythingAsFreshWhateverWasWritten() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.err.println("nestor.seed=" + seed);
        Random random = new Random(seed);
        Map<String, String> freshPort = board.dump(PORT);
        Map<String, String> fresh = board.dump(RID);
        program();
        Map<String, String> freshBelow;
        board.host.reset();
        board.openPort(PORT, 4, MEM32, MEM64);
        freshBelow = board.dump(BELOW);

        for (int round = 0; round < 50; round++) {
            for (int i = 0; i < 200; i++) {
                int rid = new int[] {PORT, RID, BELOW}[random.nextInt(3)];
                board.config(rid, random.nextInt(1024) * 4, 4, random.nextLong());
                board.mmio.write(MEM32 + random.nextInt(0x1000), 4, random.nextLong());
            }
            board.host.reset();

            assertThat(board.dump(PORT)).isEqualTo(freshPort);
            assertThat(board.dump(RID)).isEqualTo(fresh);
            assertThat(writeFromBelow()).isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
            board.openPort(PORT, 4, MEM32, MEM64);
            assertThat(board.dump(BELOW)).isEqualTo(freshBelow);
        }
    }
}
