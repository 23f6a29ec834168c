package nestor.pci;

import static nestor.pci.AtsBoard.ATS_CONTROL;
import static nestor.pci.AtsBoard.ATS_ENABLE;
import static nestor.pci.AtsBoard.PRI_STATUS;
import static nestor.pci.AtsBoard.bare;
import static nestor.pci.AtsBoard.pasid;
import static nestor.pci.PageResponse.RESPONSE_FAILURE;
import static nestor.pci.PageResponse.SUCCESS;
import static nestor.pci.Translation.READ;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Random;
import nestor.pci.AtsPort.PageRequestOutcome;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** However ATS ends, its receivers learn of it and nothing waits for ever. */
class AtsTeardownTest {
    private static final CompletionStatus UR = CompletionStatus.UNSUPPORTED_REQUEST;

    private final AtsBoard at = new AtsBoard().enabled();
    private final RecordingReceiver one = new RecordingReceiver();
    private final RecordingReceiver all = new RecordingReceiver();
    private int completed;

    @BeforeEach
    void register() {
        at.ats.register(1, one);
        at.ats.register(AtsPort.ALL_PASIDS, all);
    }

    @AfterEach
    void close() {
        at.close();
    }

    /** An invalidation and a page request under way. */
    private void leaveSomethingOutstanding() {
        at.messages()
                .invalidate(
                        new InvalidateRequest(AtsBoard.RID, 1, 0, false, 0, 12), () -> completed++);
        assertThat(at.ats.requestPage(pasid(1), 0, READ, 7, true))
                .isEqualTo(PageRequestOutcome.SENT);
    }

    private void assertEverythingEndedOnce() {
        assertThat(completed).isEqualTo(1);
        assertThat(one.timesDisabled).isEqualTo(1);
        assertThat(all.timesDisabled).isEqualTo(1);
        assertThat(one.codes()).containsExactly(RESPONSE_FAILURE);
        one.completeAll();
        all.completeAll();
        assertThat(completed).isEqualTo(1);
    }

    @Test
    @DisplayName("§10.5.1.3: clearing ATS Enable empties the caches and completes invalidations")
    void disablingAts() {
        leaveSomethingOutstanding();

        at.write(ATS_CONTROL, 2, 0);

        assertThat(completed).isEqualTo(1);
        assertThat(one.timesDisabled).isEqualTo(1);
        assertThat(all.timesDisabled).isEqualTo(1);
        at.write(ATS_CONTROL, 2, 0);
        assertThat(one.timesDisabled).isEqualTo(1);
        at.respond(1, 7, SUCCESS); // PRI is on its own
        assertThat(one.codes()).containsExactly(SUCCESS);
    }

    @Test
    void anAgentThatGivesTheFunctionUpEmptiesItsCachesOnly() {
        leaveSomethingOutstanding();

        at.messages().disabled();

        assertThat(completed).isEqualTo(1);
        assertThat(one.timesDisabled).isEqualTo(1);
        leaveNewInvalidation();
        assertThat(completed).isEqualTo(1);
        assertThat(at.ats.atsEnabled()).isTrue();
    }

    private void leaveNewInvalidation() {
        at.messages()
                .invalidate(
                        new InvalidateRequest(AtsBoard.RID, 1, 1, false, 0, 12), () -> completed++);
    }

    @Test
    @DisplayName(
            "§7.8.9.3: changing PASID enables under ATS, undefined there, takes effect at once")
    void pasidEnablesMayChangeWhileAtsIsEnabled() {
        at.write(AtsBoard.PASID_CONTROL, 2, 0);
        assertThat(at.ats.requestTranslation(pasid(1), 0, 1, READ))
                .isEqualTo(new AtsCompletion.Failed(UR));
        assertThat(at.ats.requestTranslation(bare(), 0, 1, READ))
                .isInstanceOf(AtsCompletion.Entries.class);

        at.write(AtsBoard.PASID_CONTROL, 2, 1);
        assertThat(at.ats.requestTranslation(pasid(1), 0, 1, READ))
                .isInstanceOf(AtsCompletion.Entries.class);
        assertThat(one.timesDisabled).isZero();
    }

    @Test
    @DisplayName("§6.6.2: FLR clears the three enables, credits and caches")
    void functionLevelReset() {
        leaveSomethingOutstanding();

        at.functionLevelReset();

        assertEverythingEndedOnce();
        assertThat(at.read(AtsBoard.PASID_CONTROL, 2)).isZero();
        assertThat(at.read(ATS_CONTROL, 2)).isZero();
        assertThat(at.read(AtsBoard.PRI_CONTROL, 2)).isZero();
        assertThat(at.read(PRI_STATUS, 2)).isEqualTo(0x8100);
        at.respond(1, 7, SUCCESS);
        assertThat(at.read(PRI_STATUS, 2)).isEqualTo(0x8100);
        assertThat(one.responses).hasSize(1);

        at.enabled();
        assertThat(at.ats.requestPage(pasid(1), 0, READ, 7, true))
                .isEqualTo(PageRequestOutcome.SENT);
        assertThat(at.ats.smallestUnitLog2()).isEqualTo(12);
    }

