package nestor.pci;

import static nestor.pci.AtsBoard.RID;
import static nestor.pci.AtsBoard.pasid;
import static nestor.pci.Requester.NO_PASID;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import nestor.pci.AtsPort.PageRequestOutcome;
import nestor.vmm.time.ManualClock;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class FunctionChaosTest {
    private static final long SEED = 42;
    private static final int READ = Translation.READ;

    private final AtsBoard at = new AtsBoard().enabled();
    private final ManualClock clock = new ManualClock();
    private final Chaos chaos = new Chaos();
    private final RecordingReceiver receiver = new RecordingReceiver();
    private final List<Integer> completed = new ArrayList<>();
    private int removals;

    @BeforeEach
    void register() {
        at.function.chaos(chaos, clock, () -> removals++);
        at.ats.register(AtsPort.ALL_PASIDS, receiver);
    }

    @AfterEach
    void close() {
        at.close();
    }

    private void show(ChaosKey first, ChaosKey... more) {
        chaos.set(EnumSet.of(first, more), SEED);
    }

    private void invalidate(int itag) {
        var request = new InvalidateRequest(RID, NO_PASID, itag, false, 0x7000, 12);
        at.messages().invalidate(request, () -> completed.add(itag));
    }

    private PageRequestOutcome request(int index) {
        return at.ats.requestPage(pasid(1), 0x7000, READ, index, true);
    }

    @Test
    void withoutKeysMessagesPassAsTheyAre() {
        invalidate(1);
        receiver.completeAll();
        request(3);

        assertThat(completed).containsExactly(1);
        assertThat(at.agent.pages)
                .containsExactly(new PageRequest(pasid(1), 0x7000, READ, 3, true));
        assertThat(clock.deadline()).isEmpty();
    }

    @Test
    @DisplayName("PCIe §10.3.4: devtlb=slow completes late, but in time and in order")
    void aSlowDeviceTlbCompletesLate() {
        show(ChaosKey.DEVTLB_SLOW);
        for (int itag = 0; itag < 8; itag++) {
            invalidate(itag);
        }
        receiver.completeAll();
        assertThat(completed).isEmpty();

        clock.advance(FunctionChaos.SLOW_NANOS);
        assertThat(completed).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
        assertThat(chaos.counts()).containsEntry(ChaosKey.DEVTLB_SLOW, 8L);
    }

    private List<Integer> reordered(int itags) {
        completed.clear();
        receiver.completions.clear();
        show(ChaosKey.DEVTLB_REORDER);
        for (int itag = 0; itag < itags; itag++) {
            invalidate(itag);
        }
        receiver.completeAll();
        clock.advance(FunctionChaos.REORDER_NANOS);
        return List.copyOf(completed);
    }

    @Test
    @DisplayName("PCIe §10.3.2: devtlb=reorder completes each ITag once, in another order")
    void completionsAreReordered() {
        List<Integer> inOrder = IntStream.range(0, 30).boxed().toList();
        assertThat(reordered(30))
                .containsExactlyInAnyOrderElementsOf(inOrder)
                .isNotEqualTo(inOrder);
    }

    @Test
    void theSameSeedDecidesTheSame() {
        List<Integer> first = reordered(30);
        assertThat(reordered(30)).isEqualTo(first);
    }

    @Test
    @DisplayName("PCIe §10.3.4: devtlb=dead drops its entries and never says so")
    void aDeadDeviceTlbNeverCompletes() {
        show(ChaosKey.DEVTLB_DEAD);
        invalidate(1);
        assertThat(receiver.invalidations).hasSize(1);
        receiver.completeAll();

        clock.advance(1L << 40);
        assertThat(completed).isEmpty();
    }

    @Test
    @DisplayName("PCIe §10.3.1: devtlb=gone answers nothing; nobody goes on with what it cached")
    void aDeviceTlbThatIsGoneAnswersNothing() {
        request(3);
        show(ChaosKey.DEVTLB_GONE);

        assertThat(at.board.host.atsEndpoint(RID)).isEmpty();
        assertThat(receiver.timesDisabled).isEqualTo(1);
        assertThat(receiver.codes()).containsExactly(PageResponse.RESPONSE_FAILURE);
        assertThat(at.ats.atsEnabled()).isFalse();
        assertThat(at.ats.pageRequestsEnabled()).isFalse();
        assertThat(request(4)).isEqualTo(PageRequestOutcome.NOT_PERMITTED);
        assertThat(at.ats.requestTranslation(pasid(1), 0, 1, READ))
                .isEqualTo(new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST));

        chaos.set(Set.of(), SEED);
        assertThat(at.ats.atsEnabled()).isTrue();
        assertThat(at.board.host.atsEndpoint(RID)).isPresent();
    }

    @Test
    @DisplayName("PCIe §10.4.1: prq=dup asks twice in one group, which is answered once")
    void aDuplicateRequestIsOfTheSameGroup() {
        show(ChaosKey.PRQ_DUPLICATE);
        assertThat(request(3)).isEqualTo(PageRequestOutcome.SENT);

        assertThat(at.agent.pages)
                .containsExactly(
                        new PageRequest(pasid(1), 0x7000, READ, 3, false),
                        new PageRequest(pasid(1), 0x7000, READ, 3, true));
        at.respond(1, 3, PageResponse.SUCCESS);
        assertThat(receiver.codes()).containsExactly(PageResponse.SUCCESS);
    }

    @Test
    @DisplayName("PCIe §10.5.2.5: duplicates stay within the allocation")
    void duplicatesLeaveTheLastCreditToTheRequestItself() {
        show(ChaosKey.PRQ_DUPLICATE);
        int index = 0;
        while (request(index) == PageRequestOutcome.SENT) {
            index++;
        }
        assertThat(at.agent.pages).hasSize(AtsBoard.CAPACITY);
        assertThat(index).isEqualTo(AtsBoard.CAPACITY / 2);
    }

    @Test
    @DisplayName("PCIe §10.4.1: a group that counts on the whole allocation can still be closed")
    void openGroupsAreNotDuplicated() {
        show(ChaosKey.PRQ_DUPLICATE);
        for (int member = 1; member < AtsBoard.CAPACITY; member++) {
            assertThat(at.ats.requestPage(pasid(1), member << 12, READ, 0, false))
                    .isEqualTo(PageRequestOutcome.SENT);
        }
        assertThat(request(0)).isEqualTo(PageRequestOutcome.SENT);
        assertThat(at.agent.pages).hasSize(AtsBoard.CAPACITY);
    }

    @Test
    @DisplayName("PCIe §2.4.1: a late page request holds up what follows it, completions too")
    void nothingPassesALatePageRequest() {
        show(ChaosKey.PRQ_LATE);
        for (int index = 0; index < 8; index++) {
            assertThat(request(index)).isEqualTo(PageRequestOutcome.SENT);
        }
        int early = at.agent.pages.size();
        assertThat(early).isLessThan(8);
        invalidate(1);
        receiver.completeAll();
        assertThat(completed).isEmpty();

        clock.advance(FunctionChaos.LATE_NANOS);
        assertThat(at.agent.pages).hasSize(8);
        assertThat(at.agent.pages.stream().map(PageRequest::prgIndex)).isSorted();
        assertThat(completed).containsExactly(1);
    }

    @Test
    void aLateRequestThatNobodyTakesFails() {
        at.agent.taken = _ -> CompletionStatus.UNSUPPORTED_REQUEST;
        show(ChaosKey.PRQ_LATE);
        request(1);
        clock.advance(FunctionChaos.LATE_NANOS);

        assertThat(receiver.codes()).containsExactly(PageResponse.RESPONSE_FAILURE);
    }

    @Test
    @DisplayName("PCIe §10.4.1.2: prq=stop-marker stops a PASID that has nothing outstanding")
    void aStopMarkerGoesBeforeTheFirstRequestOfAPasid() {
        show(ChaosKey.PRQ_STOP_MARKER);
        request(1);
        request(2);

        assertThat(at.agent.pages)
                .containsExactly(
                        PageRequest.stopMarker(pasid(1)),
                        new PageRequest(pasid(1), 0x7000, READ, 1, true),
                        new PageRequest(pasid(1), 0x7000, READ, 2, true));
    }

    @Test
    @DisplayName("PCIe §10.4.1.2: prq=overflow sends more markers than any queue holds")
    void stormsOfStopMarkersTakeNoCredit() {
        show(ChaosKey.PRQ_OVERFLOW);
        for (int index = 0; index < 64; index++) {
            assertThat(request(index)).isEqualTo(PageRequestOutcome.SENT);
            clock.advance(FunctionChaos.STORM_GAP_NANOS / 2);
            at.respond(1, index, PageResponse.SUCCESS);
        }
        long storms = chaos.counts().getOrDefault(ChaosKey.PRQ_OVERFLOW, 0L);

        assertThat(storms).isBetween(1L, 32L);
        assertThat(at.agent.pages).hasSize(64 + (int) storms * FunctionChaos.STORM);
    }

    @Test
    @DisplayName("PCIe §2.4.1: prq=overflow: page requests take a while until the storm is over")
    void aFunctionThatAsksAgainAtOnceDoesNotOutrunSoftware() {
        show(ChaosKey.PRQ_OVERFLOW);
        int index = 0;
        for (; chaos.counts().isEmpty(); index++) {
            at.agent.pages.clear();
            request(index);
            at.respond(1, index, PageResponse.SUCCESS);
        }
        PageRequest last = new PageRequest(pasid(1), 0x7000, READ, index - 1, true);
        assertThat(at.agent.pages).hasSize(FunctionChaos.STORM).doesNotContain(last);
        clock.advance(FunctionChaos.CONGESTED_NANOS);
        assertThat(at.agent.pages).last().isEqualTo(last);

        clock.advance(FunctionChaos.STORM_GAP_NANOS);
        chaos.set(Set.of(), SEED);
        request(index);
        assertThat(at.agent.pages).hasSize(FunctionChaos.STORM + 2);
    }

    @Test
    @DisplayName("erratum-flr: a reset with an invalidation under way completes it, once")
    void anErraticFunctionResetsItself() {
        show(ChaosKey.ERRATUM_FLR);
        int itag = 0;
        while (chaos.has(ChaosKey.ERRATUM_FLR)) {
            invalidate(itag++ % InvalidateRequest.ITAGS);
        }
        clock.advance(FunctionChaos.WAKE_NANOS);

        assertThat(at.read(AtsBoard.ATS_CONTROL, 2) & AtsBoard.ATS_ENABLE).isZero();
        assertThat(completed).hasSize(itag);
        assertThat(receiver.timesDisabled).isEqualTo(1);
    }

    @Test
    @DisplayName("PCIe §6.7: surprise-removal comes once, in the wake of a message")
    void aSurpriseRemovalComesOnce() {
        show(ChaosKey.SURPRISE_REMOVAL);
        for (int itag = 0; itag < InvalidateRequest.ITAGS; itag++) {
            invalidate(itag);
        }
        clock.advance(1L << 40);

        assertThat(removals).isEqualTo(1);
    }

    @Test
    @DisplayName("erratum-early-completion: completes while a DMA still uses the translation")
    void anEarlyCompletionDoesNotWaitForReceivers() {
        show(ChaosKey.ERRATUM_EARLY_COMPLETION);
        invalidate(1);

        assertThat(receiver.invalidations).hasSize(1);
        assertThat(completed).containsExactly(1);
        receiver.completeAll();
        assertThat(completed).containsExactly(1);
    }
}
