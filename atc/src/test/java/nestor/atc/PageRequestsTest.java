package nestor.atc;

import static nestor.atc.ScriptedPort.pasid;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import nestor.atc.PageRequests.Outcome;
import nestor.atc.PageRequests.Page;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Translation;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.loop.ManualLoop;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Page request groups, their indices and credit, and how they end (PCIe Base §10.4). */
class PageRequestsTest {
    private static final int READ = Translation.READ;

    private final ScriptedPort port = new ScriptedPort();
    private final ManualLoop loop = new ManualLoop();
    private final PageRequests requests = PageRequests.on(port, loop);
    private final List<String> ended = new ArrayList<>();

    private void request(String name, int pasid, int pages) {
        List<Page> wanted =
                IntStream.range(0, pages).mapToObj(n -> new Page(n * 0x1000L, READ)).toList();
        requests.request(pasid(pasid), wanted, outcome -> ended.add(name + " " + outcome));
        loop.runUntilIdle();
    }

    private void respond(int index, int code) {
        port.respond(index, code);
        loop.runUntilIdle();
    }

    private PageRequest sent(int n) {
        return port.pageRequests.get(n);
    }

    @Test
    @DisplayName("§10.4.1: members share an index, the last one says L, the group is answered once")
    void aGroupIsAnsweredOnceAfterItsLastMember() {
        request("a", 5, 3);

        assertThat(port.pageRequests)
                .containsExactly(
                        new PageRequest(pasid(5), 0, READ, 0, false),
                        new PageRequest(pasid(5), 0x1000, READ, 0, false),
                        new PageRequest(pasid(5), 0x2000, READ, 0, true));
        assertThat(ended).isEmpty();

        respond(0, PageResponse.SUCCESS);
        respond(0, PageResponse.SUCCESS);
        assertThat(ended).containsExactly("a SUCCESS");
    }

    @ParameterizedTest
    @DisplayName("§10.4.2.1: response codes; the reserved ones mean failure")
    @CsvSource({"0,SUCCESS", "1,INVALID_REQUEST", "15,RESPONSE_FAILURE", "7,RESPONSE_FAILURE"})
    void aResponseCodeSaysHowTheGroupEnded(int code, Outcome outcome) {
        request("a", 5, 1);

        respond(0, code);

        assertThat(ended).containsExactly("a " + outcome);
    }

    @Test
    @DisplayName("§10.4.2: a failed interface takes no more requests until it is restarted")
    void afterAFailureNothingIsSent() {
        request("a", 5, 1);
        respond(0, PageResponse.RESPONSE_FAILURE);
        port.pri = false;

        request("b", 5, 1);
        assertThat(port.pageRequests).hasSize(1);
        assertThat(ended).containsExactly("a RESPONSE_FAILURE", "b NOT_PERMITTED");

        port.pri = true;
        request("c", 5, 1);
        assertThat(port.pageRequests).hasSize(2);
    }

    @Test
    void aResponseForAnUnknownIndexEndsNothing() {
        request("a", 5, 1);

        respond(17, PageResponse.INVALID_REQUEST);

        assertThat(ended).isEmpty();
    }

    @Test
    @DisplayName("§10.5.2.5: credit 1: every group is one request, with L, one at a time")
    void creditOfOneForcesLastOnEveryRequest() {
        port.allocation = 1;

        request("a", 5, 3);
        request("b", 5, 1);

        assertThat(port.pageRequests).hasSize(1);
        assertThat(sent(0).last()).isTrue();
        respond(0, PageResponse.SUCCESS);
        assertThat(port.pageRequests).hasSize(2);
        assertThat(sent(1).prgIndex()).isEqualTo(1);
        respond(1, PageResponse.SUCCESS);
        assertThat(ended).containsExactly("a SUCCESS", "b SUCCESS");
    }

    @Test
    @DisplayName("§10.5.2.5: the request that uses the credit up says L; others wait for responses")
    void theAllocationBoundsWhatIsOutstanding() {
        port.allocation = 4;

        request("a", 5, 2);
        request("b", 5, 5);
        request("c", 5, 1);

        assertThat(port.outstanding()).isEqualTo(4);
        assertThat(sent(3).last()).isTrue();
        assertThat(sent(3).prgIndex()).isEqualTo(1);
        respond(1, PageResponse.SUCCESS);
        assertThat(ended).containsExactly("b SUCCESS");
        assertThat(port.outstanding()).isEqualTo(3);
        assertThat(sent(4).prgIndex()).isEqualTo(2);
    }

