package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.REQUESTER;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.assertAborted;
import static nestor.smmuv3.SmmuHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nestor.paging.AccessTracking;
import nestor.paging.Permissions;
import nestor.pci.AddressType;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEntry;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.smmuv3.event.Event;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Translation requests and translated transactions (IHI 0070, §3.9). */
class AtsTest {
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;
    private static final long IOVA = 0x7000_0000L;
    private static final int ATSCHK = 1 << 4;

    private final SmmuHarness smmu = new SmmuHarness().enabled();

    private AtsCompletion request(Requester requester, long iova, int count, boolean noWrite) {
        return smmu.smmu.requestTranslation(
                new AtsRequest(requester, iova, count, 12, noWrite, false));
    }

    private List<AtsEntry> entries(long iova, int count, boolean noWrite) {
        return ((AtsCompletion.Entries) request(REQUESTER, iova, count, noWrite)).entries();
    }

    private void assertFailed(AtsCompletion completion, CompletionStatus status) {
        assertThat(completion).isEqualTo(new AtsCompletion.Failed(status));
    }

    private PageTables stage1() {
        PageTables tables = smmu.stage1Tables();
        smmu.stage1Stream(SID, 0, 0);
        smmu.cd(0, 1, tables.root(), 0);
        return tables;
    }

    private Translation translated(long address, int access) {
        return smmu.smmu.translate(REQUESTER, AddressType.TRANSLATED, address, access);
    }

    @Test
    @DisplayName("§3.9.1: SMMUEN = 0 and EATS = 0 are UR, with F_BAD_ATS_TREQ")
    void withoutAtsTheAnswerIsUr() {
        smmu.ste(SID, 1 | 4 << 1, 0, 0, 0);
        assertFailed(request(REQUESTER, IOVA, 1, false), CompletionStatus.UNSUPPORTED_REQUEST);
        SmmuHarness.EventRecord event = smmu.event();
        assertThat(event.number()).isEqualTo(Event.F_BAD_ATS_TREQ);
        assertThat(event.dw2()).isEqualTo(IOVA);
    }

    @Test
    @DisplayName("§3.9.1: an aborting stream is UR, a configuration error CA, both without event")
    void errorsAreAnsweredAndNotRecorded() {
        smmu.ste(SID, 1, 0, 0, 0);
        assertFailed(request(REQUESTER, IOVA, 1, false), CompletionStatus.UNSUPPORTED_REQUEST);
        smmu.ste(SID, 0, 0, 0, 0);
        smmu.invalidateAll();
        assertFailed(request(REQUESTER, IOVA, 1, false), CompletionStatus.COMPLETER_ABORT);
        smmu.stage1Stream(SID, 0, 0);
        assertFailed(request(REQUESTER, IOVA, 1, false), CompletionStatus.COMPLETER_ABORT);
        smmu.store(CONTEXTS, SmmuHarness.cdWord0(1), 1L << 40);
        assertFailed(request(REQUESTER, IOVA, 1, false), CompletionStatus.COMPLETER_ABORT);
        assertThat(smmu.hasEvent()).isFalse();
    }

    @Test
    @DisplayName("§3.9.1: a page fault is a success without permissions, one STU large")
    void anUnmappedPageIsNoAccess() {
        stage1();
        assertThat(entries(IOVA, 1, false)).containsExactly(AtsEntry.of(0, 12, 0));
        assertThat(smmu.hasEvent()).isFalse();
    }

    @Test
    void permissionsAreWhatIsGranted() {
        PageTables tables = stage1();
        tables.map(IOVA, 0x5000, 12, READ_WRITE);
        tables.map(IOVA + 0x1000, 0x6000, 12, Permissions.READ);
        tables.map(IOVA + 0x20_0000, 0x80_0000, 21, READ_WRITE);
        long readWrite = AtsEntry.READ.mask() | AtsEntry.WRITE.mask();
        assertThat(entries(IOVA, 2, false))
                .containsExactly(
                        AtsEntry.of(0x5000, 12, readWrite),
                        AtsEntry.of(0x6000, 12, AtsEntry.READ.mask()));
        assertThat(entries(IOVA + 0x20_3000, 8, false))
                .containsExactly(AtsEntry.of(0x80_0000, 21, readWrite));
    }

