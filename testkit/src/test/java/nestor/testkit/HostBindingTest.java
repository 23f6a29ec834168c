package nestor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nestor.iommu.IovaRange;
import nestor.iommu.host.HostBinding;
import nestor.iommu.host.HostEvents;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostInvalidation;
import nestor.iommu.host.HostReports;
import nestor.iommu.host.InvalidationProgress;
import nestor.iommu.host.SmmuCommands;
import nestor.iommu.host.Stage1;
import nestor.iommu.host.Stage1Intent;
import nestor.pci.AddressType;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEndpoint;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;
import nestor.testkit.FakeHostIommu.Attachment;
import nestor.vmm.time.ManualClock;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class HostBindingTest {
    private static final int EIO = 5;
    private static final int RID = 0x18;
    private static final int PASID = 5;
    private static final int NONE = Requester.NO_PASID;
    private static final Stage1 FIRST = new Stage1.VtdFirstStage(0x1000, 48, 0);
    private static final Stage1 SECOND = new Stage1.VtdFirstStage(0x2000, 48, 0);
    private static final Stage1 STREAM = new Stage1.SmmuV3(1 | 5 << 1 | 0x4000, 2);
    private static final Attachment BLOCKED = new Attachment.Blocked();

    /** An IOMMU that keeps the page requests it takes. */
    private static final class Agent implements TranslationAgent {
        final List<PageRequest> requests = new ArrayList<>();
        CompletionStatus status = CompletionStatus.SUCCESSFUL;

        @Override
        public Translation translate(Requester r, AddressType type, long address, int access) {
            throw new AssertionError("assigned functions translate at the host");
        }

        @Override
        public AtsCompletion requestTranslation(AtsRequest request) {
            throw new AssertionError("assigned functions translate at the host");
        }

        @Override
        public CompletionStatus requestPage(PageRequest request) {
            requests.add(request);
            return status;
        }

        @Override
        public long enterDma() {
            return 0;
        }

        @Override
        public void exitDma(long ticket) {}
    }

    private final ManualClock clock = new ManualClock();
    private final FakeHostIommu host = new FakeHostIommu();
    private final HostBinding binding = new HostBinding(clock);
    private final Agent agent = new Agent();
    private final List<HostReports.SmmuV3Event> events = new ArrayList<>();

    @BeforeEach
    void assign() throws HostException {
        host.assign(RID);
        binding.assign(RID, host, agent, (_, event) -> events.add(event));
    }

    private static Stage1Intent nested(Stage1 stage1) {
        return new Stage1Intent.Nested(stage1);
    }

    private Attachment attachment(int pasid) {
        return host.attachment(RID, pasid);
    }

    private AtsEndpoint endpoint() {
        return binding.route(_ -> Optional.empty()).endpoint(RID).orElseThrow();
    }

    private List<HostCall> responses() {
        return host.calls().stream().filter(HostCall.Respond.class::isInstance).toList();
    }

    private void ask(int cookie) {
        var page = new HostReports.Page(0x7000, Translation.WRITE, false);
        host.reports(RID).pageGroup(new HostReports.PageGroup(PASID, cookie, List.of(page)));
    }

    @Test
    void anUnknownDeviceIsNotAssigned() {
        assertThatThrownBy(() -> binding.assign(0x99, host, agent, HostEvents.NONE))
                .isInstanceOf(HostException.class);
        assertThat(binding.isAssigned(0x99)).isFalse();
    }

    @Test
    void aFunctionThatIsNotAssignedCostsNothing() throws HostException {
        binding.intend(0x99, PASID, nested(FIRST));
        binding.invalidate(0x99, PASID, IovaRange.ALL, false);
        assertThat(binding.flush().isClean()).isTrue();
        assertThat(host.calls()).isEmpty();
    }

    @Test
    @DisplayName("every pair of states, every call failing: blocked, nothing left, no identity")
    void everyStepOfEveryTransitionMayFail() throws HostException {
        List<Stage1Intent> intents =
                List.of(Stage1Intent.BLOCKED, Stage1Intent.BYPASS, nested(FIRST), nested(SECOND));
        for (Stage1Intent from : intents) {
            for (Stage1Intent to : intents) {
                for (int step = 0; step < 4; step++) {
                    transition(from, to, step);
                }
            }
        }
    }

    private void transition(Stage1Intent from, Stage1Intent to, int step) throws HostException {
        host.intendBypass(RID, PASID);
        binding.intend(RID, PASID, from);
        if (to.equals(Stage1Intent.BYPASS)) {
            host.intendBypass(RID, PASID);
        } else {
            host.forbidBypass(RID, PASID);
        }
        host.failAfter(step, EIO);
        boolean refused = false;
        try {
            binding.intend(RID, PASID, to);
        } catch (HostException e) {
            refused = true;
        }
        host.failAfter(-1, 0);
        binding.flush(); // another attempt at what failed
        if (refused) {
            assertThat(attachment(PASID)).describedAs("%s to %s", from, to).isEqualTo(BLOCKED);
            assertThat(binding.bound(RID, PASID)).isEqualTo(Stage1Intent.BLOCKED);
        } else {
            assertThat(binding.bound(RID, PASID)).isEqualTo(to);
        }
        boolean holds = !refused && to instanceof Stage1Intent.Nested;
        assertThat(host.openDomains()).describedAs("%s to %s", from, to).isEqualTo(holds ? 1 : 0);
        binding.intend(RID, PASID, Stage1Intent.BLOCKED);
        assertThat(host.openDomains()).isZero();
    }

    @Test
    void aHostThatDoesNotEvenBlockIsAskedAgain() throws HostException {
        binding.intend(RID, PASID, nested(FIRST));
        host.failAlways(EIO);
        assertThatThrownBy(() -> binding.intend(RID, PASID, nested(SECOND)))
                .isInstanceOf(HostException.class);
        assertThatThrownBy(() -> binding.intend(RID, PASID, Stage1Intent.BLOCKED))
                .isInstanceOf(HostException.class);
        assertThat(attachment(PASID)).isEqualTo(new Attachment.Nested(FIRST));
        host.failAfter(-1, 0);
        binding.flush();
        assertThat(attachment(PASID)).isEqualTo(BLOCKED);
        assertThat(host.openDomains()).isZero();
    }

    @Test
    void releaseFailingAtEachStepLeavesNothingAttached() throws HostException {
        for (int step = 0; step < 6; step++) {
            binding.intend(RID, PASID, nested(FIRST));
            binding.intend(RID, PASID + 1, nested(SECOND));
            host.failAfter(step, EIO);
            binding.unassign(RID);
            host.failAfter(-1, 0);
            assertThat(attachment(PASID)).isEqualTo(BLOCKED);
            binding.unassign(RID);
            assertThat(host.openDomains()).describedAs("step %d", step).isZero();
            binding.assign(RID, host, agent, HostEvents.NONE);
        }
    }

    @Test
    void aRefusedRangeKeepsItFromNoneOfTheOthersAndBlocks() throws HostException {
        binding.intend(RID, PASID, nested(FIRST));
        for (int page = 0; page < 4; page++) {
            binding.invalidate(RID, PASID, IovaRange.block(page << 12, 12), true);
        }
        host.refuseInvalidationAfter(1);
        HostBinding.Flushed flushed = binding.flush();
        assertThat(flushed.blocked()).containsExactly(new HostBinding.Refused(RID, PASID));
        assertThat(
                        host.calls().stream()
                                .filter(HostCall.Invalidate.class::isInstance)
                                .map(call -> ((HostCall.Invalidate) call).handled().size()))
                .containsExactly(1, 2);
        assertThat(attachment(PASID)).isEqualTo(BLOCKED);
        assertThat(host.openDomains()).isZero();
    }

    @Test
    void whatHardwareDidNotCarryOutIsPassedOn() throws HostException {
        binding.intend(RID, PASID, nested(FIRST));
        binding.invalidate(RID, PASID, IovaRange.ALL, false);
        host.failInvalidation(InvalidationProgress.Kind.DEVICE_TIMEOUT);
        HostBinding.Flushed flushed = binding.flush();
        assertThat(flushed.errors())
                .containsExactly(
                        new HostBinding.HardwareError(
                                RID, InvalidationProgress.Kind.DEVICE_TIMEOUT));
        assertThat(flushed.blocked()).isEmpty();
    }

    @Test
    void whatIsAskedForTwiceIsDoneOnce() throws HostException {
        binding.intend(RID, PASID, nested(FIRST));
        binding.invalidate(RID, PASID, new IovaRange(0x1000, 0x4fff), false);
        endpoint().invalidate(new InvalidateRequest(RID, PASID, 0, false, 0x2000, 12), () -> {});
        binding.flush();
        assertThat(host.calls().getLast())
                .isEqualTo(
                        new HostCall.Invalidate(
                                List.of(
                                        new HostInvalidation.VtdRange(
                                                new IovaRange(0x1000, 0x4fff), false))));
    }

    @Test
    void commandsKeepTheirOrderAndARefusedOneBlocksWhatItCouldConcern() throws HostException {
        binding.intend(RID, NONE, nested(STREAM));
        binding.invalidate(SmmuCommands.tlbiAsid(1));
        binding.invalidate(RID, SmmuCommands.cfgiCd(RID, 3));
        binding.invalidate(SmmuCommands.tlbiAll());
        host.refuseInvalidationAfter(1);
        HostBinding.Flushed flushed = binding.flush();
        assertThat(flushed.commands()).containsExactly(SmmuCommands.cfgiCd(RID, 3));
        assertThat(host.calls())
                .contains(
                        new HostCall.Invalidate(List.of(SmmuCommands.tlbiAsid(1))),
                        new HostCall.Invalidate(List.of(SmmuCommands.tlbiAll())));
        assertThat(flushed.blocked()).containsExactly(new HostBinding.Refused(RID, NONE));
        assertThat(attachment(NONE)).isEqualTo(BLOCKED);
    }

    @Test
    void aRefusedInvalidationOfAnAtcIsToldAndBlocksNothing() throws HostException {
        binding.intend(RID, NONE, nested(STREAM));
        var request = new InvalidateRequest(RID, 3, 0, false, 0x2000, 13);
        boolean[] completed = new boolean[1];
        endpoint().invalidate(request, () -> completed[0] = true);
        assertThat(completed[0]).isTrue();
        host.refuseInvalidationAfter(0);
        HostBinding.Flushed flushed = binding.flush();
        assertThat(flushed.commands())
                .containsExactly(
                        new HostInvalidation.SmmuV3Command(
                                0x40 | 1 << 11 | 3 << 12 | (long) RID << 32, 0x2000 | 1));
        assertThat(flushed.blocked()).isEmpty();
    }

    @Test
    void aGroupsAnswerGoesBackWithItsCookie() {
        ask(70);
        ask(71);
        assertThat(agent.requests)
                .extracting(PageRequest::prgIndex, PageRequest::last)
                .containsExactly(tuple(0, true), tuple(1, true));
        endpoint().pageResponse(new PageResponse(RID, PASID, 1, PageResponse.SUCCESS));
        endpoint().pageResponse(new PageResponse(RID, PASID, 1, PageResponse.SUCCESS));
        endpoint().pageResponse(new PageResponse(RID, PASID + 1, 0, PageResponse.SUCCESS));
        endpoint().pageResponse(new PageResponse(RID, PASID, 0, PageResponse.INVALID_REQUEST));
        assertThat(responses())
                .containsExactly(
                        new HostCall.Respond(RID, 71, true), new HostCall.Respond(RID, 70, false));
    }

    @Test
    void aGroupThatTheGuestDoesNotTakeIsAnswered() {
        agent.status = CompletionStatus.UNSUPPORTED_REQUEST;
        ask(70);
        assertThat(responses()).containsExactly(new HostCall.Respond(RID, 70, false));
    }

    @Test
    void aGroupThatTheGuestDoesNotAnswerIsAnsweredInTime() {
        ask(70);
        clock.advance(6_000_000_000L);
        ask(71);
        clock.advance(6_000_000_000L);
        assertThat(responses()).containsExactly(new HostCall.Respond(RID, 70, false));
        endpoint().pageResponse(new PageResponse(RID, PASID, 0, PageResponse.SUCCESS));
        assertThat(responses()).describedAs("too late").hasSize(1);
        clock.advance(6_000_000_000L);
        assertThat(responses()).hasSize(2);
    }

    @Test
    void moreGroupsThanThereAreIndicesAreRefused() {
        for (int cookie = 0; cookie <= PageRequest.PRG_INDICES; cookie++) {
            ask(cookie);
        }
        assertThat(responses())
                .containsExactly(new HostCall.Respond(RID, PageRequest.PRG_INDICES, false));
    }

    @Test
    void aFunctionThatGoesLeavesNoGroupWaiting() {
        ask(70);
        HostReports reports = host.reports(RID);
        AtsEndpoint endpoint = endpoint();
        binding.unassign(RID);
        assertThat(responses()).containsExactly(new HostCall.Respond(RID, 70, false));
        endpoint.pageResponse(new PageResponse(RID, PASID, 0, PageResponse.SUCCESS));
        assertThat(responses()).hasSize(1);
        reports.pageGroup(
                new HostReports.PageGroup(
                        PASID, 72, List.of(new HostReports.Page(0, Translation.READ, false))));
        assertThat(responses()).contains(new HostCall.Respond(RID, 72, false));
    }

    @Test
    void eventsReachTheModel() {
        var event = new HostReports.SmmuV3Event(0x10, 0, 0x1000, 0);
        host.reports(RID).event(event);
        assertThat(events).containsExactly(event);
    }
}
