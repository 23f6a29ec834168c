package nestor.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import nestor.pci.CompletionStatus;
import nestor.pci.Translation;
import nestor.vmm.loop.ManualLoop;
import nestor.vmm.memory.GuestAccessException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Functions whose page faults stall in the SMMU (IHI 0070, §3.12.2). */
class StallTest {
    private static final int PASID = 7;
    private static final long BUFFER = Board.RAM + 0x2_0f80L;
    private static final int MESSAGE = 0x31;

    private final Board board = new Board(1 << 20);
    private final ManualLoop loop = new ManualLoop();
    private final StallingAgent smmu = new StallingAgent();

    @AfterEach
    void close() {
        board.close();
    }

    private void plugDemo() {
        board.plug(new SvmDemo("svm", loop, 8, PageFaults.STALL).function());
        board.host.iommu(smmu, _ -> true);
        board.enableMsi(MESSAGE);
        board.config(board.extendedCapability(0x1b) + 6, 2, 5);
        board.mmio.write(Board.BAR + 0x50, 4, PASID);
        loop.runUntilIdle();
        smmu.present.add(Board.DOORBELL >>> 12);
    }

    private void start(long command, long length) {
        board.mmio.write(Board.BAR + 0x08, 8, BUFFER);
        board.mmio.write(Board.BAR + 0x18, 8, length);
        board.mmio.write(Board.BAR, 8, command);
        loop.runUntilIdle();
    }

    private long result() {
        assertThat(board.messages).containsExactly(MESSAGE);
        return board.mmio.read(Board.BAR + 0x08, 8);
    }

    private void handleAll() {
        while (!smmu.stalled.isEmpty()) {
            smmu.handle();
            loop.runUntilIdle();
        }
    }

    @Test
    void aStalledWriteGoesOnPageByPage() throws GuestAccessException {
        plugDemo();
        start(SvmBench.WRITE, 3 * 4096);
        assertThat(board.messages).isEmpty();
        assertThat(smmu.stalled.getFirst().requester().pasid()).isEqualTo(PASID);
        assertThat(smmu.stalled.getFirst().access()).isEqualTo(Translation.WRITE);
        handleAll();
        assertThat(result()).isZero();
        byte[] written = board.bytes(BUFFER, 3 * 4096);
        for (int i = 0; i < written.length; i++) {
            assertThat(written[i]).isEqualTo((byte) (i % 251));
        }
        assertThat(smmu.present).hasSize(5); // four pages and the doorbell's
    }

    @Test
    @DisplayName("PCIe §7.5.3.5: Transactions Pending until the stalled access is over")
    void aStalledAccessIsPending() {
        plugDemo();
        int status = board.capability(0x10) + 0x0a;
        assertThat(board.config(status, 2) & 0x20).isZero();
        start(SvmBench.WRITE, 8);
        assertThat(board.config(status, 2) & 0x20).isEqualTo(0x20);
        board.config(0x04, 2, 2); // no bus mastering: the retry is not sent
        smmu.handle();
        loop.runUntilIdle();
        assertThat(board.config(status, 2) & 0x20).isZero();
        assertThat(board.mmio.read(Board.BAR + 0x08, 8)).describedAs("result").isEqualTo(1);
    }

    @Test
    void aTerminatedAccessFailsTheCommand() {
        plugDemo();
        start(SvmBench.WRITE, 8);
        smmu.stalled.remove().waiting().terminate(CompletionStatus.COMPLETER_ABORT);
        loop.runUntilIdle();
        assertThat(result()).isEqualTo(1);
    }

    @Test
    @DisplayName("RAZ/WI: a read goes on with zeros")
    void anIgnoredReadGivesZeros() throws GuestAccessException {
        plugDemo();
        board.fill(BUFFER, 16, 0x55);
        int crc = SvmChecksum.update(SvmChecksum.INITIAL, new byte[16], 16);
        board.mmio.write(Board.BAR + 0x10, 8, crc & 0xff);
        start(SvmBench.READ, 16);
        smmu.stalled.remove().waiting().terminate(CompletionStatus.SUCCESSFUL);
        loop.runUntilIdle();
        assertThat(result()).isZero();
    }

    @Test
    void theAnswerToAnEndedCommandChangesNothing() {
        plugDemo();
        start(SvmBench.WRITE, 8);
        StallingAgent.Stalled late = smmu.stalled.remove();
        board.mmio.write(Board.BAR + 0x50, 4, PASID);
        loop.runUntilIdle();
        assertThat(result()).describedAs("the command failed with its PASID").isEqualTo(1);
        smmu.present.add(late.page());
        late.waiting().retry();
        loop.runUntilIdle();
        assertThat(board.messages).hasSize(1);
    }

    @Test
    void theTestEngineWaitsFrameByFrame() throws GuestAccessException {
        SmmuTestEngine engine = new SmmuTestEngine("engine", loop, PageFaults.STALL);
        board.plug(engine.function());
        board.host.iommu(smmu, _ -> true);
        board.config(board.extendedCapability(0x1b) + 6, 2, 7);
        board.fill(BUFFER, 4096, 0x5a);
        long source = BUFFER;
        long target = Board.RAM + 0x8_0010L;
        for (int frame = 0; frame < 2; frame++) {
            long begin = source + frame * 2048L;
            set(frame, 0x28, 8, begin);
            set(frame, 0x30, 8, begin + 2047);
            set(frame, 0x20, 4, 0x42ff_42ffL);
            set(frame, 0x38, 8, 1);
            set(frame, 0x10, 8, 0);
            set(frame, 0x40, 8, target + frame * 2048L);
            board.mmio.write(Board.BAR + 0x1_0000 + frame * 128L + 0x0c, 4, PASID);
            set(frame, 0, 4, 2);
        }
        loop.runUntilIdle();
        assertThat(smmu.stalled).describedAs("one access of each frame").hasSize(2);
        handleAll();
        for (int frame = 0; frame < 2; frame++) {
            assertThat(board.mmio.read(Board.BAR + frame * 128L, 4)).isEqualTo(1);
        }
        assertThat(board.bytes(target, 4096)).containsOnly(0x5a);
    }

    @Test
    void anAbortedCopyNamesTheAddress() {
        SmmuTestEngine engine = new SmmuTestEngine("engine", loop, PageFaults.STALL);
        board.plug(engine.function());
        board.host.iommu(smmu, _ -> true);
        board.config(board.extendedCapability(0x1b) + 6, 2, 7);
        smmu.present.add(BUFFER >>> 12);
        set(0, 0x28, 8, BUFFER);
        set(0, 0x30, 8, BUFFER + 63);
        set(0, 0x20, 4, 0x42ff_42ffL);
        set(0, 0x38, 8, 1);
        set(0, 0x40, 8, Board.RAM + 0x8_0000L);
        board.mmio.write(Board.BAR + 0x1_0000 + 0x0c, 4, PASID);
        set(0, 0, 4, 2);
        loop.runUntilIdle();
        smmu.stalled.remove().waiting().terminate(CompletionStatus.COMPLETER_ABORT);
        loop.runUntilIdle();
        assertThat(board.mmio.read(Board.BAR, 4)).isEqualTo(0xffff_ffffL);
        assertThat(board.mmio.read(Board.BAR + 0x50, 8)).isEqualTo(Board.RAM + 0x8_0000L);
    }

    private void set(int frame, int offset, int bytes, long value) {
        board.mmio.write(Board.BAR + frame * 128L + offset, bytes, value);
    }
}