    @Test
    void withoutAnAllocationNothingIsPermitted() {
        port.allocation = 0;

        request("a", 5, 1);

        assertThat(ended).containsExactly("a NOT_PERMITTED");
    }

    @Test
    @DisplayName("§10.4.1.1: the index wraps from 511 to 0")
    void theIndexWraps() {
        for (int n = 0; n < 514; n++) {
            request("g", 5, 1);
            assertThat(sent(n).prgIndex()).isEqualTo(n % 512);
            respond(n % 512, PageResponse.SUCCESS);
        }
        assertThat(ended).hasSize(514).containsOnly("g SUCCESS");
    }

    @Test
    @DisplayName("§10.4.1.1: an index is unique among outstanding groups, also after wrapping")
    void anOutstandingIndexIsSkipped() {
        port.allocation = 1000;
        request("first", 5, 1);
        for (int n = 1; n < 512; n++) {
            request("g", 5, 1);
            respond(n, PageResponse.SUCCESS);
        }

        request("wrapped", 5, 1);

        assertThat(sent(512).prgIndex()).isEqualTo(1);
    }

    @Test
    void whenAllIndicesAreTakenAGroupWaitsForOne() {
        port.allocation = 1000;
        Set<Integer> indices = new HashSet<>();
        IntStream.range(0, 513).forEach(_ -> request("g", 5, 1));
        port.pageRequests.forEach(r -> indices.add(r.prgIndex()));
        assertThat(port.pageRequests).hasSize(512);
        assertThat(indices).hasSize(512);

        respond(300, PageResponse.SUCCESS);

        assertThat(sent(512).prgIndex()).isEqualTo(300);
    }

    @Test
    @DisplayName("§10.4.2: groups are answered in any order")
    void groupsAreAnsweredOutOfOrder() {
        request("a", 5, 1);
        request("b", 6, 1);

        respond(1, PageResponse.INVALID_REQUEST);
        respond(0, PageResponse.SUCCESS);

        assertThat(ended).containsExactly("b INVALID_REQUEST", "a SUCCESS");
    }

    @Test
    @DisplayName("an answer that comes while the request is being sent (queue overflow) is taken")
    void aSynchronousAnswerEndsTheGroup() {
        port.pageRequested = () -> port.respond(0, PageResponse.SUCCESS);

        request("a", 5, 1);

        assertThat(ended).containsExactly("a SUCCESS");
    }

    @Test
    void anIndexThatSomebodyElseHasIsPassedOver() {
        port.requestPage(pasid(9), 0, READ, 0, true);

        request("a", 5, 2);

        assertThat(sent(1).prgIndex()).isEqualTo(1);
        assertThat(sent(2).prgIndex()).isEqualTo(1);
        respond(1, PageResponse.SUCCESS);
        assertThat(ended).containsExactly("a SUCCESS");
    }

    @Test
    void creditThatSomebodyElseHasIsNotWaitedFor() {
        port.allocation = 1;
        port.requestPage(pasid(9), 0, READ, 0, true);

        request("a", 5, 1);

        assertThat(ended).containsExactly("a NO_CREDIT");
    }

    @Test
    @DisplayName("a group that others' credit interrupts is closed with L when credit comes back")
    void anOpenGroupIsClosedEvenIfItHasEnded() {
        port.allocation = 3;
        port.pageRequested =
                () -> {
                    port.pageRequested = () -> {};
                    port.requestPage(pasid(9), 0, READ, 8, false);
                    port.requestPage(pasid(9), 0, READ, 8, true);
                };
        request("a", 5, 3);
        assertThat(ended).isEmpty();
        requests.disabled();
        loop.runUntilIdle();
        assertThat(ended).containsExactly("a DISABLED");

        respond(8, PageResponse.SUCCESS);

        assertThat(port.pageRequests.getLast())
                .isEqualTo(new PageRequest(pasid(5), 0x1000, READ, 0, true));
        respond(0, PageResponse.SUCCESS);
        request("b", 5, 3);
        assertThat(port.outstanding()).isEqualTo(3);
    }

