package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.REQUESTER;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.SYNC;
import static nestor.smmuv3.SmmuHarness.assertAborted;
import static nestor.smmuv3.SmmuHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.paging.Permissions;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import nestor.pci.StalledTransaction;
import nestor.pci.Translation;
import nestor.smmuv3.event.Event;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** The stall model (IHI 0070, §3.12.2, §4.6, §5.5). */
class StallTest {
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;
    private static final long IOVA = 0x7000_0000L;
    private static final long STALL = 1L << 44;
    private static final long RECORD = 1L << 45;
    private static final long ABORT = 1L << 46;
    private static final long RESUME = 0x44;
    private static final long STALL_TERM = 0x45;
    private static final int RETRY = 1;
    private static final int TERMINATE_ABORT = 2;
    private static final int TERMINATE_RAZ_WI = 0;

    private final SmmuHarness smmu = new SmmuHarness().enabled();
    private final PageTables tables = stalling(smmu);

    /** What a stalled transaction was told. */
    private static final class Waiting implements StalledTransaction {
        final List<String> told = new ArrayList<>();

        @Override
        public void retry() {
            told.add("retry");
        }

        @Override
        public void terminate(CompletionStatus status) {
            told.add(status.name());
        }
    }

    private static PageTables stalling(SmmuHarness smmu) {
        PageTables tables = smmu.stage1Tables();
        smmu.stage1Stream(SID, 0, 0);
        smmu.cd(0, 1, tables.root(), STALL);
        return tables;
    }

    private Translation access(Waiting waiting, long iova, int access) {
        return smmu.smmu.translate(REQUESTER, iova, access, waiting);
    }

    private Waiting stalled(long iova) {
        Waiting waiting = new Waiting();
        assertThat(access(waiting, iova, Translation.WRITE))
                .isInstanceOf(Translation.Stalled.class);
        return waiting;
    }

    private int stag(SmmuHarness.EventRecord event) {
        assertThat(event.dw1() >>> 31 & 1).describedAs("STALL").isEqualTo(1);
        return (int) event.dw1() & 0xffff;
    }

    private void resume(int stag, int response) {
        smmu.submit(RESUME | (long) response << 12 | (long) SID << 32, stag, SYNC, 0);
        assertThat(smmu.isIdle()).isTrue();
    }

    @Test
    @DisplayName("§7.3.13: the record names the transaction; retried, it sees the new table")
    void aStalledWriteGoesOnAfterTheHandlerMappedThePage() {
        Waiting waiting = stalled(IOVA + 0x123);

        SmmuHarness.EventRecord event = smmu.event();
        assertThat(event.number()).isEqualTo(Event.F_TRANSLATION);
        assertThat(event.dw2()).isEqualTo(IOVA + 0x123);
        assertThat(event.dw1() >>> 35 & 1).describedAs("RnW").isZero();
        tables.map(IOVA, 0x5000, 12, READ_WRITE);
        assertThat(waiting.told).isEmpty();
        resume(stag(event), RETRY);

        assertThat(waiting.told).containsExactly("retry");
        assertThat(gpa(access(waiting, IOVA + 0x123, Translation.WRITE), IOVA + 0x123))
                .isEqualTo(0x5123);
        assertThat(smmu.hasEvent()).isFalse();
    }

    @Test
    @DisplayName("§3.12.2: all four faults stall, and are recorded whatever CD.R says")
    void permissionAndAccessFaultsStallToo() {
        smmu.store(CONTEXTS, SmmuHarness.cdWord0(1) & ~RECORD | STALL, tables.root());
        tables.map(IOVA, 0x5000, 12, Permissions.READ);
        stalled(IOVA);
        assertThat(smmu.event().number()).isEqualTo(Event.F_PERMISSION);
        tables.map(IOVA + 0x1000, 0x6000, 12, READ_WRITE);
        tables.setDescriptor(IOVA + 0x1000, tables.descriptor(IOVA + 0x1000) & ~(1L << 10));
        stalled(IOVA + 0x1000);
        assertThat(smmu.event().number()).isEqualTo(Event.F_ACCESS);
        tables.map(IOVA + 0x2000, 1L << 47, 12, READ_WRITE);
        smmu.store(
                CONTEXTS,
                SmmuHarness.cdWord0(1) & ~(7L << 32) | STALL, // IPS: 32 bits
                tables.root());
        smmu.invalidateAll();
        stalled(IOVA + 0x2000);
        assertThat(smmu.event().number()).isEqualTo(Event.F_ADDR_SIZE);
    }

    @Test
    @DisplayName("§4.6.1 CMD_RESUME: abort, RAZ/WI")
    void softwareMayTerminate() {
        Waiting aborted = stalled(IOVA);
        resume(stag(smmu.event()), TERMINATE_ABORT);
        assertThat(aborted.told).containsExactly("COMPLETER_ABORT");
        Waiting ignored = stalled(IOVA);
        resume(stag(smmu.event()), TERMINATE_RAZ_WI);
        assertThat(ignored.told).containsExactly("SUCCESSFUL");
    }

