package nestor.pci;

import static nestor.pci.AtsBoard.FAILURE;
import static nestor.pci.AtsBoard.PASID_CONTROL;
import static nestor.pci.AtsBoard.PASID_REQUIRED;
import static nestor.pci.AtsBoard.PRI_ALLOCATION;
import static nestor.pci.AtsBoard.PRI_CONTROL;
import static nestor.pci.AtsBoard.PRI_STATUS;
import static nestor.pci.AtsBoard.STOPPED;
import static nestor.pci.AtsBoard.UNEXPECTED;
import static nestor.pci.AtsBoard.bare;
import static nestor.pci.AtsBoard.pasid;
import static nestor.pci.AtsPort.PageRequestOutcome.GROUP_BUSY;
import static nestor.pci.AtsPort.PageRequestOutcome.NOT_PERMITTED;
import static nestor.pci.AtsPort.PageRequestOutcome.NO_CREDIT;
import static nestor.pci.AtsPort.PageRequestOutcome.SENT;
import static nestor.pci.PageResponse.INVALID_REQUEST;
import static nestor.pci.PageResponse.RESPONSE_FAILURE;
import static nestor.pci.PageResponse.SUCCESS;
import static nestor.pci.Translation.EXECUTE;
import static nestor.pci.Translation.READ;
import static nestor.pci.Translation.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import nestor.pci.AtsPort.PageRequestOutcome;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PageRequestTest {
    private final AtsBoard at = new AtsBoard().enabled();
    private final RecordingReceiver receiver = new RecordingReceiver();

    @BeforeEach
    void register() {
        at.ats.register(AtsPort.ALL_PASIDS, receiver);
    }

    @AfterEach
    void close() {
        at.close();
    }

    private PageRequestOutcome request(int index, boolean last) {
        return at.ats.requestPage(pasid(1), 0xc000, READ, index, last);
    }

    private long status() {
        return at.read(PRI_STATUS, 2);
    }

    /** As drivers bring the interface back: disable, reset, clear the status, enable. */
    private void restart() {
        at.write(PRI_CONTROL, 2, 0);
        at.write(PRI_CONTROL, 2, 2);
        at.write(PRI_STATUS, 2, 3);
        at.write(PRI_CONTROL, 2, 1);
    }

    @Test
    @DisplayName("§10.4.1: a request carries the function's RID, PASID, modes, index and L")
    void theRequestIsTheMessage() {
        Requester given = new Requester(0xffff, 7, true);
        assertThat(at.ats.requestPage(given, 0xc0ff_e000L, READ | EXECUTE, 511, true))
                .isEqualTo(SENT);

        assertThat(at.agent.pages)
                .containsExactly(
                        new PageRequest(
                                new Requester(AtsBoard.RID, 7, true),
                                0xc0ff_e000L,
                                READ | EXECUTE,
                                511,
                                true));
    }

    @Test
    @DisplayName("atc.md rule 15: every message takes credit until its group's response")
    void creditIsBoundedByTheAllocation() {
        for (int i = 0; i < AtsBoard.CAPACITY - 1; i++) {
            assertThat(request(1, i == AtsBoard.CAPACITY - 2)).isEqualTo(SENT);
        }
        assertThat(request(2, true)).isEqualTo(SENT);
        assertThat(request(3, true)).isEqualTo(NO_CREDIT);

        at.respond(1, 2, SUCCESS);
        assertThat(request(3, true)).isEqualTo(SENT);
        assertThat(request(4, true)).isEqualTo(NO_CREDIT);

        at.respond(1, 1, SUCCESS);
        for (int i = 0; i < AtsBoard.CAPACITY - 1; i++) {
            assertThat(request(10 + i, true)).isEqualTo(SENT);
        }
        assertThat(request(4, true)).isEqualTo(NO_CREDIT);
    }

    @Test
    void withoutAllocationNothingIsSent() {
        at.write(PRI_CONTROL, 2, 0);
        at.write(PRI_ALLOCATION, 4, 0);
        at.write(PRI_CONTROL, 2, 1);

        assertThat(request(0, true)).isEqualTo(NO_CREDIT);
        assertThat(at.agent.pages).isEmpty();
    }

    @Test
    @DisplayName("atc.md rule 14: an index is one group's until its response")
    void aClosedGroupsIndexIsBusy() {
        assertThat(request(5, false)).isEqualTo(SENT);
        assertThat(at.ats.requestPage(pasid(2), 0, READ, 5, true)).isEqualTo(GROUP_BUSY);
        assertThat(request(5, true)).isEqualTo(SENT);
        assertThat(request(5, false)).isEqualTo(GROUP_BUSY);

        at.respond(1, 5, SUCCESS);
        assertThat(at.ats.requestPage(pasid(2), 0, READ, 5, true)).isEqualTo(SENT);
    }

    @Test
    void groupsAreAnsweredInAnyOrderEachOnce() {
        request(511, true);
        request(0, true);

        at.respond(1, 0, INVALID_REQUEST);
        at.respond(1, 511, SUCCESS);

        assertThat(receiver.responses)
                .containsExactly(
                        new PageResponse(AtsBoard.RID, 1, 0, INVALID_REQUEST),
                        new PageResponse(AtsBoard.RID, 1, 511, SUCCESS));
        assertThat(status()).isEqualTo(PASID_REQUIRED);
    }

    @Test
    @DisplayName("§10.5.2.3: a response for no outstanding group sets UPRGI, RW1C, and is dropped")
    void anUnexpectedIndexIsNoted() {
        request(1, true);
        at.respond(1, 2, SUCCESS);
        assertThat(status()).isEqualTo(PASID_REQUIRED | UNEXPECTED);
        assertThat(receiver.responses).isEmpty();

        at.write(PRI_STATUS, 2, FAILURE);
        assertThat(status()).isEqualTo(PASID_REQUIRED | UNEXPECTED);
        at.write(PRI_STATUS, 2, UNEXPECTED);
        assertThat(status()).isEqualTo(PASID_REQUIRED);

        at.respond(1, 1, SUCCESS);
        at.respond(1, 1, SUCCESS);
        assertThat(receiver.responses).hasSize(1);
        assertThat(status()).isEqualTo(PASID_REQUIRED | UNEXPECTED);
    }

    @Test
    void anUnexpectedIndexWhileDisabledIsDroppedSilently() {
        at.write(PRI_CONTROL, 2, 0);

        at.respond(1, 2, SUCCESS);

        assertThat(status()).isEqualTo(PASID_REQUIRED | STOPPED);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 7, 14, 15})
    @DisplayName("§10.4.2.1: Response Failure and reserved codes set RF and stop the interface")
    void aFailureStopsTheInterface(int code) {
        request(1, true);
        request(2, false);
        at.respond(1, 1, code);

        assertThat(status()).isEqualTo(PASID_REQUIRED | FAILURE);
        assertThat(receiver.codes()).containsExactly(RESPONSE_FAILURE, RESPONSE_FAILURE);
        assertThat(at.ats.pageRequestsEnabled()).isFalse();
        assertThat(request(3, true)).isEqualTo(NOT_PERMITTED);
        assertThat(at.ats.stopMarker(pasid(1))).isEqualTo(NOT_PERMITTED);

        at.respond(1, 2, SUCCESS); // ignored, but it is what Stopped waits for
        assertThat(receiver.responses).hasSize(2);
    }

    @Test
    @DisplayName(
            "§10.5.2.3: after RF software clears it and re-enables; either alone is not enough")
    void onlyClearingAndReenablingRestartsTheInterface() {
        request(1, true);
        at.respond(1, 1, RESPONSE_FAILURE);

        at.write(PRI_STATUS, 2, FAILURE);
        assertThat(request(2, true)).isEqualTo(NOT_PERMITTED);

        at.write(PRI_CONTROL, 2, 0);
        at.write(PRI_CONTROL, 2, 1);
        assertThat(request(2, true)).isEqualTo(SENT);

        at.respond(1, 2, RESPONSE_FAILURE);
        at.write(PRI_CONTROL, 2, 0);
        at.write(PRI_CONTROL, 2, 1);
        assertThat(request(3, true)).isEqualTo(NOT_PERMITTED);
        at.write(PRI_STATUS, 2, FAILURE);
        assertThat(request(3, true)).isEqualTo(SENT);
    }

    @Test
    @DisplayName("§10.5.2.3: Stopped waits for the responses that are outstanding at disable")
    void stoppedWaitsForOutstandingResponses() {
        request(1, true);
        request(2, true);
        at.write(PRI_CONTROL, 2, 0);

        assertThat(receiver.codes()).containsExactly(RESPONSE_FAILURE, RESPONSE_FAILURE);
        assertThat(status()).isEqualTo(PASID_REQUIRED);
        at.respond(1, 1, SUCCESS);
        assertThat(status()).isEqualTo(PASID_REQUIRED);
        at.respond(1, 2, RESPONSE_FAILURE);
        assertThat(status()).isEqualTo(PASID_REQUIRED | STOPPED);
        assertThat(receiver.responses).hasSize(2);
    }

    @Test
    void aGroupGivenUpKeepsIndexAndCreditUntilItsResponse() {
        request(1, true);
        at.write(PRI_CONTROL, 2, 0);
        at.write(PRI_CONTROL, 2, 1);

        assertThat(request(1, true)).isEqualTo(GROUP_BUSY);
        for (int i = 2; i <= AtsBoard.CAPACITY; i++) {
            assertThat(request(i, true)).isEqualTo(SENT);
        }
        assertThat(request(20, true)).isEqualTo(NO_CREDIT);

        at.respond(1, 1, SUCCESS);
        assertThat(receiver.codes()).containsExactly(RESPONSE_FAILURE);
        assertThat(request(1, true)).isEqualTo(SENT);
    }

    @Test
    @DisplayName("§10.5.2.2: Reset clears credit and groups while disabled, not while enabled")
    void resetForgetsWhatIsOutstanding() {
        request(1, true);
        at.write(PRI_CONTROL, 2, 3);
        assertThat(request(1, true)).isEqualTo(GROUP_BUSY);

        at.write(PRI_CONTROL, 2, 0);
        assertThat(status()).isEqualTo(PASID_REQUIRED);
        at.write(PRI_CONTROL, 2, 2);
        assertThat(status()).isEqualTo(PASID_REQUIRED | STOPPED);
        at.respond(1, 1, SUCCESS);
        assertThat(status()).isEqualTo(PASID_REQUIRED | STOPPED);
        assertThat(receiver.codes()).containsExactly(RESPONSE_FAILURE);

        restart();
        assertThat(request(1, true)).isEqualTo(SENT);
    }

    @Test
    @DisplayName("§10.5.2.2: Reset works in the write that clears Enable, too")
    void resetTogetherWithDisable() {
        request(1, true);

        at.write(PRI_CONTROL, 2, 2);

        assertThat(status()).isEqualTo(PASID_REQUIRED | STOPPED);
        assertThat(receiver.codes()).containsExactly(RESPONSE_FAILURE);
    }

    @Test
    @DisplayName("§10.4.1.2: a Stop Marker takes no credit and gets no answer")
    void stopMarkersAreFree() {
        for (int i = 0; i < AtsBoard.CAPACITY; i++) {
            request(i, true);
        }

        assertThat(at.ats.stopMarker(new Requester(AtsBoard.RID, 1, true))).isEqualTo(SENT);

        assertThat(at.agent.pages.getLast()).isEqualTo(PageRequest.stopMarker(pasid(1)));
        at.agent.taken = _ -> CompletionStatus.UNSUPPORTED_REQUEST;
        assertThat(at.ats.stopMarker(pasid(1))).isEqualTo(SENT);
        assertThat(receiver.responses).isEmpty();
        assertThat(at.ats.stopMarker(bare())).isEqualTo(NOT_PERMITTED);
    }

    @Test
    @DisplayName("§10.4.1: R = W = 0 ends a group without PASID; other empty requests do not exist")
    void requestsForNothing() {
        assertThat(at.ats.requestPage(bare(), 0, READ, 1, false)).isEqualTo(SENT);
        assertThat(at.ats.requestPage(bare(), 0, 0, 1, false)).isEqualTo(NOT_PERMITTED);
        assertThat(at.ats.requestPage(bare(), 0, 0, 1, true)).isEqualTo(SENT);
        assertThat(at.ats.requestPage(pasid(1), 0, 0, 2, true)).isEqualTo(NOT_PERMITTED);
        assertThat(at.ats.requestPage(pasid(1), 0, EXECUTE, 2, true)).isEqualTo(NOT_PERMITTED);
        assertThat(at.ats.requestPage(pasid(1), 0, WRITE | EXECUTE, 2, true))
                .isEqualTo(NOT_PERMITTED);
        assertThat(at.ats.requestPage(pasid(1), 0, WRITE, 2, true)).isEqualTo(SENT);
        assertThatThrownBy(() -> request(512, true)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void everyEnableIsNeeded() {
        at.board.command(AtsBoard.RID, 0);
        assertThat(at.ats.pageRequestsEnabled()).isFalse();
        assertThat(request(1, true)).isEqualTo(NOT_PERMITTED);
        at.board.command(AtsBoard.RID, TestBoard.BUS_MASTER);
        assertThat(at.ats.pageRequestsEnabled()).isTrue();

        at.write(PASID_CONTROL, 2, 0);
        assertThat(request(1, true)).isEqualTo(NOT_PERMITTED);
        assertThat(at.ats.stopMarker(pasid(1))).isEqualTo(NOT_PERMITTED);
        at.write(PASID_CONTROL, 2, 1);
        assertThat(at.ats.requestPage(pasid(1), 0, READ | EXECUTE, 1, true))
                .isEqualTo(NOT_PERMITTED);
        Requester privileged = new Requester(AtsBoard.RID, 1, true);
        assertThat(at.ats.requestPage(privileged, 0, READ, 1, true)).isEqualTo(NOT_PERMITTED);

        at.write(PRI_CONTROL, 2, 0);
        assertThat(request(1, true)).isEqualTo(NOT_PERMITTED);
        assertThat(at.agent.pages).isEmpty();
    }

    @Test
    @DisplayName("§10.4: an agent without page requests, and no agent, are a Response Failure")
    void nobodyWhoTakesPageRequestsIsAFailure() {
        at.agent.taken = _ -> CompletionStatus.UNSUPPORTED_REQUEST;
        assertThat(request(1, true)).isEqualTo(SENT);
        assertThat(receiver.codes()).containsExactly(RESPONSE_FAILURE);
        assertThat(status()).isEqualTo(PASID_REQUIRED | FAILURE);

        restart();
        at.board.host.iommu(at.agent, _ -> false);
        assertThat(request(1, false)).isEqualTo(SENT);
        assertThat(receiver.codes()).containsExactly(RESPONSE_FAILURE, RESPONSE_FAILURE);
    }

    @Test
    void anAgentMayAnswerBeforeTheRequestReturns() {
        at.agent.taken =
                request -> {
                    at.respond(1, request.prgIndex(), SUCCESS);
                    return CompletionStatus.SUCCESSFUL;
                };

        assertThat(request(1, true)).isEqualTo(SENT);
        assertThat(request(1, true)).isEqualTo(SENT);

        assertThat(receiver.codes()).containsExactly(SUCCESS, SUCCESS);
    }

    @Test
    @DisplayName("§10.5.2.3: PRG Response PASID Required: another PASID is none of the group's")
    void aResponseWithTheWrongPasidIsUnexpected() {
        request(1, true);

        at.respond(2, 1, SUCCESS);
        at.respond(Requester.NO_PASID, 1, SUCCESS);
        assertThat(receiver.responses).isEmpty();
        assertThat(status()).isEqualTo(PASID_REQUIRED | UNEXPECTED);

        at.respond(1, 1, SUCCESS);
        assertThat(receiver.codes()).containsExactly(SUCCESS);
    }

    @Test
    @DisplayName("SMMUv3: a queue that is off fails every request without PASID")
    void aFailureWithoutPasidIsUnderstood() {
        request(1, true);

        at.respond(Requester.NO_PASID, 1, RESPONSE_FAILURE);

        assertThat(receiver.responses)
                .containsExactly(new PageResponse(AtsBoard.RID, 1, 1, RESPONSE_FAILURE));
    }

    @Test
    void whereNoPasidIsRequiredTheIndexIsEnough() {
        try (AtsBoard lax =
                new AtsBoard(
                                PasidOptions.ofWidth(20),
                                AtsOptions.ofQueueDepth(32),
                                PriOptions.ofCapacity(8).withoutResponsePasid())
                        .enabled()) {
            lax.ats.register(1, receiver);
            lax.ats.requestPage(pasid(1), 0, READ, 3, true);

            lax.respond(Requester.NO_PASID, 3, SUCCESS);

            assertThat(receiver.responses)
                    .containsExactly(new PageResponse(AtsBoard.RID, 1, 3, SUCCESS));
            assertThat(lax.read(PRI_STATUS, 2)).isZero();
        }
    }

    @Test
    void responsesGoToThePasidsReceivers() {
        RecordingReceiver one = new RecordingReceiver();
        RecordingReceiver two = new RecordingReceiver();
        RecordingReceiver none = new RecordingReceiver();
        at.ats.register(1, one);
        AtsPort.Registration second = at.ats.register(2, two);
        at.ats.register(Requester.NO_PASID, none);

        request(1, true);
        at.ats.requestPage(bare(), 0, READ, 2, true);
        at.ats.requestPage(pasid(2), 0, READ, 3, true);
        second.close();
        at.respond(1, 1, SUCCESS);
        at.respond(Requester.NO_PASID, 2, INVALID_REQUEST);
        at.respond(2, 3, SUCCESS);

        assertThat(one.codes()).containsExactly(SUCCESS);
        assertThat(none.codes()).containsExactly(INVALID_REQUEST);
        assertThat(two.responses).isEmpty();
        assertThat(receiver.responses).hasSize(3);
    }
}
