package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.PASS_THROUGH;
import static nestor.vtd.VtdHarness.RID;
import static nestor.vtd.VtdHarness.WAIT;
import static nestor.vtd.VtdHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** VT-d §7.4 to §7.7: page requests, their queue, and responses. */
class PageRequestTest {
    private static final int PASID = 5;
    private static final Requester USER = new Requester(RID, PASID, false);
    private static final Requester PLAIN = Requester.withoutPasid(RID);
    private static final int PPR = 1;
    private static final int PRO = 2;

    private final VtdHarness vtd = new VtdHarness().scalable().queue(true);
    private final VtdHarness.RecordingEndpoint endpoint = new VtdHarness.RecordingEndpoint();

    @BeforeEach
    void bind() {
        vtd.endpoints.put(RID, endpoint);
        vtd.firstStage(PASID, DID, vtd.firstStageTables(4));
        vtd.pasid(0, 1 | PASS_THROUGH << 6, DID, 0);
        vtd.pageRequestQueue();
    }

    private void ask(Requester requester, long iova, int access, int index, boolean last) {
        assertThat(vtd.unit.requestPage(new PageRequest(requester, iova, access, index, last)))
                .isEqualTo(CompletionStatus.SUCCESSFUL);
    }

    private void askLast(Requester requester, int index) {
        ask(requester, 0x7000, Translation.READ, index, true);
    }

    @Test
    @DisplayName("§7.5.1.1: descriptor of a request with PASID")
    void aRequestWithPasidIsQueued() {
        ask(USER, 0x7fff_1234_5678L, Translation.READ | Translation.WRITE, 0x1ff, true);
        assertThat(vtd.pageRequest())
                .containsExactly(
                        1 | 1 << 8 | RID << 16 | (long) PASID << 32,
                        0x7fff_1234_5000L | 0x1ff << 3 | 0b111,
                        0,
                        0);
        ask(new Requester(RID, PASID, true), 0x1000, 5, 1, false);
        assertThat(vtd.pageRequest()[0])
                .isEqualTo(1 | 1 << 8 | RID << 16 | (long) PASID << 32 | 3L << 52);
        assertThat(endpoint.responses).isEmpty();
    }

    @Test
    void aRequestWithoutPasidIsQueued() {
        askLast(PLAIN, 3);
        long[] descriptor = vtd.pageRequest();
        assertThat(descriptor[0]).isEqualTo(1 | RID << 16);
        assertThat(descriptor[1]).isEqualTo(0x7000 | 3 << 3 | 0b101);
    }

    @Test
    @DisplayName("§7.5.1.2: one event until PPR is cleared")
    void theEventComesWhenNothingIsPending() {
        askLast(USER, 1);
        askLast(USER, 2);
        assertThat(vtd.messages).containsExactly(new VtdHarness.Message(0xfee0_2000L, 0x42));
        assertThat(vtd.read32(0x0dc)).isEqualTo(PPR);
        vtd.write32(0x0dc, PPR);
        askLast(USER, 3);
        assertThat(vtd.messages).hasSize(2);
    }

    @Test
    void aMaskedEventGoesWithItsStatus() {
        vtd.write32(0x0e0, 1L << 31);
        askLast(USER, 1);
        assertThat(vtd.read32(0x0e0)).isEqualTo(3L << 30);
        vtd.write32(0x0dc, PPR);
        assertThat(vtd.read32(0x0e0)).isEqualTo(1L << 31);
        askLast(USER, 2);
        vtd.write32(0x0e0, 0);
        assertThat(vtd.messages).hasSize(1);
    }