    @Test
    @DisplayName("§4.6.1: a STAG of another stream, or of nobody, changes nothing")
    void anUnknownStagIsIgnored() {
        Waiting waiting = stalled(IOVA);
        int stag = stag(smmu.event());
        smmu.submit(RESUME | 1 << 12 | (long) (SID + 1) << 32, stag, SYNC, 0);
        resume(stag + 1, RETRY);
        resume(0xffff, RETRY);
        assertThat(waiting.told).isEmpty();
        resume(stag, RETRY);
        resume(stag, RETRY);
        assertThat(waiting.told).containsExactly("retry");
    }

    @Test
    @DisplayName("§3.12.2: a repeated fault joins the first, and is tried again after it")
    void aSecondFaultOfThePageHasNoRecord() {
        Waiting first = stalled(IOVA);
        int stag = stag(smmu.event());
        Waiting second = stalled(IOVA + 8);
        assertThat(smmu.hasEvent()).isFalse();
        resume(stag, TERMINATE_ABORT);
        assertThat(first.told).containsExactly("COMPLETER_ABORT");
        assertThat(second.told).containsExactly("retry");
    }

    @Test
    @DisplayName("§4.6.2 CMD_STALL_TERM: a stream's all, no other's")
    void stallTermEndsAStream() {
        Waiting one = stalled(IOVA);
        Waiting two = stalled(IOVA + 0x1000);
        smmu.submit(STALL_TERM | (long) (SID + 1) << 32, 0, SYNC, 0);
        assertThat(one.told).isEmpty();
        smmu.submit(STALL_TERM | (long) SID << 32, 0, SYNC, 0);
        assertThat(one.told).containsExactly("COMPLETER_ABORT");
        assertThat(two.told).containsExactly("COMPLETER_ABORT");
    }

    @Test
    @DisplayName("§6.3.9: clearing SMMUEN terminates what is stalled before CR0ACK says so")
    void disablingTheSmmuEndsAll() {
        Waiting waiting = stalled(IOVA);
        smmu.control(0b1110);
        assertThat(smmu.read32(0x024)).isEqualTo(0b1110);
        assertThat(waiting.told).containsExactly("COMPLETER_ABORT");
    }

    @Test
    @DisplayName("§7.2: a stall record is not lost in a full queue, which does not overflow by it")
    void aFullEventQueueHoldsTheTransactionBack() {
        List<Waiting> recorded = new ArrayList<>();
        for (int i = 0; i < 1 << SmmuHarness.EVENTS_LOG2; i++) {
            recorded.add(stalled(IOVA + 0x1000L * i));
        }
        Waiting heldBack = stalled(IOVA + 0x10_0000);
        assertThat(smmu.read32(0x1_00a8) >>> 31).describedAs("OVFLG").isZero();
        assertThat(heldBack.told).isEmpty();

        smmu.event();
        smmu.loop.runUntilIdle();

        assertThat(heldBack.told).containsExactly("retry");
        assertThat(recorded).allSatisfy(waiting -> assertThat(waiting.told).isEmpty());
        stalled(IOVA + 0x10_0000);
        assertThat(smmu.read32(0x1_00a8) >>> 31).describedAs("OVFLG").isZero();
    }

    @Test
    @DisplayName("§7.2: with the queue off the transaction waits until it is on")
    void aDisabledEventQueueHoldsTheTransactionBack() {
        smmu.control(0b1011);
        Waiting waiting = stalled(IOVA);
        smmu.control(0b1111);
        assertThat(waiting.told).containsExactly("retry");
        stalled(IOVA);
        assertThat(smmu.hasEvent()).isTrue();
    }

    @Test
    @DisplayName("§6.3.6: never more than STALL_MAX records without an answer")
    void atMostStallMaxAreRecorded() {
        int max = (int) (smmu.read32(0x014) >>> 16);
        assertThat(max).isEqualTo(SmmuV3Options.STALL_MAX);
        int last = -1;
        for (int i = 0; i < max; i++) {
            stalled(IOVA + 0x1000L * i);
            last = stag(smmu.event());
        }
        Waiting one = stalled(IOVA + 0x1000_0000L);
        assertThat(smmu.hasEvent()).isFalse();
        resume(last, RETRY);
        assertThat(one.told).containsExactly("retry");
    }

    @Test
    @DisplayName("a requester that cannot wait is terminated, with a record that says STALL = 0")
    void aRequestThatCannotWaitIsTerminated() {
        assertAborted(smmu.write(IOVA));
        SmmuHarness.EventRecord event = smmu.event();
        assertThat(event.number()).isEqualTo(Event.F_TRANSLATION);
        assertThat(event.dw1() >>> 31 & 1).describedAs("STALL").isZero();
    }

