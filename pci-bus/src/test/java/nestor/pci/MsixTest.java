package nestor.pci;

import static nestor.pci.TestBoard.BUS_MASTER;
import static nestor.pci.TestBoard.DOORBELL;
import static nestor.pci.TestBoard.MEM32;
import static nestor.pci.TestBoard.MEMORY_SPACE;
import static nestor.pci.TestBoard.rid;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.pci.TestBoard.Message;
import nestor.vmm.memory.GuestAccessException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class MsixTest {
    private static final int RID = rid(0, 2, 0);
    private static final int VECTORS = 70;
    private static final int PBA = 0x800;
    private static final int ENABLE = 0x8000;
    private static final int FUNCTION_MASK = 0x4000;

    private final TestBoard board = new TestBoard();
    private final RecordingRegion rest = new RecordingRegion();
    private final PciFunction function =
            PciFunction.builder("f")
                    .ids(1, 2)
                    .bar(0, 0x1000, BarKind.MEM32, rest)
                    .msix(VECTORS, 0, 0, PBA)
                    .build();
    private int control;

    @BeforeEach
    void plug() {
        board.host.plug(2, 0, function);
        board.bar32(RID, 0, MEM32);
        board.command(RID, BUS_MASTER | MEMORY_SPACE);
        control = board.capability(RID, 0x11) + 2;
    }

    @AfterEach
    void close() {
        board.close();
    }

    private void program(int vector, long address, int data, int vectorControl) {
        long entry = MEM32 + 16L * vector;
        board.mmio.write(entry, 4, address);
        board.mmio.write(entry + 4, 4, address >>> 32);
        board.mmio.write(entry + 8, 4, data);
        board.mmio.write(entry + 12, 4, vectorControl);
    }

    private long pending(int vector) {
        return board.mmio.read(MEM32 + PBA + (vector >>> 6 << 3), 8) >>> (vector & 63) & 1;
    }

    @Test
    @DisplayName("§7.7.2.2..4: table size, BAR and offsets")
    void capabilityDescribesTheStructures() {
        assertThat(board.config(RID, control, 2)).isEqualTo(VECTORS - 1);
        assertThat(board.config(RID, control + 2, 4)).isZero();
        assertThat(board.config(RID, control + 6, 4)).isEqualTo(PBA);
        board.config(RID, control, 2, 0xffff);
        assertThat(board.config(RID, control, 2)).isEqualTo(0xc000 | VECTORS - 1);
    }

    @Test
    @DisplayName("§7.7.2.5: entries read back in dwords and quadwords; reset masks them")
    void tableReadsBack() {
        assertThat(board.mmio.read(MEM32 + 12, 4)).isEqualTo(1);

        program(69, 0x1_0000_0043L, 0x1234, 0xffff_fffe);

        assertThat(board.mmio.read(MEM32 + 16 * 69, 8)).isEqualTo(0x1_0000_0040L);
        assertThat(board.mmio.read(MEM32 + 16 * 69 + 8, 8)).isEqualTo(0x1234);
        board.mmio.write(MEM32 + 16 * 69 + 8, 8, 0x1_0000_5678L);
        assertThat(board.mmio.read(MEM32 + 16 * 69 + 8, 4)).isEqualTo(0x5678);
        assertThat(board.mmio.read(MEM32 + 16 * 69 + 12, 4)).isEqualTo(1);
    }

    @Test
    void theRestOfTheBarIsTheDevices() {
        board.mmio.write(MEM32 + 16 * VECTORS, 4, 1);
        board.mmio.write(MEM32 + 0xffc, 4, 2);

        assertThat(rest.writes)
                .containsExactly(
                        new RecordingRegion.Write(16 * VECTORS, 4, 1),
                        new RecordingRegion.Write(0xffc, 4, 2));
    }

    @Test
    @DisplayName("§6.1.4.2: an enabled, unmasked vector writes its message at once")
    void unmaskedVectorIsSent() {
        program(3, DOORBELL + 0x40, 0x77, 0);
        board.config(RID, control, 2, ENABLE);

        function.signalMsix(3);

        assertThat(board.messages).containsExactly(new Message(RID, DOORBELL + 0x40, 0x77));
        assertThat(pending(3)).isZero();
    }

    @Test
    @DisplayName("§6.1.4.5: a masked vector pends once and is sent once on unmask")
    void maskedVectorPendsUntilUnmasked() {
        program(65, DOORBELL + 0x40, 0x77, 1);
        board.config(RID, control, 2, ENABLE);

        function.signalMsix(65);
        function.signalMsix(65);
        assertThat(board.messages).isEmpty();
        assertThat(pending(65)).isEqualTo(1);

        board.mmio.write(MEM32 + 16 * 65 + 12, 4, 0);
        assertThat(board.messages).containsExactly(new Message(RID, DOORBELL + 0x40, 0x77));
        assertThat(pending(65)).isZero();
    }

    @Test
    @DisplayName("§7.7.2.2: the function mask masks every vector")
    void functionMaskMasksAll() {
        program(0, DOORBELL + 0x40, 1, 0);
        program(1, DOORBELL + 0x40, 2, 1);
        board.config(RID, control, 2, ENABLE | FUNCTION_MASK);

        function.signalMsix(0);
        function.signalMsix(1);
        assertThat(board.mmio.read(MEM32 + PBA, 4)).isEqualTo(0b11);

        board.config(RID, control, 2, ENABLE);
        assertThat(board.messages).containsExactly(new Message(RID, DOORBELL + 0x40, 1));
        assertThat(board.mmio.read(MEM32 + PBA, 8)).isEqualTo(0b10);
    }

    @Test
    void whileDisabledNothingIsSentOrPends() {
        program(0, DOORBELL + 0x40, 1, 0);

        function.signalMsix(0);
        board.config(RID, control, 2, ENABLE);

        assertThat(board.messages).isEmpty();
    }

    @Test
    void vectorsBeyondTheTableAreIgnored() {
        board.config(RID, control, 2, ENABLE);

        function.signalMsix(VECTORS);
        function.signalMsix(-1);
        function.signalMsix(0xffff);

        assertThat(board.messages).isEmpty();
    }

    @Test
    @DisplayName("§7.7.2.9: the PBA is read-only")
    void pendingBitsAreReadOnly() {
        board.mmio.write(MEM32 + PBA, 8, -1L);

        assertThat(board.mmio.read(MEM32 + PBA, 8)).isZero();
    }

    @Test
    void aMessageGoesThroughTheIommuOfItsFunction() throws GuestAccessException {
        PagedAgent agent = new PagedAgent();
        board.host.iommu(agent, _ -> true);
        agent.map(RID, 0xfee0_0000L, DOORBELL);
        program(0, 0xfee0_0040L, 5, 0);
        program(1, DOORBELL + 0x40, 6, 0);
        board.config(RID, control, 2, ENABLE);

        function.signalMsix(0);
        function.signalMsix(1);

        assertThat(board.messages).containsExactly(new Message(RID, DOORBELL + 0x40, 5));
        assertThat(agent.faults).containsExactly("0010 8090040");
    }

    @Test
    void aMessageToRamIsAMemoryWrite() throws GuestAccessException {
        program(0, TestBoard.RAM + 0x10, 0x1122_3344, 0);
        board.config(RID, control, 2, ENABLE);

        function.signalMsix(0);

        assertThat(board.memory.getIntLe(TestBoard.RAM + 0x10)).isEqualTo(0x1122_3344);
    }

    @Test
    void withoutBusMasterNoMessageLeaves() {
        program(0, DOORBELL + 0x40, 1, 0);
        board.config(RID, control, 2, ENABLE);
        board.command(RID, MEMORY_SPACE);

        function.signalMsix(0);

        assertThat(board.messages).isEmpty();
    }
}