    @Test
    @DisplayName(
            "§7.6: a full queue answers groups with success, and stays shut until PRO is clear")
    void overflowIsAnsweredAutomatically() {
        for (int i = 0; i < 127; i++) {
            ask(USER, 0x1000L * i, Translation.READ, i, false);
        }
        assertThat(vtd.read32(0x0dc)).isEqualTo(PPR);
        ask(USER, 0x1000, Translation.READ, 200, false);
        assertThat(endpoint.responses).isEmpty();
        assertThat(vtd.read32(0x0dc)).isEqualTo(PPR | PRO);
        askLast(USER, 200);
        askLast(PLAIN, 201);
        assertThat(endpoint.responses)
                .containsExactly(
                        new PageResponse(RID, PASID, 200, PageResponse.SUCCESS),
                        new PageResponse(RID, Requester.NO_PASID, 201, PageResponse.SUCCESS));
        vtd.unit.requestPage(PageRequest.stopMarker(USER));
        assertThat(endpoint.responses).hasSize(2);
        for (int i = 0; i < 127; i++) {
            assertThat(vtd.pageRequest()[1] >>> 3 & 0x1ff).isEqualTo(i);
        }
        askLast(USER, 202);
        assertThat(vtd.hasPageRequest()).isFalse();
        assertThat(vtd.messages).hasSize(1);
        vtd.write32(0x0dc, PPR | PRO);
        askLast(USER, 203);
        assertThat(vtd.pageRequest()[1] >>> 3 & 0x1ff).isEqualTo(203);
        assertThat(vtd.messages).hasSize(2);
    }

    @Test
    void theQueueWrapsAround() {
        for (int i = 0; i < 500; i++) {
            askLast(USER, i);
            assertThat(vtd.pageRequest()[1] >>> 3 & 0x1ff).isEqualTo(i);
        }
    }

    @Test
    void aStopMarkerIsQueued() {
        vtd.unit.requestPage(PageRequest.stopMarker(USER));
        assertThat(vtd.pageRequest()[1]).isEqualTo(1 << 2);
    }

    @Test
    @DisplayName("§7.4.1: requests that no structure lets through are invalid")
    void requestsThatAreNotLetThroughAreFaults() {
        ask(new Requester(RID, 9, false), 0x5000, 1, 7, false);
        assertThat(endpoint.responses).isEmpty();
        var fault = vtd.fault();
        assertThat(fault.reason()).isEqualTo(0x59);
        assertThat(fault.low()).isEqualTo(0x5000);
        assertThat(fault.high() >>> 28 & 1).describedAs("T2: a page request").isEqualTo(1);
        askLast(new Requester(RID, 9, false), 7);
        assertThat(endpoint.responses)
                .containsExactly(new PageResponse(RID, 9, 7, PageResponse.INVALID_REQUEST));
        vtd.fault();
        vtd.context(VtdHarness.DIRECTORY | 0b0_1101 | 7L << 9, 0);
        vtd.rootTable(1);
        askLast(USER, 8);
        assertThat(vtd.fault().reason()).isEqualTo(0x47);
        assertThat(vtd.hasPageRequest()).isFalse();
        assertThat(endpoint.responses).hasSize(2);
    }

    @Test
    void legacyModeTakesNoPageRequests() {
        vtd.rootTable(0);
        askLast(PLAIN, 1);
        assertThat(vtd.fault().reason()).isEqualTo(0x32);
        assertThat(endpoint.responses.getFirst().code()).isEqualTo(PageResponse.INVALID_REQUEST);
    }

    @Test
    void aUnitThatIsOffAnswersInvalid() {
        vtd.write64(0x0d0, 0);
        askLast(USER, 1);
        vtd.write64(0x0d0, VtdHarness.PAGE_REQUESTS);
        vtd.off(VtdHarness.TE);
        askLast(USER, 2);
        assertThat(endpoint.responses).extracting(PageResponse::code).containsExactly(1, 1);
        var plain = new VtdHarness(VtdOptions.defaults());
        assertThat(plain.unit.requestPage(new PageRequest(PLAIN, 0, 1, 1, true)))
                .isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
    }

    @Test
    void aQueueInNoMemoryIsAFailure() {
        vtd.write64(0x0d0, VtdHarness.NOWHERE);
        askLast(USER, 1);
        assertThat(endpoint.responses)
                .containsExactly(new PageResponse(RID, PASID, 1, PageResponse.RESPONSE_FAILURE));
    }