    @Test
    @DisplayName("§3.13: NW leaves a clean page clean; without it the page becomes dirty")
    void noWriteDecidesAboutDirtyState() {
        PageTables tables = smmu.stage1Tables(AccessTracking.HARDWARE_DIRTY);
        smmu.stage1Stream(SID, 0, 0);
        smmu.cd(0, 1, tables.root(), 3L << 42);
        tables.map(IOVA, 0x5000, 12, Permissions.READ, 1L << 51);
        assertThat(entries(IOVA, 1, true).getFirst().access()).isEqualTo(Translation.READ);
        assertThat(tables.descriptor(IOVA) >>> 7 & 1).describedAs("clean").isEqualTo(1);
        assertThat(entries(IOVA, 1, false).getFirst().access())
                .isEqualTo(Translation.READ | Translation.WRITE);
        assertThat(tables.descriptor(IOVA) >>> 7 & 1).describedAs("dirty").isZero();
    }

    @Test
    @DisplayName("§3.9.1.2: translated transactions: SMMUEN = 0 forbidden, ATSCHK = 0 unchecked")
    void translatedTransactionsAreCheckedIfAsked() {
        smmu.ste(SID, 1 | 4 << 1, 0, 0, 0);
        assertThat(gpa(translated(0x1234, Translation.READ), 0x1234)).isEqualTo(0x1234);
        smmu.control(0b1111 | ATSCHK);
        assertAborted(translated(0x1234, Translation.WRITE));
        assertThat(smmu.event().number()).isEqualTo(Event.F_TRANSL_FORBIDDEN);
        stage1();
        smmu.invalidateAll();
        assertThat(gpa(translated(0x1234, Translation.WRITE), 0x1234)).isEqualTo(0x1234);
        smmu.ste(SID, 1, 0, 0, 0);
        smmu.invalidateAll();
        assertAborted(translated(0x1234, Translation.READ));
        assertThat(smmu.hasEvent()).describedAs("an aborting stream is silent").isFalse();
        smmu.control(0b1110);
        assertAborted(translated(0x1234, Translation.READ));
        assertThat(smmu.event().number()).isEqualTo(Event.F_TRANSL_FORBIDDEN);
    }

    @Test
    @DisplayName("§3.9.1.3: split-stage ATS answers IPAs, which then pass stage 2")
    void splitStageAtsLeavesStage2ToTheTransaction() {
        PageTables stage2 = smmu.stage2Tables();
        for (long block = 0; block < SmmuHarness.MEMORY_BYTES / 2; block += 2 << 20) {
            stage2.map(block, block, 21, READ_WRITE);
        }
        stage2.map(0x1_0000_0000L, 0x5000, 12, READ_WRITE);
        PageTables stage1 = smmu.stage1Tables();
        stage1.map(IOVA, 0x1_0000_0000L, 12, READ_WRITE);
        smmu.stage2Stream(SID, 7, 3, stage2.root());
        smmu.store(SmmuHarness.STREAM_TABLE + 64 * SID + 8, 2L << 28);
        smmu.cd(0, 1, stage1.root(), 0);

        assertFailed(request(REQUESTER, IOVA, 1, false), CompletionStatus.UNSUPPORTED_REQUEST);
        smmu.event();
        smmu.control(0b1111 | ATSCHK);
        AtsEntry entry = entries(IOVA, 1, false).getFirst();
        assertThat(entry.address()).isEqualTo(0x1_0000_0000L);
        assertThat(gpa(translated(entry.address() + 4, Translation.WRITE), entry.address() + 4))
                .isEqualTo(0x5004);
        stage2.unmap(0x1_0000_0000L);
        assertAborted(translated(0x1_0000_0000L, Translation.READ));
        assertThat(smmu.event().number()).isEqualTo(Event.F_TRANSLATION);
    }

    @Test
    @DisplayName("§3.9.1.3: with stage 1 bypassed by S1DSS, the IPA is the address itself")
    void splitStageAtsOfABypassedStage1AnswersTheAddress() {
        PageTables stage2 = smmu.stage2Tables();
        stage2.map(IOVA, 0x5000, 12, READ_WRITE);
        smmu.stage2Stream(SID, 7, 3, stage2.root());
        long dw0 = smmu.load(SmmuHarness.STREAM_TABLE + 64 * SID);
        smmu.store(SmmuHarness.STREAM_TABLE + 64 * SID, dw0 | 4L << 59, 1 | 2L << 28);
        smmu.control(0b1111 | ATSCHK);

        AtsEntry entry = entries(IOVA, 1, false).getFirst();
        assertThat(entry.address()).isEqualTo(IOVA);
        assertThat(gpa(translated(IOVA + 4, Translation.WRITE), IOVA + 4)).isEqualTo(0x5004);
    }
}