    @Test
    @DisplayName("§5.5: S = 0, A = 0 is RAZ/WI; CD.R decides about the record")
    void aTerminatedFaultMayBeIgnored() {
        smmu.store(CONTEXTS, SmmuHarness.cdWord0(1) & ~ABORT, tables.root());
        assertThat(smmu.read(IOVA)).isInstanceOf(Translation.Ignored.class);
        assertThat(smmu.event().number()).isEqualTo(Event.F_TRANSLATION);
        smmu.store(CONTEXTS, SmmuHarness.cdWord0(1) & ~ABORT & ~RECORD, tables.root());
        smmu.invalidateAll();
        assertThat(smmu.read(IOVA)).isInstanceOf(Translation.Ignored.class);
        assertThat(smmu.hasEvent()).isFalse();
    }

    @Test
    @DisplayName("§5.2: S2S stalls stage-2 faults, those of a descriptor fetch too")
    void stage2FaultsStall() {
        PageTables stage2 = smmu.stage2Tables();
        smmu.stage2Stream(SID, 6, 3, stage2.root());
        long word2 = SmmuHarness.STREAM_TABLE + 64L * SID + 16;
        smmu.store(word2, smmu.load(word2) | 1L << 57);
        smmu.invalidateAll();
        Waiting waiting = stalled(IOVA);
        resume(stag(smmu.event()), RETRY);
        assertThat(waiting.told).containsExactly("retry");

        smmu.stage2Stream(SID, 7, 3, stage2.root());
        smmu.store(word2, smmu.load(word2) | 1L << 57);
        smmu.invalidateAll();
        stalled(IOVA);
        SmmuHarness.EventRecord event = smmu.event();
        assertThat(event.dw1() >>> 39 & 1).describedAs("S2").isEqualTo(1);
        assertThat(event.dw1() >>> 40 & 3).describedAs("CLASS: CD").isZero();
        stag(event);
    }

    @Test
    @DisplayName("§5.2: a stage-2 fault of a descriptor fetch is recorded only with S2R")
    void s2rDecidesAboutTheRecordOfADescriptorFetch() {
        PageTables stage2 = smmu.stage2Tables();
        smmu.stage2Stream(SID, 7, 3, stage2.root());
        assertAborted(smmu.read(IOVA));
        assertThat(smmu.event().number()).isEqualTo(Event.F_TRANSLATION);
        long word2 = SmmuHarness.STREAM_TABLE + 64L * SID + 16;
        smmu.store(word2, smmu.load(word2) & ~(1L << 58));
        smmu.invalidateAll();
        assertAborted(smmu.read(IOVA));
        assertThat(smmu.hasEvent()).isFalse();
    }

    @Test
    @DisplayName("§3.9.1: a Translation Request never stalls")
    void atsDoesNotStall() {
        smmu.smmu.requestTranslation(new AtsRequest(REQUESTER, IOVA, 1, 12, false, false));
        assertThat(smmu.hasEvent()).isFalse();
    }

    @Test
    @DisplayName("§6.3.1 STALL_MODEL = 1: the commands and bits of stalling are illegal")
    void withoutTheStallModelNothingStalls() {
        SmmuHarness terminating =
                new SmmuHarness(SmmuV3Options.builder().stall(false).build()).enabled();
        assertThat(terminating.read32(0) >>> 24 & 3).isEqualTo(1);
        assertThat(terminating.read32(0x014) >>> 16).describedAs("STALL_MAX").isZero();
        stalling(terminating);
        assertAborted(terminating.smmu.translate(REQUESTER, IOVA, Translation.READ, new Waiting()));
        assertThat(terminating.event().number()).isEqualTo(Event.C_BAD_CD);
        terminating.ste(SID, 1 | 5 << 1 | CONTEXTS, 1L << 27, 0, 0);
        terminating.invalidateAll();
        assertAborted(terminating.read(IOVA));
        assertThat(terminating.event().number()).describedAs("S1STALLD").isEqualTo(Event.C_BAD_STE);
        terminating.submit(RESUME, 0);
        assertThat(terminating.commandError()).isEqualTo(1);
    }

    @Test
    void substreamsStallEachForItself() {
        smmu.stage1Stream(SID, 2, 2);
        smmu.cd(1, 7, tables.root(), STALL);
        smmu.cd(2, 8, tables.root(), STALL);
        smmu.invalidateAll();
        Waiting one = new Waiting();
        Waiting two = new Waiting();
        smmu.smmu.translate(new Requester(SID, 1, false), IOVA, Translation.READ, one);
        smmu.smmu.translate(new Requester(SID, 2, false), IOVA, Translation.READ, two);
        SmmuHarness.EventRecord event = smmu.event();
        assertThat(event.dw0() >>> 12 & 0xf_ffff).describedAs("SubstreamID").isEqualTo(1);
        resume(stag(event), RETRY);
        assertThat(one.told).containsExactly("retry");
        assertThat(two.told).isEmpty();
    }
}
