package nestor.pci;

import static nestor.pci.AtsBoard.ATS_CONTROL;
import static nestor.pci.AtsBoard.RID;
import static nestor.pci.AtsBoard.pasid;
import static nestor.pci.Requester.NO_PASID;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nestor.pci.AtsPort.Registration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class InvalidationTest {
    private final AtsBoard at = new AtsBoard().enabled();
    private final RecordingReceiver one = new RecordingReceiver();
    private final RecordingReceiver two = new RecordingReceiver();
    private final RecordingReceiver none = new RecordingReceiver();
    private final RecordingReceiver all = new RecordingReceiver();
    private int completed;

    @AfterEach
    void close() {
        at.close();
    }

    private static InvalidateRequest page(int pasid, boolean global) {
        return new InvalidateRequest(RID, pasid, 3, global, 0x7000, 12);
    }

    private void invalidate(InvalidateRequest request) {
        at.messages().invalidate(request, () -> completed++);
    }

    private void registerEach() {
        at.ats.register(1, one);
        at.ats.register(2, two);
        at.ats.register(NO_PASID, none);
        at.ats.register(AtsPort.ALL_PASIDS, all);
    }

    private List<Integer> told() {
        return List.of(
                one.invalidations.size(),
                two.invalidations.size(),
                none.invalidations.size(),
                all.invalidations.size());
    }

    @Test
    @DisplayName("atc.md rule 9: with a PASID it concerns that PASID's receivers")
    void withPasidItReachesThatPasid() {
        registerEach();

        invalidate(page(1, false));

        assertThat(told()).containsExactly(1, 0, 0, 1);
        assertThat(one.invalidations).containsExactly(page(1, false));
    }

    @Test
    @DisplayName("atc.md rule 9: without a PASID it concerns everybody")
    void withoutPasidItReachesEverybody() {
        registerEach();

        invalidate(page(NO_PASID, false));

        assertThat(told()).containsExactly(1, 1, 1, 1);
    }

    @Test
    @DisplayName("§10.3.1: Global Invalidate is ignored by a function that does not advertise it")
    void globalIsIgnoredUnlessAdvertised() {
        registerEach();

        invalidate(page(1, true));

        assertThat(told()).containsExactly(1, 0, 0, 1);
        assertThat(all.invalidations).containsExactly(page(1, false));
    }

    @Test
    @DisplayName("§10.3.1: Global Invalidate concerns every PASID where it is advertised")
    void globalReachesEverybodyWhereAdvertised() {
        try (AtsBoard global =
                new AtsBoard(
                                PasidOptions.ofWidth(20),
                                AtsOptions.ofQueueDepth(32).withGlobalInvalidate(),
                                PriOptions.ofCapacity(1))
                        .enabled()) {
            global.ats.register(1, one);
            global.ats.register(2, two);

            global.messages().invalidate(page(1, true), () -> completed++);

            assertThat(one.invalidations).containsExactly(page(1, true));
            assertThat(two.invalidations).containsExactly(page(1, true));
        }
    }

    @Test
    @DisplayName("§10.3.8: once a Global entry is cached, any PASID's invalidation may hit it")
    void afterAGlobalEntryEveryInvalidationReachesEverybody() {
        registerEach();
        AtsEntry global = AtsEntry.of(0, 12, AtsEntry.GLOBAL.mask() | 1);
        at.agent.completion = _ -> new AtsCompletion.Entries(List.of(global));
        at.ats.requestTranslation(pasid(1), 0, 1, Translation.READ);

        invalidate(page(2, false));

        assertThat(told()).containsExactly(1, 1, 1, 1);
    }

    @Test
    @DisplayName("atc.md rule 2: it completes once, when everybody has")
    void itCompletesWhenEverybodyHas() {
        registerEach();
        invalidate(page(1, false));
        one.completeAll();
        one.completeAll();
        assertThat(completed).isZero();

        all.completeAll();
        assertThat(completed).isEqualTo(1);
        all.completeAll();
        assertThat(completed).isEqualTo(1);
    }

    @Test
    @DisplayName("atc.md rule 5: with nobody to tell it completes at once")
    void withoutReceiversItCompletesAtOnce() {
        invalidate(page(1, false));
        assertThat(completed).isEqualTo(1);

        at.ats.register(2, two);
        invalidate(page(1, false));
        assertThat(completed).isEqualTo(2);
    }

    @Test
    @DisplayName("§10.5.1.3: while ATS is disabled it completes at once, unseen")
    void whileDisabledItCompletesAtOnce() {
        registerEach();
        at.write(ATS_CONTROL, 2, 0);

        invalidate(page(NO_PASID, false));

        assertThat(completed).isEqualTo(1);
        assertThat(told()).containsExactly(0, 0, 0, 0);
    }

    @Test
    void aReceiverThatLeavesIsNotWaitedFor() {
        Registration leaving = at.ats.register(1, one);
        at.ats.register(1, two);
        invalidate(page(1, false));
        invalidate(page(1, false));
        two.completeAll();
        assertThat(completed).isZero();

        leaving.close();
        assertThat(completed).isEqualTo(2);
        one.completeAll();
        leaving.close();
        assertThat(completed).isEqualTo(2);
        invalidate(page(1, false));
        assertThat(one.invalidations).hasSize(2);
    }

    @Test
    @DisplayName("atc.md rule 6: 32 ITags at a time, completed in any order")
    void manyInvalidationsAreIndependent() {
        at.ats.register(1, one);
        for (int itag = 0; itag < InvalidateRequest.ITAGS; itag++) {
            invalidate(new InvalidateRequest(RID, 1, itag, false, 0, 64));
        }

        for (int i = InvalidateRequest.ITAGS - 1; i >= 0; i--) {
            assertThat(completed).isEqualTo(InvalidateRequest.ITAGS - 1 - i);
            one.completions.get(i).run();
        }
        assertThat(completed).isEqualTo(InvalidateRequest.ITAGS);
    }

    @Test
    void aReceiverMayCompleteBeforeItReturns() {
        at.ats.register(
                1,
                new AtsEndpoint() {
                    @Override
                    public void invalidate(InvalidateRequest request, Runnable complete) {
                        complete.run();
                    }

                    @Override
                    public void pageResponse(PageResponse response) {}

                    @Override
                    public void disabled() {}
                });

        invalidate(page(1, false));

        assertThat(completed).isEqualTo(1);
    }

    @Test
    void onlyFunctionsWithAtsThatArePresentTakeMessages() {
        PciHost host = at.board.host;
        host.plug(3, 0, PciFunction.builder("plain").express().build());
        PciFunction below =
                PciFunction.builder("below").express().ats(AtsOptions.ofQueueDepth(1)).build();
        host.addRootPort("rp", 4).plug(below);

        assertThat(host.atsEndpoint(RID)).isPresent();
        assertThat(host.atsEndpoint(RID | 0x1_0000)).isPresent();
        assertThat(host.atsEndpoint(TestBoard.rid(0, 3, 0))).isEmpty();
        assertThat(host.atsEndpoint(TestBoard.rid(0, 9, 0))).isEmpty();
        assertThat(host.atsEndpoint(TestBoard.rid(4, 0, 0))).isEmpty();
        assertThat(host.atsEndpoint(-1)).isEmpty();

        at.board.openPort(TestBoard.rid(0, 4, 0), 4, TestBoard.MEM32, TestBoard.MEM64);
        assertThat(host.atsEndpoint(TestBoard.rid(4, 0, 0))).isPresent();
        assertThat(host.atsEndpoint(TestBoard.rid(4, 1, 0))).isEmpty();
    }
}
