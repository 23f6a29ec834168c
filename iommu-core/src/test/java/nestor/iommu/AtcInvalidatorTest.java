package nestor.iommu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordingFile;
import nestor.iommu.AtcInvalidator.Outcome;
import nestor.pci.AtsEndpoint;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;
import nestor.vmm.time.ManualClock;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class AtcInvalidatorTest {
    private static final int RID = 0x18;
    private static final int OTHER = 0x20;
    private static final long MINUTE = AtcInvalidator.TIMEOUT_NANOS;

    /** An endpoint that completes when the test says so. */
    private static final class Endpoint implements AtsEndpoint {
        final List<InvalidateRequest> requests = new ArrayList<>();
        final List<Runnable> completions = new ArrayList<>();
        boolean completesAtOnce;

        @Override
        public void invalidate(InvalidateRequest request, Runnable complete) {
            requests.add(request);
            completions.add(complete);
            if (completesAtOnce) {
                complete.run();
            }
        }

        void complete(int n) {
            completions.get(n).run();
        }

        @Override
        public void pageResponse(PageResponse response) {}

        @Override
        public void disabled() {}
    }

    private final ManualClock clock = new ManualClock();
    private final Map<Integer, Endpoint> endpoints = new HashMap<>();
    private final Map<Integer, Integer> depths = new HashMap<>();
    private final Endpoint endpoint = plug(RID);
    private final Endpoint other = plug(OTHER);
    private final AtcInvalidator invalidator =
            new AtcInvalidator(
                    new AtsRoute() {
                        @Override
                        public Optional<AtsEndpoint> endpoint(int rid) {
                            return Optional.ofNullable(endpoints.get(rid));
                        }

                        @Override
                        public int invalidateQueueDepth(int rid) {
                            return depths.getOrDefault(rid, InvalidateRequest.ITAGS);
                        }
                    },
                    clock,
                    MINUTE);
    private final List<Outcome> outcomes = new ArrayList<>();

    private Endpoint plug(int rid) {
        Endpoint plugged = new Endpoint();
        endpoints.put(rid, plugged);
        return plugged;
    }

    private void send(int rid, int count) {
        for (int i = 0; i < count; i++) {
            invalidator.send(rid, 5, false, (long) i << 12, 12);
        }
    }

    private void drain() {
        invalidator.whenDrained(_ -> true, outcomes::add);
    }

    @Test
    void withNothingOutstandingADrainIsDoneAtOnce() {
        drain();

        assertThat(outcomes).singleElement().satisfies(AtcInvalidatorTest::allCompleted);
    }

    private static void allCompleted(Outcome outcome) {
        assertThat(outcome.timedOut()).isEmpty();
        assertThat(outcome.unsupported()).isEmpty();
    }

    @Test
    void completedRequestsAreCountedByHowLongTheyTook() {
        send(RID, 4);
        endpoint.complete(0);
        clock.advance(1000);
        endpoint.complete(1);
        endpoint.complete(1);
        clock.advance(24);
        endpoint.complete(2);
        clock.advance(MINUTE);
        endpoint.complete(3);

        long[] latencies = invalidator.latencies();
        assertThat(latencies).hasSize(63);
        assertThat(latencies[0]).isEqualTo(1);
        assertThat(latencies[9]).isEqualTo(1);
        assertThat(latencies[10]).isEqualTo(1);
        assertThat(Arrays.stream(latencies).sum())
                .describedAs("what timed out is not counted")
                .isEqualTo(3);
    }

    @Test
    void anEventTellsTheHistogram() throws IOException {
        Path file = Files.createTempFile("itag", ".jfr");
        try (Recording recording = new Recording()) {
            recording.enable("nestor.iommu.ItagLatency");
            recording.start();
            send(RID, 2);
            clock.advance(5);
            endpoint.complete(0);
            endpoint.complete(1);
            recording.stop();
            recording.dump(file);
            assertThat(RecordingFile.readAllEvents(file))
                    .extracting(event -> event.getInt("rid"), event -> event.getLong("count"))
                    .containsExactly(tuple(RID, 1L), tuple(RID, 2L));
        } finally {
            Files.delete(file);
        }
    }

    @Test
    @DisplayName("PCIe §10.3.1: the request carries RID, PASID, ITag, Global and range")
    void theRequestIsSentAsAsked() {
        invalidator.send(RID, 0x12345, true, 0x20_0000, 21);

        assertThat(endpoint.requests)
                .containsExactly(new InvalidateRequest(RID, 0x12345, 0, true, 0x20_0000, 21));
    }

    @Test
    void aDrainWaitsForEveryRequestSentBeforeIt() {
        send(RID, 2);
        send(OTHER, 1);
        drain();

        endpoint.complete(0);
        other.complete(0);
        assertThat(outcomes).isEmpty();
        endpoint.complete(1);
        assertThat(outcomes).singleElement().satisfies(AtcInvalidatorTest::allCompleted);
    }

    @Test
    void aDrainDoesNotWaitForLaterRequestsNorForOtherRids() {
        send(RID, 1);
        send(OTHER, 1);
        invalidator.whenDrained(rid -> rid == RID, outcomes::add);
        send(RID, 1);

        endpoint.complete(0);

        assertThat(outcomes).hasSize(1);
    }

    @Test
    @DisplayName(
            "PCIe §10.3.2: at most as many ITags outstanding as the queue is deep, all different")
    void requestsBeyondTheQueueDepthWaitForAnItag() {
        depths.put(RID, 4);
        send(RID, 6);
        drain();
        assertThat(endpoint.requests)
                .extracting(InvalidateRequest::itag)
                .containsExactly(0, 1, 2, 3);

        endpoint.complete(2);
        assertThat(endpoint.requests)
                .extracting(InvalidateRequest::itag)
                .containsExactly(0, 1, 2, 3, 2);
        for (int n : List.of(0, 1, 3, 4)) {
            endpoint.complete(n);
        }
        assertThat(outcomes).isEmpty();
        endpoint.complete(5);
        assertThat(outcomes).hasSize(1);
    }

    @Test
    void itagsOfFunctionsAreTheirOwn() {
        send(RID, 32);
        send(OTHER, 1);

        assertThat(other.requests).extracting(InvalidateRequest::itag).containsExactly(0);
    }

    @Test
    void theLineIsBoundedAndTheCallerIsTold() {
        depths.put(RID, 1);
        send(RID, AtcInvalidator.MAX_WAITING);
        assertThat(invalidator.isFull(RID)).isFalse();
        send(RID, 1);

        assertThat(invalidator.isFull(RID)).isTrue();
        assertThat(invalidator.isFull(OTHER)).isFalse();
        assertThatThrownBy(() -> send(RID, 1)).isInstanceOf(IllegalStateException.class);
        endpoint.complete(0);
        assertThat(invalidator.isFull(RID)).isFalse();
    }

    @Test
    void anEndpointThatCompletesAtOnceIsNotCalledRecursively() {
        endpoint.completesAtOnce = true;
        depths.put(RID, 1);

        send(RID, 10_000);
        drain();

        assertThat(endpoint.requests).hasSize(10_000);
        assertThat(outcomes).hasSize(1);
    }

    @Test
    void aCompletionCountsOnce() {
        send(RID, 2);
        drain();

        endpoint.complete(0);
        endpoint.complete(0);
        assertThat(outcomes).isEmpty();
        endpoint.complete(1);
        endpoint.complete(1);
        assertThat(outcomes).hasSize(1);
    }

    @Test
    @DisplayName("PCIe §10.3.4: no completion within a minute is a time-out")
    void aRequestTimesOutAfterAMinuteOfVirtualTime() {
        send(RID, 1);
        drain();

        clock.advance(MINUTE - 1);
        assertThat(outcomes).isEmpty();
        clock.advance(1);

        assertThat(outcomes)
                .singleElement()
                .satisfies(outcome -> assertThat(outcome.timedOut()).containsExactly(RID));
    }

    @Test
    void eachRequestHasItsOwnMinute() {
        send(RID, 1);
        clock.advance(MINUTE / 2);
        send(OTHER, 1);
        invalidator.whenDrained(rid -> rid == OTHER, outcomes::add);

        clock.advance(MINUTE / 2);
        assertThat(outcomes).isEmpty();
        clock.advance(MINUTE / 2);
        assertThat(outcomes).hasSize(1);
    }

    @Test
    void theMinuteOfARequestThatWaitedBeginsWithItsItag() {
        depths.put(RID, 1);
        send(RID, 2);
        drain();
        clock.advance(MINUTE / 2);
        endpoint.complete(0);

        clock.advance(MINUTE - 1);
        assertThat(outcomes).isEmpty();
        endpoint.complete(1);
        assertThat(outcomes).singleElement().satisfies(AtcInvalidatorTest::allCompleted);
    }

    @Test
    void withATimeOutGoWhoWaitedForTheItag() {
        depths.put(RID, 1);
        send(RID, 10);
        send(OTHER, 1);
        drain();
        other.complete(0);

        clock.advance(MINUTE);

        assertThat(outcomes)
                .singleElement()
                .satisfies(outcome -> assertThat(outcome.timedOut()).containsExactly(RID));
        assertThat(endpoint.requests).hasSize(1);
    }

    @Test
    void aLateCompletionIsIgnoredEvenIfItsItagIsUsedAgain() {
        depths.put(RID, 1);
        send(RID, 1);
        clock.advance(MINUTE);
        drain();
        outcomes.clear();
        send(RID, 1);
        drain();

        endpoint.complete(0);
        assertThat(outcomes).isEmpty();
        endpoint.complete(1);
        assertThat(outcomes).singleElement().satisfies(AtcInvalidatorTest::allCompleted);
    }

    @Test
    void aTimeOutThatNobodyWaitedForIsToldToTheNextDrainOfItsRidOnce() {
        send(RID, 1);
        clock.advance(MINUTE);

        invalidator.whenDrained(rid -> rid == OTHER, outcomes::add);
        assertThat(outcomes.getLast().timedOut()).isEmpty();
        drain();
        assertThat(outcomes.getLast().timedOut()).containsExactly(RID);
        drain();
        assertThat(outcomes.getLast().timedOut()).isEmpty();
    }

    @Test
    void aRequestToNobodyIsUnsupported() {
        send(0x99, 3);
        drain();

        assertThat(outcomes)
                .singleElement()
                .satisfies(outcome -> assertThat(outcome.unsupported()).containsExactly(0x99));
    }

    @Test
    void unpluggingEndsWhatIsOutstandingAndWhatWaits() {
        depths.put(RID, 2);
        send(RID, 5);
        send(OTHER, 1);
        drain();
        other.complete(0);

        endpoints.remove(RID);
        invalidator.removed(RID);

        assertThat(outcomes)
                .singleElement()
                .satisfies(outcome -> {
                    assertThat(outcome.unsupported()).containsExactly(RID);
                    assertThat(outcome.timedOut()).isEmpty();
                });
        endpoint.complete(0);
        clock.advance(2 * MINUTE);
        assertThat(outcomes).hasSize(1);
    }

    @Test
    void whoIsNotThereAnyMoreIsNotWaitedFor() {
        send(RID, 2);
        send(OTHER, 1);
        drain();
        invalidator.removeAbsent();
        assertThat(outcomes).describedAs("both are there").isEmpty();
        endpoints.remove(RID);
        invalidator.removeAbsent();
        assertThat(outcomes).describedAs("the other is there").isEmpty();
        other.complete(0);
        assertThat(outcomes)
                .singleElement()
                .satisfies(outcome -> assertThat(outcome.unsupported()).containsExactly(RID));
    }

    @Test
    void aResetForgetsRequestsAndWaiters() {
        send(RID, 1);
        drain();

        invalidator.reset();
        endpoint.complete(0);
        clock.advance(2 * MINUTE);

        assertThat(outcomes).isEmpty();
        drain();
        assertThat(outcomes).singleElement().satisfies(AtcInvalidatorTest::allCompleted);
    }

    @Test
    void inARandomHistoryEveryDrainEndsOnceWithWhatReallyFailed() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("AtcInvalidatorTest: -Dnestor.seed=" + seed);
        var random = new SplittableRandom(seed);
        depths.put(RID, 3);
        int drains = 0;
        int completed = 0;
        for (int step = 0; step < 20_000; step++) {
            switch (random.nextInt(8)) {
                case 0, 1, 2 -> {
                    int rid = random.nextBoolean() ? RID : OTHER;
                    if (!invalidator.isFull(rid)) {
                        send(rid, 1);
                    }
                }
                case 3, 4, 5 -> {
                    Endpoint one = random.nextBoolean() ? endpoint : other;
                    if (!one.completions.isEmpty()) {
                        one.complete(random.nextInt(one.completions.size()));
                        completed++;
                    }
                }
                case 6 -> {
                    drain();
                    drains++;
                }
                default -> clock.advance(random.nextLong(MINUTE / 8));
            }
        }
        clock.advance(MINUTE);
        clock.advance(MINUTE);

        assertThat(completed).isPositive();
        assertThat(outcomes).hasSize(drains);
        assertThat(outcomes).anyMatch(outcome -> !outcome.timedOut().isEmpty());
        for (Endpoint one : List.of(endpoint, other)) {
            assertThat(one.requests).allMatch(request -> request.itag() < 32);
        }
        assertThat(endpoint.requests).allMatch(request -> request.itag() < 3);
    }
}
