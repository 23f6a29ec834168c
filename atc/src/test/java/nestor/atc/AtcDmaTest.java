package nestor.atc;

import static nestor.atc.ScriptedPort.pasid;
import static nestor.atc.ScriptedPort.privileged;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import nestor.atc.AtcDma.Outcome;
import nestor.atc.AtcDma.UntranslatedAccess;
import nestor.pci.AtsEntry;
import nestor.pci.CompletionStatus;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.loop.ManualLoop;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Transfers from the first Translation Request to their one outcome. */
class AtcDmaTest {
    private static final long READ = AtsEntry.READ.mask();
    private static final long WRITE = AtsEntry.WRITE.mask();

    private final ScriptedPort port = new ScriptedPort();
    private final FrameMemory memory = new FrameMemory(8 << 20);
    private final ManualLoop loop = new ManualLoop();
    private final List<Outcome> ended = new ArrayList<>();
    private Atc atc = Atc.on(port, AtcOptions.setAssociative(64, 4));
    private final PageRequests pages = PageRequests.on(port, loop);
    private AtcDma dma = new AtcDma(memory, atc, pages, loop, UntranslatedAccess.ALLOWED);

    @BeforeEach
    void startPasid() {
        atc.start(5);
    }

    private void rebuild(AtcOptions options, UntranslatedAccess untranslatedAccess) {
        atc.close();
        atc = Atc.on(port, options);
        atc.start(5);
        dma = new AtcDma(memory, atc, pages, loop, untranslatedAccess);
    }

