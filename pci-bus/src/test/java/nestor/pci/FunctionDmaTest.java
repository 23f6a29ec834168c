package nestor.pci;

import static nestor.pci.TestBoard.BUS_MASTER;
import static nestor.pci.TestBoard.MEM32;
import static nestor.pci.TestBoard.MEM64;
import static nestor.pci.TestBoard.RAM;
import static nestor.pci.TestBoard.rid;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import nestor.vmm.memory.GuestAccessException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class FunctionDmaTest {
    private static final int RID = rid(0, 2, 0);
    private static final int PORT = rid(0, 1, 0);
    private static final CompletionStatus SC = CompletionStatus.SUCCESSFUL;
    private static final CompletionStatus UR = CompletionStatus.UNSUPPORTED_REQUEST;

    private final TestBoard board = new TestBoard();
    private final PagedAgent agent = new PagedAgent();
    private final PciFunction function = PciFunction.builder("f").ids(1, 2).build();
    private final PciFunction below = PciFunction.builder("below").ids(1, 3).express().build();

    @BeforeEach
    void plug() {
        board.host.plug(2, 0, function);
        board.host.addRootPort("rp", 1).plug(below);
        board.command(RID, BUS_MASTER);
    }

    @AfterEach
    void close() {
        board.close();
    }

    private static MemorySegment bytes(int size, int value) {
        byte[] data = new byte[size];
        Arrays.fill(data, (byte) value);
        return MemorySegment.ofArray(data);
    }

    private CompletionStatus write(PciFunction f, long iova, MemorySegment src) {
        return f.dma().write(f.requester(), iova, src);
    }

    private CompletionStatus read(PciFunction f, long iova, MemorySegment dst) {
        return f.dma().read(f.requester(), iova, dst);
    }

    @Test
    void untranslatedRequestsReachRamInEverySizeAndAlignment() throws GuestAccessException {
        for (int size : new int[] {1, 2, 3, 4, 7, 8, 9, 4096, 10_000}) {
            for (int offset = 0; offset < 9; offset++) {
                assertThat(write(function, RAM + 0x1000 + offset, bytes(size, size))).isEqualTo(SC);
                MemorySegment back = bytes(size, 0);
                assertThat(read(function, RAM + 0x1000 + offset, back)).isEqualTo(SC);
                assertThat(back.mismatch(bytes(size, size))).isEqualTo(-1);
                assertThat(board.memory.getByte(RAM + 0x1000 + offset + size)).isZero();
                write(function, RAM + 0x1000, bytes(size + 9, 0));
            }
        }
    }

    @Test
    @DisplayName("§7.5.1.1.3: without Bus Master no request leaves and no byte moves")
    void withoutBusMasterNothingMoves() throws GuestAccessException {
        board.host.iommu(agent, _ -> true);
        board.command(RID, 0);
        MemorySegment dst = bytes(4, 0x55);

        assertThat(write(function, RAM, bytes(4, 1))).isEqualTo(UR);
        assertThat(read(function, RAM, dst)).isEqualTo(UR);

        assertThat(board.memory.getIntLe(RAM)).isZero();
        assertThat(dst.mismatch(bytes(4, 0x55))).isEqualTo(-1);
        assertThat(agent.entered.get()).isZero();
    }

    @Test
    @DisplayName("§7.5.1.1.3: a port without Bus Master forwards no request upstream")
    void everyBridgeAboveMustMasterToo() {
        board.openPort(PORT, 4, MEM32, MEM64);
        board.command(rid(4, 0, 0), BUS_MASTER);
        assertThat(write(below, RAM, bytes(4, 1))).isEqualTo(SC);

        board.command(PORT, TestBoard.MEMORY_SPACE);

        assertThat(write(below, RAM, bytes(4, 1))).isEqualTo(UR);
    }

    @Test
    void aPortWithoutBusNumberForwardsNothing() {
        board.openPort(PORT, 4, MEM32, MEM64);
        board.command(rid(4, 0, 0), BUS_MASTER);

        board.config(PORT, 0x19, 1, 0);

        assertThat(write(below, RAM, bytes(4, 1))).isEqualTo(UR);
    }

    @Test
    @DisplayName("§2.2.6.2: the RID follows the secondary bus number, and so does translation")
    void ridFollowsTheSecondaryBusNumber() throws GuestAccessException {
        board.host.iommu(agent, _ -> true);
        agent.map(rid(4, 0, 0), 0x1000, RAM);
        board.openPort(PORT, 4, MEM32, MEM64);
        board.command(rid(4, 0, 0), BUS_MASTER);
        Requester before = below.requester();
        assertThat(below.rid()).isEqualTo(rid(4, 0, 0));
        assertThat(below.requester()).isSameAs(before);
        assertThat(write(below, 0x1000, bytes(4, 1))).isEqualTo(SC);

        board.config(PORT, 0x18, 4, 0x0009_0900);

        assertThat(below.rid()).isEqualTo(rid(9, 0, 0));
        assertThat(below.dma().write(before, 0x1000, bytes(4, 2))).isEqualTo(UR);
        assertThat(agent.faults).containsExactly("0900 1000");
        assertThat(board.memory.getIntLe(RAM)).isEqualTo(0x0101_0101);
    }

    @Test
    void onlyCoveredRidsAreTranslated() throws GuestAccessException {
        board.host.iommu(agent, rid -> rid != RID);

        assertThat(write(function, RAM, bytes(4, 1))).isEqualTo(SC);

        assertThat(board.memory.getIntLe(RAM)).isEqualTo(0x0101_0101);
        assertThat(agent.entered.get()).isZero();
    }

    @Test
    void aFaultInTheSecondBlockLeavesTheFirstMovedAndNothingAfter() throws GuestAccessException {
        board.host.iommu(agent, _ -> true);
        agent.map(RID, 0x1_0000, RAM + 0x3000);
        agent.map(RID, 0x1_2000, RAM + 0x5000);

        CompletionStatus status = write(function, 0x1_0ffe, bytes(0x1800, 0x11));

        assertThat(status).isEqualTo(UR);
        assertThat(agent.faults).containsExactly("0010 11000");
        assertThat(board.memory.getShortLe(RAM + 0x3ffe)).isEqualTo((short) 0x1111);
        assertThat(board.memory.getLongLe(RAM + 0x4000)).isZero();
        assertThat(board.memory.getLongLe(RAM + 0x5000)).isZero();
        assertThat(agent.left.get()).isEqualTo(agent.entered.get()).isEqualTo(1);
    }

    @Test
    void blocksGoWhereEachIsMapped() throws GuestAccessException {
        board.host.iommu(agent, _ -> true);
        agent.map(RID, 0x1_0000, RAM + 0x7000);
        agent.map(RID, 0x1_1000, RAM + 0x2000);
        MemorySegment back = bytes(8, 0);

        assertThat(write(function, 0x1_0ffc, bytes(8, 0x22))).isEqualTo(SC);
        assertThat(read(function, 0x1_0ffc, back)).isEqualTo(SC);

        assertThat(board.memory.getIntLe(RAM + 0x7ffc)).isEqualTo(0x2222_2222);
        assertThat(board.memory.getIntLe(RAM + 0x2000)).isEqualTo(0x2222_2222);
        assertThat(back.mismatch(bytes(8, 0x22))).isEqualTo(-1);
    }

    @Test
    void ramThatEndsInsideARequestIsMovedUpToItsLastPage() throws GuestAccessException {
        long end = RAM + TestBoard.RAM_BYTES;

        assertThat(write(function, end - 0x1800, bytes(0x2000, 0x33))).isEqualTo(UR);

        assertThat(board.memory.getByte(end - 1)).isEqualTo((byte) 0x33);
    }

    @Test
    void requestsThatWrapAroundAreRefusedWhole() {
        board.host.iommu(agent, _ -> true);

        assertThat(write(function, -4, bytes(8, 1))).isEqualTo(UR);
        assertThat(agent.faults).isEmpty();
        assertThat(write(function, -4, bytes(4, 1))).isEqualTo(UR);
        assertThat(agent.faults).containsExactly("0010 fffffffffffffffc");
    }

    @Test
    @DisplayName("§6.20: without a PASID capability requests with PASID are refused")
    void requestsWithPasidAreRefused() {
        Requester withPasid = new Requester(function.rid(), 0, false);

        assertThat(function.dma().write(withPasid, RAM, bytes(4, 1))).isEqualTo(UR);
        assertThat(function.dma().read(withPasid, RAM, bytes(4, 1))).isEqualTo(UR);
    }

    @Test
    void emptyRequestsSucceedWithoutTranslation() {
        board.host.iommu(agent, _ -> true);

        assertThat(write(function, 0x1234, bytes(0, 0))).isEqualTo(SC);
        assertThat(agent.entered.get()).isZero();
    }

    @Test
    void aTranslatedHitAllocatesNothing() {
        PciFunction f = function;
        assertAllocatesNothing(f.dma(), f.requester());
    }

    @Test
    void aHitWithPasidAllocatesNothing() {
        PciFunction f = withAts();
        assertAllocatesNothing(f.dma(), new Requester(f.rid(), 7, true));
    }

    @Test
    void aHitWithAStaleRidAllocatesNothing() {
        PciFunction f = withAts();
        assertAllocatesNothing(f.dma(), new Requester(0x7777, 7, false));
    }

    @Test
    void aTranslatedRequestAllocatesNothing() {
        PciFunction f = withAts();
        DmaPort dma = f.dma();
        DmaPort translated =
                new DmaPort() {
                    @Override
                    public CompletionStatus read(Requester r, long iova, MemorySegment dst) {
                        return dma.readTranslated(r, iova, dst);
                    }

                    @Override
                    public CompletionStatus write(Requester r, long iova, MemorySegment src) {
                        return dma.writeTranslated(r, iova, src);
                    }

                    @Override
                    public CompletionStatus readTranslated(
                            Requester r, long address, MemorySegment dst) {
                        return dma.readTranslated(r, address, dst);
                    }

                    @Override
                    public CompletionStatus writeTranslated(
                            Requester r, long address, MemorySegment src) {
                        return dma.writeTranslated(r, address, src);
                    }
                };
        assertAllocatesNothing(translated, new Requester(f.rid(), 7, false));
        assertAllocatesNothing(translated, f.requester());
    }

    private PciFunction withAts() {
        PciFunction f =
                PciFunction.builder("ats")
                        .express()
                        .pasid(PasidOptions.ofWidth(20).withPrivileged().withTranslatedRequests())
                        .ats(AtsOptions.ofQueueDepth(1))
                        .build();
        board.host.plug(5, 0, f);
        board.command(f.rid(), BUS_MASTER);
        board.config(f.rid(), 0x106, 2, 0xf);
        board.config(f.rid(), 0x10e, 2, 0x8000);
        return f;
    }

    private void assertAllocatesNothing(DmaPort dma, Requester requester) {
        Translation hit = new Translation.Mapping(0, 30, RAM, Translation.READ | Translation.WRITE);
        board.host.iommu(
                new TranslationAgent() {
                    @Override
                    public Translation translate(
                            Requester requester, AddressType type, long iova, int access) {
                        return hit;
                    }

                    @Override
                    public long enterDma() {
                        return 0;
                    }

                    @Override
                    public void exitDma(long ticket) {}
                },
                _ -> true);
        MemorySegment word = bytes(8, 1);
        MemorySegment block = bytes(3000, 1);
        assertThat(dma.write(requester, 0x1008, word)).isEqualTo(SC);
        assertThat(dma.read(requester, 0x2001, block)).isEqualTo(SC);
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int rounds = 20_000;
        exercise(dma, requester, word, block, rounds);
        exercise(dma, requester, word, block, rounds);

        long before = threads.getCurrentThreadAllocatedBytes();
        exercise(dma, requester, word, block, rounds);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;

        // Four requests a round; a fraction of a byte each is the measurement itself.
        assertThat(allocated / (4.0 * rounds)).isLessThan(1.0);
        assertThat(word.get(ValueLayout.JAVA_BYTE, 0)).isEqualTo((byte) 1);
    }

    private static void exercise(
            DmaPort dma, Requester requester, MemorySegment word, MemorySegment block, int rounds) {
        for (int i = 0; i < rounds; i++) {
            dma.write(requester, 0x1008, word);
            dma.read(requester, 0x1008, word);
            dma.write(requester, 0x2001, block);
            dma.read(requester, 0x2001, block);
        }
    }
}