    @Test
    @DisplayName("§7.7.1: responses with and without PASID, with each code")
    void responsesReachTheFunction() {
        long rid = (long) RID << 16;
        vtd.put(9 | 1 << 4 | rid | (long) PASID << 32, 0x1ff << 3);
        vtd.put(9 | rid | 1 << 12, 2 << 3);
        vtd.put(9 | rid | 0xf << 12, 3 << 3 | 1 << 2);
        vtd.submit(9 | 0x4242 << 16, 4 << 3);
        assertThat(endpoint.responses)
                .containsExactly(
                        new PageResponse(RID, PASID, 0x1ff, 0),
                        new PageResponse(RID, Requester.NO_PASID, 2, 1),
                        new PageResponse(RID, Requester.NO_PASID, 3, 15));
        assertThat(vtd.head()).isEqualTo(vtd.tail());
    }

    @Test
    @DisplayName("§6.5.2.11: a wait with PD is done when earlier requests are in the queue")
    void aDrainingWaitCompletes() {
        askLast(USER, 1);
        vtd.submit(WAIT | 1 << 7, VtdHarness.STATUS);
        assertThat(vtd.status()).isEqualTo(2);
        assertThat(vtd.hasPageRequest()).isTrue();
    }

    @Test
    @DisplayName("§6.5.2.9: PD is reserved where ECAP.PDS is clear")
    void aDrainingWaitIsAnErrorWithoutDraining() {
        var plain =
                new VtdHarness(VtdOptions.whole().with(VtdProperty.DRAIN, 0))
                        .scalable()
                        .queue(true);
        plain.submit(WAIT | 1 << 7, VtdHarness.STATUS);
        assertThat(plain.read32(0x034) & 1 << 4).describedAs("IQE").isNotZero();
        assertThat(plain.head()).describedAs("stays at the wait").isNotEqualTo(plain.tail());
    }

    @Test
    void aDrainingWaitWaitsForARequestThatIsUnderWay() {
        vtd.write64(0x0d0, 0);
        endpoint.onResponse =
                () -> {
                    vtd.submit(WAIT | 1 << 7, VtdHarness.STATUS);
                    assertThat(vtd.status()).describedAs("being answered").isZero();
                };
        askLast(USER, 1);
        assertThat(endpoint.responses).hasSize(1);
        vtd.loop.runUntilIdle();
        assertThat(vtd.status()).isEqualTo(2);
    }

    @Test
    @DisplayName("§7.4.1: a page that is asked for is looked up anew")
    void aPermissionUpgradeNeedsNoInvalidation() {
        var tables = vtd.firstStageTables(4);
        tables.map(0x7000, 0x9000, 12, nestor.paging.Permissions.READ);
        vtd.firstStage(PASID, DID, tables);
        vtd.rootTable(1);
        gpa(vtd.translate(USER, 0x7000, Translation.READ), 0x7000);
        tables.setDescriptor(0x7000, 0xa000 | 7);
        assertThat(gpa(vtd.translate(USER, 0x7000, Translation.READ), 0x7000)).isEqualTo(0x9000);
        ask(USER, 0x7000, Translation.WRITE, 1, true);
        assertThat(gpa(vtd.translate(USER, 0x7000, Translation.READ), 0x7000)).isEqualTo(0xa000);
    }

    @Test
    void privateDataComesWithTheLastRequestAndIsTakenBack() {
        var old =
                new VtdHarness(VtdOptions.whole().with(VtdProperty.PRIVATE_DATA, 1))
                        .scalable()
                        .queue(true);
        old.endpoints.put(RID, endpoint);
        old.pageRequestQueue();
        old.pasid(0, 1 | PASS_THROUGH << 6, DID, 0);
        old.unit.requestPage(new PageRequest(PLAIN, 0x1000, 1, 1, false));
        assertThat(old.pageRequest()[2]).isZero();
        old.unit.requestPage(new PageRequest(PLAIN, 0x1000, 1, 1, true));
        long[] last = old.pageRequest();
        assertThat(last[0] & 1 << 9).isNotZero();
        assertThat(last[2]).isNotZero();
        old.put(9 | 1 << 5 | RID << 16, 1 << 3, last[2], last[3]);
        old.ring();
        assertThat(endpoint.responses).hasSize(1);
        assertThat(old.head()).isEqualTo(old.tail());
    }
}