    private static MemorySegment bytes(int count) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) (i % 251);
        }
        return MemorySegment.ofArray(bytes);
    }

    private AtcTransfer write(Requester requester, long iova, MemorySegment src) {
        AtcTransfer transfer = dma.write(requester, iova, src, ended::add);
        loop.runUntilIdle();
        return transfer;
    }

    private void respond(int index, int code) {
        port.respond(index, code);
        loop.runUntilIdle();
    }

    private void mapPages(long iova, int count, long target) {
        for (int n = 0; n < count; n++) {
            port.map(pasid(5), iova + n * 0x1000L, 12, target + n * 0x1000L);
        }
    }

    @ParameterizedTest
    @DisplayName("what is written is read back, whatever the size of the cache")
    @ValueSource(ints = {0, 1, 4, 64})
    void writtenBytesAreReadBack(int capacity) {
        rebuild(AtcOptions.fullyAssociative(capacity), UntranslatedAccess.REFUSED);
        for (int n = 0; n < 40; n++) { // scattered frames
            port.map(pasid(5), 0x10_0000 + n * 0x1000L, 12, (n * 7 % 40) * 0x3000L);
        }
        MemorySegment sent = bytes(40 * 4096 - 300);
        MemorySegment received = MemorySegment.ofArray(new byte[40 * 4096 - 300]);

        write(pasid(5), 0x10_0123, sent);
        dma.read(pasid(5), 0x10_0123, received, ended::add);
        loop.runUntilIdle();

        assertThat(ended).containsExactly(Outcome.DONE, Outcome.DONE);
        assertThat(received.mismatch(sent)).isEqualTo(-1);
        assertThat(memory.moves).allMatch(move -> move.bytes() <= 4096 && move.translated());
        assertThat(memory.moves).allMatch(move -> !move.requester().hasPasid());
    }

    @Test
    void nothingIsTransferredAtOnce() {
        write(pasid(5), 0x1000, bytes(0));

        assertThat(ended).containsExactly(Outcome.DONE);
        assertThat(port.asked).isEmpty();
    }

    @Test
    void aRangePastTheEndOfTheAddressSpaceIsAborted() {
        write(pasid(5), -16, bytes(17));
        dma.read(pasid(5), 0, -1, (_, _) -> MemorySegment.NULL, ended::add);
        loop.runUntilIdle();

        assertThat(ended).containsExactly(Outcome.ABORTED, Outcome.ABORTED);
        assertThat(port.asked).isEmpty();
    }

    @Test
    @DisplayName("PCIe §10.2.2: one request for all of the range; NW for reads only")
    void translationsAreRequestedForTheWholeRange() {
        mapPages(0x1000, 3, 0x1_0000);

        write(pasid(5), 0x1800, bytes(0x2000));
        atc.reset();
        atc.start(5);
        dma.read(pasid(5), 0x1800, bytes(0x2000), ended::add);
        loop.runUntilIdle();

        assertThat(port.asked)
                .containsExactly(
                        new ScriptedPort.Asked(pasid(5), 0x1000, 0x2800, Translation.WRITE),
                        new ScriptedPort.Asked(pasid(5), 0x1000, 0x2800, Translation.READ));
    }

    @Test
    @DisplayName("PCIe §10.4: pages without permission are one group; after success, ask again")
    void missingPagesAreRequestedAsOneGroup() {
        mapPages(0x1000, 2, 0x1_0000);
        port.map(pasid(5), 0x2000, 12, 0x2_0000, READ);

        write(pasid(5), 0x1800, bytes(0x2000));

        assertThat(ended).isEmpty();
        assertThat(port.pageRequests).extracting(r -> r.iova()).containsExactly(0x2000L, 0x3000L);
        assertThat(port.pageRequests).extracting(r -> r.last()).containsExactly(false, true);
        assertThat(port.pageRequests).allMatch(r -> r.access() == Translation.WRITE);
        mapPages(0x2000, 2, 0x3_0000);
        respond(0, PageResponse.SUCCESS);
        assertThat(ended).containsExactly(Outcome.DONE);
        assertThat(memory.moves.getLast().address()).isEqualTo(0x3_1000);
    }

    @Test
    @DisplayName("PCIe §10.5.2.5: with a credit of one, a round for each page, however many")
    void creditOfOneNeedsARoundForEachPage() {
        int pages = 2 * AtcTransfer.MAX_FRUITLESS_REQUESTS;
        port.allocation = 1;
        port.pageRequested =
                () -> {
                    var request = port.pageRequests.getLast();
                    port.map(pasid(5), request.iova(), 12, request.iova());
                };
        write(pasid(5), 0x4000, bytes(pages * 4096));
        for (int round = 0; round < pages; round++) {
            assertThat(ended).isEmpty();
            respond(round, PageResponse.SUCCESS);
        }

        assertThat(ended).containsExactly(Outcome.DONE);
        assertThat(port.pageRequests).hasSize(pages).allMatch(r -> r.last());
    }

    @ParameterizedTest
    @DisplayName("PCIe §10.4.2.1: a response other than success ends the transfer")
    @CsvSource({"1,NO_ACCESS", "15,PAGE_REQUESTS_FAILED", "9,PAGE_REQUESTS_FAILED"})
    void anUnsuccessfulResponseEndsTheTransfer(int code, Outcome outcome) {
        write(pasid(5), 0x1000, bytes(1));

        respond(0, code);

        assertThat(ended).containsExactly(outcome);
        assertThat(memory.moves).isEmpty();
    }

    @Test
    void withoutPageRequestsAMissingPermissionIsFinal() {
        port.pri = false;
        port.map(pasid(5), 0x1000, 12, 0x1000, READ);

        write(pasid(5), 0x1000, bytes(1));

        assertThat(ended).containsExactly(Outcome.NO_ACCESS);
    }

    @Test
    @DisplayName("success without a page, for ever (an overflowing queue says so): bounded")
    void endlessSuccessWithoutAPageIsGivenUp() {
        port.pageRequested =
                () -> port.respond(port.pageRequests.getLast().prgIndex(), PageResponse.SUCCESS);

        write(pasid(5), 0x1000, bytes(1));

        assertThat(ended).containsExactly(Outcome.NO_PROGRESS);
        assertThat(port.asked).hasSize(AtcTransfer.MAX_FRUITLESS_REQUESTS);
    }

    @Test
    void everyPieceRenewsTheBound() {
        int pages = 3 * AtcTransfer.MAX_FRUITLESS_REQUESTS;
        port.mostTranslations = 1;
        port.pageRequested =
                () -> {
                    var request = port.pageRequests.getLast();
                    port.map(pasid(5), request.iova(), 12, request.iova());
                    port.respond(request.prgIndex(), PageResponse.SUCCESS);
                };

        write(pasid(5), 0x10_0000, bytes(pages * 4096));

        assertThat(ended).containsExactly(Outcome.DONE);
        assertThat(port.pageRequests).hasSize(pages);
    }

    @Test
    @DisplayName(
            "PCIe §10.2.3.3: U ranges are accessed untranslated, with PASID, if the device may")
    void untranslatedOnlyRangesAreAccessedUntranslated() {
        long untranslatedOnly = AtsEntry.UNTRANSLATED_ONLY.mask();
        port.map(pasid(5), 0x1000, 12, 0x9000, READ | WRITE | untranslatedOnly);

        write(pasid(5), 0x1010, bytes(32));
        assertThat(memory.moves).containsExactly(new FrameMemory.Move(pasid(5), 0x1010, 32, false));

        rebuild(AtcOptions.setAssociative(64, 4), UntranslatedAccess.REFUSED);
        write(pasid(5), 0x1010, bytes(32));
        assertThat(ended).containsExactly(Outcome.DONE, Outcome.UNTRANSLATED_ONLY);
        assertThat(memory.moves).hasSize(1);
    }

    @Test
    @DisplayName("PCIe §10.2.3: UR: no translations, untranslated if the device may; CA: failed")
    void aFailedTranslationRequestGoesUntranslatedOrEnds() {
        port.translationFailure = CompletionStatus.UNSUPPORTED_REQUEST;
        write(pasid(5), 0x1000, bytes(3 << 20));
        assertThat(memory.moves).hasSize(768).allMatch(move -> !move.translated());
        assertThat(port.asked).hasSize(2);

        rebuild(AtcOptions.setAssociative(64, 4), UntranslatedAccess.REFUSED);
        write(pasid(5), 0x1000, bytes(1));
        port.translationFailure = CompletionStatus.COMPLETER_ABORT;
        write(pasid(5), 0x1000, bytes(1));
        assertThat(ended).containsExactly(Outcome.DONE, Outcome.UNTRANSLATED_ONLY, Outcome.ABORTED);
    }

    @Test
    void aFailedMemoryRequestAborts() {
        mapPages(0x1000, 2, 0x1000);
        memory.status = CompletionStatus.UNSUPPORTED_REQUEST;

        write(pasid(5), 0x1000, bytes(0x2000));

        assertThat(ended).containsExactly(Outcome.ABORTED);
        assertThat(memory.moves).hasSize(1);
    }

    @Test
    void aPrivilegedTransferIsAskedForAsPrivileged() {
        port.map(pasid(5), 0x1000, 12, 0x1000);

        write(privileged(5), 0x1000, bytes(1));
        assertThat(port.pageRequests.getFirst().requester()).isEqualTo(privileged(5));
        port.map(privileged(5), 0x1000, 12, 0x7000);
        respond(0, PageResponse.SUCCESS);

        assertThat(memory.moves.getLast().address()).isEqualTo(0x7000);
    }

    @Test
    @DisplayName(
            "PCIe §10.3.3: an invalidation during a 1 MiB transfer completes after the piece;"
                    + " later pieces go to the new frames")
    void anInvalidationTakesEffectBetweenPieces() {
        rebuild(AtcOptions.setAssociative(512, 4), UntranslatedAccess.REFUSED);
        mapPages(0x100_0000, 256, 0x10_0000);
        List<Integer> completedAtMove = new ArrayList<>();
        memory.duringMove =
                () -> {
                    if (memory.moves.size() == 100) {
                        mapPages(0x100_0000, 256, 0x40_0000);
                        port.invalidate(
                                5, 0x100_0000, 20, () -> completedAtMove.add(memory.moves.size()));
                        assertThat(completedAtMove).isEmpty();
                    }
                };
        MemorySegment sent = bytes(1 << 20);

        write(pasid(5), 0x100_0000, sent);

        assertThat(ended).containsExactly(Outcome.DONE);
        assertThat(completedAtMove).containsExactly(100);
        int moved = 100 * 4096;
        assertThat(mismatch(sent, 0, moved, 0x10_0000)).isEqualTo(-1);
        assertThat(mismatch(sent, moved, 1 << 20, 0x40_0000)).isEqualTo(-1);
        assertThat(memory.bytes.get(ValueLayout.JAVA_BYTE, 0x10_0000 + moved + 1)).isZero();
        assertThat(memory.bytes.get(ValueLayout.JAVA_BYTE, 0x40_0000 + moved - 1)).isZero();
    }

    private long mismatch(MemorySegment sent, int from, int to, long frames) {
        return MemorySegment.mismatch(sent, from, to, memory.bytes, frames + from, frames + to);
    }

    @Test
    @DisplayName("an invalidation between a completion and its use, without a cache")
    void anOvertakenCompletionIsNotUsedEither() {
        rebuild(AtcOptions.fullyAssociative(0), UntranslatedAccess.REFUSED);
        mapPages(0x1000, 1, 0x1_0000);
        port.underWay =
                () -> {
                    port.underWay = () -> {};
                    mapPages(0x1000, 1, 0x2_0000);
                    port.invalidate(5, 0x1000, 12, () -> {});
                };

        write(pasid(5), 0x1000, bytes(16));

        assertThat(ended).containsExactly(Outcome.DONE);
        assertThat(memory.moves)
                .containsExactly(
                        new FrameMemory.Move(
                                Requester.withoutPasid(ScriptedPort.RID), 0x2_0000, 16, true));
    }

    @Test
    @DisplayName("PCIe §10.5.1.3: disabling in the middle ends the transfer, once")
    void disablingWhileMovingEndsTheTransfer() {
        mapPages(0x1000, 32, 0x1_0000);
        memory.duringMove =
                () -> {
                    if (memory.moves.size() == 7) {
                        port.disable();
                    }
                };

        write(pasid(5), 0x1000, bytes(32 * 4096));

        assertThat(ended).containsExactly(Outcome.DISABLED);
        assertThat(memory.moves).hasSize(7);
    }

    @Test
    void disablingWhileAResponseIsAwaitedEndsTheTransfer() {
        write(pasid(5), 0x1000, bytes(1));
        port.disable();
        loop.runUntilIdle();
        assertThat(ended).containsExactly(Outcome.DISABLED);

        mapPages(0x1000, 1, 0);
        respond(0, PageResponse.SUCCESS);
        assertThat(ended).hasSize(1);
        assertThat(memory.moves).isEmpty();
    }

    @Test
    void disablingWhileATranslationIsUnderWayEndsTheTransfer() {
        mapPages(0x1000, 1, 0);
        port.underWay = port::disable;

        write(pasid(5), 0x1000, bytes(1));

        assertThat(ended).containsExactly(Outcome.DISABLED);
        assertThat(memory.moves).isEmpty();
    }

    @Test
    void stoppingThePasidEndsTheTransfer() {
        mapPages(0x1000, 8, 0x1_0000);
        memory.duringMove = () -> atc.stop(5);

        write(pasid(5), 0x1000, bytes(8 * 4096));
        write(pasid(6), 0x1000, bytes(1));

        assertThat(ended).containsExactly(Outcome.STOPPED, Outcome.STOPPED);
        assertThat(memory.moves).hasSize(1);
    }

    @Test
    void aCancelledTransferEndsOnce() {
        AtcTransfer transfer = write(pasid(5), 0x1000, bytes(1));

        transfer.cancel();
        transfer.cancel();
        loop.runUntilIdle();
        mapPages(0x1000, 1, 0);
        respond(0, PageResponse.SUCCESS);

        assertThat(ended).containsExactly(Outcome.STOPPED);
        assertThat(memory.moves).isEmpty();
    }

    @Test
    void aLongTransferSharesTheLoop() {
        mapPages(0x10_0000, 200, 0x1_0000);
        dma.write(pasid(5), 0x10_0000, bytes(200 * 4096), ended::add);
        List<Integer> movesWhenServed = new ArrayList<>();
        memory.duringMove =
                () -> {
                    if (memory.moves.size() == 1) {
                        loop.post(() -> movesWhenServed.add(memory.moves.size()));
                    }
                };

        loop.runUntilIdle();

        assertThat(movesWhenServed.getFirst()).isLessThanOrEqualTo(64);
        assertThat(ended).containsExactly(Outcome.DONE);
    }

    @Test
    void everyPieceIsAskedForOnceAndTakenOnce() {
        mapPages(0x1000, 1, 0x1000);
        List<String> calls = new ArrayList<>();
        AtcDma.Data data =
                new AtcDma.Data() {
                    @Override
                    public MemorySegment piece(long offset, int bytes) {
                        calls.add("piece %d+%d".formatted(offset, bytes));
                        return MemorySegment.ofArray(new byte[bytes]);
                    }

                    @Override
                    public void moved(long offset, MemorySegment piece) {
                        calls.add("moved %d+%d".formatted(offset, piece.byteSize()));
                    }
                };

        dma.read(pasid(5), 0x1ff0, 32, data, ended::add);
        loop.runUntilIdle();
        mapPages(0x2000, 1, 0x2000);
        respond(0, PageResponse.SUCCESS);

        assertThat(calls).containsExactly("piece 0+16", "moved 0+16", "piece 16+16", "moved 16+16");
        assertThat(ended).containsExactly(Outcome.DONE);
    }
}
