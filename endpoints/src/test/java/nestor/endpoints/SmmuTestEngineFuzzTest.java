package nestor.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.vmm.loop.ManualLoop;

/** Every register of the test engine, commands with any arguments, page responses and resets. */
class SmmuTestEngineFuzzTest {
    private static final int MAX_ACTIONS = 300;
    private static final long IOVA = 0x7_0000_0000L;
    private static final long[] STRIDES = {1, 1, 8, 64, 4096, 0, 3, Long.MIN_VALUE};

    @FuzzTest(maxDuration = "10m")
    void everyAccessIsDefined(FuzzedDataProvider data) {
        try (Board board = new Board(1 << 16)) {
            ManualLoop loop = new ManualLoop();
            board.plug(new SmmuTestEngine("engine", loop, PageFaults.PRI).function());
            TranslatingAgent agent = new TranslatingAgent();
            for (int page = 0; page < 16; page++) {
                agent.map(IOVA + page * 4096L, Board.RAM + page * 4096L, page & 7);
            }
            board.host.iommu(agent, _ -> true);
            for (int i = 0; i < MAX_ACTIONS && data.remainingBytes() > 0; i++) {
                act(data, board, agent, loop);
            }
            isFreshAfterReset(board, loop);
        }
    }

    private static void act(
            FuzzedDataProvider data, Board board, TranslatingAgent agent, ManualLoop loop) {
        int size = 1 << data.consumeInt(0, 3);
        switch (data.consumeInt(0, 8)) {
            case 0 -> loop.runUntilIdle();
            case 1 -> board.mmio.write(address(data), size, data.consumeLong());
            case 2 -> board.mmio.read(address(data), size);
            case 3, 4 -> command(data, board);
            case 5 -> board.config(0x100 + data.consumeInt(0, 0x2f), 1, data.consumeByte());
            case 6 -> answer(data, board, agent);
            case 7 -> enable(board, data.consumeInt(0, 600));
            default -> {
                board.host.reset();
                board.program();
            }
        }
    }

    private static long address(FuzzedDataProvider data) {
        int frame = data.consumeInt(0, 3) * 128 + (data.consumeBoolean() ? 0x10000 : 0);
        return Board.BAR + (data.consumeBoolean() ? frame : 0) + data.consumeInt(0, 0x7f);
    }

    private static void command(FuzzedDataProvider data, Board board) {
        long frame = Board.BAR + data.consumeInt(0, 511) * 128L;
        long begin = IOVA + data.consumeInt(0, 1 << 16);
        board.mmio.write(frame + 0x28, 8, data.consumeBoolean() ? begin : data.consumeLong());
        board.mmio.write(
                frame + 0x30,
                8,
                data.consumeBoolean() ? begin + data.consumeInt(0, 1 << 16) : data.consumeLong());
        board.mmio.write(frame + 0x20, 4, 0x42ff_42ffL ^ data.consumeInt(0, 0x7ff));
        board.mmio.write(frame + 0x24, 4, data.consumeInt(-1, 8));
        board.mmio.write(frame + 0x38, 8, STRIDES[data.consumeInt(0, STRIDES.length - 1)]);
        board.mmio.write(frame + 0x10, 8, data.consumeInt(0, 2));
        board.mmio.write(frame + 0x18, 4, data.consumeInt(0, 2049));
        board.mmio.write(frame + 0x40, 8, IOVA + data.consumeInt(0, 1 << 17));
        board.mmio.write(frame + 0x1_000c, 4, data.consumeInt(-1, 3));
        board.mmio.write(frame, 4, data.consumeInt(1, 5));
    }

    private static void answer(FuzzedDataProvider data, Board board, TranslatingAgent agent) {
        if (agent.pageRequests.isEmpty()) {
            return;
        }
        PageRequest request = agent.pageRequests.removeFirst();
        if (data.consumeBoolean() && agent.pages.size() < 32) {
            agent.map(request.iova(), Board.RAM, 7);
        }
        board.host
                .atsEndpoint(Board.RID)
                .orElseThrow()
                .pageResponse(
                        new PageResponse(
                                Board.RID,
                                request.requester().pasid(),
                                request.prgIndex(),
                                data.consumeInt(0, 15)));
    }

    private static void enable(Board board, int credit) {
        board.config(board.extendedCapability(0x1b) + 6, 2, 7);
        int pri = board.extendedCapability(0x13);
        board.config(pri + 4, 2, 0);
        board.config(pri + 12, 4, credit);
        board.config(pri + 4, 2, 1);
        board.config(board.extendedCapability(0x0f) + 6, 2, 0x8000);
    }

    private static void isFreshAfterReset(Board board, ManualLoop loop) {
        board.host.reset();
        loop.runUntilIdle();
        board.program();
        for (int frame = 0; frame < 512; frame += 73) {
            long at = Board.BAR + frame * 128L;
            assertThat(board.mmio.read(at, 4)).isEqualTo(1);
            assertThat(board.mmio.read(at + 0x10000, 4)).isEqualTo(1);
            for (int offset = 8; offset < 128; offset += 8) {
                assertThat(board.mmio.read(at + offset, 8)).isZero();
            }
        }
    }
}