    @Test
    void aGroupOfNothingIsRefused() {
        assertThatThrownBy(() -> requests.request(pasid(5), List.of(), _ -> {}))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void groupsBeyondTheLimitAreRefused() {
        port.allocation = 1;
        IntStream.range(0, PageRequests.MAX_WAITING + 1).forEach(_ -> request("g", 5, 1));
        assertThat(ended).isEmpty();

        request("one too many", 5, 1);

        assertThat(ended).containsExactly("one too many NO_CREDIT");
    }

    @Test
    @DisplayName("§10.4.1.2: stop without marker: what waits ends, what is outstanding is awaited")
    void stoppingWaitsForOutstandingGroups() {
        port.allocation = 1;
        request("a", 5, 1);
        request("b", 5, 1);
        request("other", 6, 1);

        requests.stop(5, () -> ended.add("stopped"));
        loop.runUntilIdle();
        assertThat(ended).containsExactly("b STOPPED");
        request("c", 5, 1);
        assertThat(ended).containsExactly("b STOPPED", "c STOPPED");

        respond(0, PageResponse.SUCCESS);
        assertThat(ended).containsExactly("b STOPPED", "c STOPPED", "a SUCCESS", "stopped");
        request("d", 5, 1);
        respond(1, PageResponse.SUCCESS);
        respond(2, PageResponse.SUCCESS);
        assertThat(ended).endsWith("other SUCCESS", "d SUCCESS");
    }

    @Test
    void stoppingAnIdlePasidIsDoneAtOnce() {
        requests.stop(5, () -> ended.add("stopped"));
        loop.runUntilIdle();

        assertThat(ended).containsExactly("stopped");
    }

    @Test
    @DisplayName("§10.4.1.2: stop with marker: groups end at once, their indices stay taken")
    void aStopMarkerDoesNotWait() {
        request("a", 5, 1);

        requests.stopWithMarker(pasid(5), outcome -> ended.add("marker " + outcome));
        loop.runUntilIdle();

        assertThat(port.stopMarkers).containsExactly(pasid(5));
        assertThat(ended).containsExactly("a STOPPED", "marker SENT");
        IntStream.range(0, 512)
                .forEach(_ -> {
                    request("g", 6, 1);
                    respond(sent(port.pageRequests.size() - 1).prgIndex(), PageResponse.SUCCESS);
                });
        assertThat(port.pageRequests.stream().filter(r -> r.prgIndex() == 0)).hasSize(1);
        respond(0, PageResponse.SUCCESS);
        assertThat(ended).doesNotContain("a SUCCESS");
    }

    @Test
    @DisplayName("§10.5.1.3: disabling ends every group; later ones are new")
    void disablingEndsEveryGroupAskedForBefore() {
        port.allocation = 1;
        request("a", 5, 1);
        request("b", 5, 1);
        port.disable();
        requests.request(pasid(5), List.of(new Page(0x9000, READ)), o -> ended.add("c " + o));
        loop.runUntilIdle();

        assertThat(ended).containsExactly("a DISABLED", "b DISABLED");
        respond(0, PageResponse.RESPONSE_FAILURE); // as the function answers what it gives up
        respond(1, PageResponse.SUCCESS);
        assertThat(ended).containsExactly("a DISABLED", "b DISABLED", "c SUCCESS");
    }

    /** Another thread asks between the two steps of {@code disabled}. */
    @Test
    void aGroupAskedForWhileAtsIsBeingDisabledIsNew() {
        List<Runnable> beforePost = new ArrayList<>();
        DeviceLoop interrupted =
                new DeviceLoop() {
                    @Override
                    public void post(Runnable task) {
                        List<Runnable> now = List.copyOf(beforePost);
                        beforePost.clear();
                        now.forEach(Runnable::run);
                        loop.post(task);
                    }

                    @Override
                    public boolean inLoop() {
                        return loop.inLoop();
                    }
                };
        PageRequests concurrent = PageRequests.on(port, interrupted);
        List<Page> page = List.of(new Page(0x1000, READ));
        beforePost.add(() -> concurrent.request(pasid(5), page, o -> ended.add("new " + o)));

        concurrent.disabled();
        loop.runUntilIdle();

        assertThat(ended).isEmpty();
        respond(0, PageResponse.SUCCESS);
        assertThat(ended).containsExactly("new SUCCESS");
    }

    @Test
    void closingEndsEveryGroup() {
        request("a", 5, 1);
        requests.close();
        loop.runUntilIdle();

        assertThat(ended).containsExactly("a DISABLED");
    }
}