    @Test
    @DisplayName("§6.6.1: the host's reset and a bus reset do the same")
    void otherResets() {
        leaveSomethingOutstanding();

        at.board.host.reset();

        assertEverythingEndedOnce();
        assertThat(at.ats.atsEnabled()).isFalse();
        assertThat(at.ats.pageRequestsEnabled()).isFalse();
    }

    @Test
    void afterDisableTranslatedRequestsAreRefused() {
        MemorySegment data = MemorySegment.ofArray(new byte[4]);
        at.functionLevelReset();
        at.board.command(AtsBoard.RID, TestBoard.BUS_MASTER);

        assertThat(at.function.dma().writeTranslated(bare(), TestBoard.RAM, data)).isEqualTo(UR);
        assertThat(at.function.dma().readTranslated(bare(), TestBoard.RAM, data)).isEqualTo(UR);
        assertThat(at.agent.accesses).isEmpty();
    }

    @Test
    @DisplayName("§10.3.3: a translated request that enters after the disable moves nothing")
    void aTranslatedRequestDoesNotOvertakeTheDisable() {
        at.agent.onEnter = () -> at.write(ATS_CONTROL, 2, 0);
        MemorySegment data = MemorySegment.ofArray(new byte[] {1, 1, 1, 1});

        assertThat(at.function.dma().writeTranslated(bare(), TestBoard.RAM, data)).isEqualTo(UR);

        assertThat(at.agent.accesses).isEmpty();
        assertThat(at.agent.inside).isZero();
    }

    @Test
    @DisplayName("§7.5.1.3.13: a bus reset ends ATS behind a root port")
    void secondaryBusReset() {
        PciFunction below =
                PciFunction.builder("b").express().ats(AtsOptions.ofQueueDepth(1)).build();
        at.board.host.addRootPort("rp", 5).plug(below);
        int port = TestBoard.rid(0, 5, 0);
        int rid = TestBoard.rid(4, 0, 0);
        at.board.openPort(port, 4, TestBoard.MEM32, TestBoard.MEM64);
        at.board.command(rid, TestBoard.BUS_MASTER);
        at.board.config(rid, 0x106, 2, ATS_ENABLE);
        RecordingReceiver receiver = new RecordingReceiver();
        below.ats().register(1, receiver);
        at.board
                .host
                .atsEndpoint(rid)
                .orElseThrow()
                .invalidate(new InvalidateRequest(rid, 1, 0, false, 0, 12), () -> completed++);
        assertThat(completed).isZero();

        at.board.config(port, 0x3e, 2, 0x40);

        assertThat(completed).isEqualTo(1);
        assertThat(receiver.timesDisabled).isEqualTo(1);
        assertThat(below.ats().atsEnabled()).isFalse();
        assertThat(at.board.host.atsEndpoint(rid)).isEmpty();
    }

    /** Control writes, requests, responses and invalidations in any order: all end exactly once. */
    @Test
    void everyGroupAndInvalidationEndsExactlyOnce() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.err.println("nestor.seed=" + seed);
        Random random = new Random(seed);
        int[] begun = new int[PageRequest.PRG_INDICES];
        int[] answers = new int[PageRequest.PRG_INDICES];
        int seen = 0;
        int groups = 0;
        int invalidations = 0;
        for (int i = 0; i < 20_000; i++) {
            for (; seen < one.responses.size(); seen++) {
                answers[one.responses.get(seen).prgIndex()]++;
            }
            switch (random.nextInt(12)) {
                case 0 -> at.write(ATS_CONTROL, 2, random.nextBoolean() ? ATS_ENABLE : 0);
                case 1 -> at.write(AtsBoard.PRI_CONTROL, 2, random.nextInt(4));
                case 2 -> at.write(PRI_STATUS, 2, 3);
                case 3 -> at.enabled();
                case 4, 5, 6 -> {
                    int index = random.nextInt(12);
                    boolean last = random.nextBoolean();
                    PageRequestOutcome outcome =
                            at.ats.requestPage(pasid(1), 0x1000, READ, index, last);
                    if (outcome == PageRequestOutcome.SENT && answers[index] == begun[index]) {
                        begun[index]++;
                        groups++;
                    }
                }
                case 7, 8, 9 -> {
                    int code = random.nextInt(16) == 0 ? RESPONSE_FAILURE : random.nextInt(2);
                    at.respond(1, random.nextInt(12), code);
                }
                case 10 -> {
                    at.messages()
                            .invalidate(
                                    new InvalidateRequest(AtsBoard.RID, 1, 0, false, 0, 12),
                                    () -> completed++);
                    invalidations++;
                }
                default -> {
                    one.completeAll();
                    all.completeAll();
                    one.completions.clear();
                    all.completions.clear();
                    assertThat(completed).isEqualTo(invalidations);
                }
            }
        }
        at.functionLevelReset();

        assertThat(completed).isEqualTo(invalidations);
        assertThat(one.responses).hasSize(groups);
        assertThat(groups).isGreaterThan(100);
    }
}
