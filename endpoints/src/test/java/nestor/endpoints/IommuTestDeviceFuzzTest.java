package nestor.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import nestor.pci.AtsEndpoint;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;

/** Every register of the test function, with messages from the IOMMU and resets in between. */
class IommuTestDeviceFuzzTest {
    private static final int MAX_ACTIONS = 300;
    private static final long IOVA = 0x7_0000_0000L;

    @FuzzTest(maxDuration = "10m")
    void everyAccessIsDefined(FuzzedDataProvider data) {
        try (Board board = new Board(1 << 16)) {
            IommuTestDevice device = new IommuTestDevice("t", data.consumeInt(0, 64));
            board.plug(device.function());
            TranslatingAgent agent = new TranslatingAgent();
            for (int page = 0; page < 16; page++) {
                agent.map(IOVA + page * 4096L, Board.RAM + page * 4096L, page & 7);
            }
            board.host.iommu(agent, _ -> true);
            for (int i = 0; i < MAX_ACTIONS && data.remainingBytes() > 0; i++) {
                act(data, board, agent);
            }
            worksAfterReset(board);
        }
    }

    private static void act(FuzzedDataProvider data, Board board, TranslatingAgent agent) {
        AtsEndpoint messages = board.host.atsEndpoint(Board.RID).orElseThrow();
        int size = data.consumeInt(0, 7) == 0 ? 1 << data.consumeInt(0, 3) : 4;
        long register = Board.BAR + 4L * data.consumeInt(0, 0x5f);
        switch (data.consumeInt(0, 9)) {
            case 0, 1, 2 -> board.mmio.write(register, size, data.consumeLong());
            case 3 -> board.mmio.write(register, size, data.consumeInt(0, 64));
            case 4 -> board.mmio.read(Board.BAR + data.consumeInt(0, 0xfff), size);
            case 5 -> trigger(data, board);
            case 6 -> {
                int pasid = data.consumeBoolean() ? Requester.NO_PASID : data.consumeInt(0, 5);
                messages.invalidate(
                        InvalidateRequest.decode(
                                Board.RID, pasid, data.consumeInt(0, 31), data.consumeLong()),
                        () -> {});
            }
            case 7 ->
                    messages.pageResponse(
                            new PageResponse(
                                    Board.RID,
                                    data.consumeInt(-1, 5),
                                    data.consumeInt(0, 511),
                                    data.consumeInt(0, 15)));
            case 8 -> board.config(0x100 + data.consumeInt(0, 0x2f), 1, data.consumeByte());
            default -> {
                agent.extraFlags = data.consumeInt(0, 7) * 4L;
                if (data.consumeBoolean()) {
                    board.host.reset();
                    board.program();
                }
                enable(board);
            }
        }
    }

    private static void trigger(FuzzedDataProvider data, Board board) {
        long iova = IOVA + data.consumeInt(0, 1 << 17);
        board.mmio.write(Board.BAR + 0x04, 4, iova);
        board.mmio.write(Board.BAR + 0x08, 4, iova >>> 32);
        board.mmio.write(Board.BAR + 0x0c, 4, data.consumeInt(0, 1 << 17));
        board.mmio.write(Board.BAR + 0x104, 4, data.consumeInt(0, 0x1ff));
        board.mmio.write(Board.BAR + 0x14, 4, 1);
        board.mmio.read(Board.BAR, 4);
    }

    private static void enable(Board board) {
        board.config(board.extendedCapability(0x1b) + 6, 2, 7);
        int pri = board.extendedCapability(0x13);
        board.config(pri + 12, 4, 4);
        board.config(pri + 4, 2, 1);
        board.config(board.extendedCapability(0x0f) + 6, 2, 0x8000);
    }

    private static void worksAfterReset(Board board) {
        board.host.reset();
        board.program();
        board.mmio.write(Board.BAR + 0x04, 4, IOVA + 3 * 4096);
        board.mmio.write(Board.BAR + 0x08, 4, IOVA >>> 32);
        board.mmio.write(Board.BAR + 0x0c, 4, 16);
        board.mmio.write(Board.BAR + 0x1c, 4, Board.RAM + 3 * 4096);
        board.mmio.write(Board.BAR + 0x14, 4, 1);
        board.mmio.read(Board.BAR, 4);
        assertThat(board.mmio.read(Board.BAR + 0x10, 4)).isZero();
    }
}
