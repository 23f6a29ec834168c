package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.NOWHERE;
import static nestor.vtd.VtdHarness.PASS_THROUGH;
import static nestor.vtd.VtdHarness.RID;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nestor.paging.Permissions;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEntry;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** VT-d §4.2: translation requests. */
class AtsTest {
    private static final int ALL = 0x3f;
    private static final int PASID = 0xf_fff1;
    private static final Requester USER = new Requester(RID, PASID, false);
    private static final long ACCESSED = 1 << 5;
    private static final long DIRTY = 1 << 6;

    private final VtdHarness vtd = new VtdHarness().scalable();
    private PageTables tables;

    @BeforeEach
    void bind() {
        tables = vtd.firstStageTables(4);
        vtd.store(VtdHarness.DIRECTORY + 8L * (PASID >>> 6), VtdHarness.PASIDS | 1);
        vtd.firstStage(PASID, DID, tables);
    }

    private static AtsRequest request(Requester requester, long address) {
        return new AtsRequest(requester, address, 1, 12, false, false);
    }

    private AtsEntry entry(AtsRequest request) {
        AtsCompletion completion = vtd.unit.requestTranslation(request);
        assertThat(completion).isInstanceOf(AtsCompletion.Entries.class);
        List<AtsEntry> entries = ((AtsCompletion.Entries) completion).entries();
        assertThat(entries).hasSize(1);
        return entries.getFirst();
    }

    private AtsEntry entry(long address) {
        return entry(request(USER, address));
    }

    private VtdHarness.Fault assertFailed(AtsRequest request, CompletionStatus status, int reason) {
        assertThat(vtd.unit.requestTranslation(request))
                .isEqualTo(new AtsCompletion.Failed(status));
        VtdHarness.Fault fault = vtd.fault();
        assertThat(fault.reason()).isEqualTo(reason);
        assertThat(fault.addressType()).isEqualTo(1);
        return fault;
    }

    @Test
    void pagesOfEachSizeAreAnswered() {
        tables.map(0x1000, 0x9000, 12, ALL);
        tables.map(0x20_0000, 0x4000_0000, 21, Permissions.READ);
        tables.map(0x8000_0000L, 0x4000_0000, 30, ALL);
        assertThat(entry(0x1000).value()).isEqualTo(0x9003);
        AtsEntry large = entry(0x3f_f000);
        assertThat(large.value()).isEqualTo(0x400F_F801L);
        assertThat(entry(0x8000_1000L).sizeLog2()).isEqualTo(30);
        assertThat(vtd.hasFault()).isFalse();
    }

    @Test
    @DisplayName("§4.2.2: what is not there is an answer, and no fault")
    void missingPagesAreAnsweredWithoutPermissions() {
        tables.map(0x1000, 0x9000, 12, Permissions.PRIVILEGED_READ);
        assertThat(entry(0x7000).access()).isZero();
        assertThat(entry(0x1000).access()).isZero();
        assertThat(vtd.hasFault()).isFalse();
    }

    @Test
    @DisplayName("§3.6.2: a granted write makes the page dirty, unless NW says there will be none")
    void theDirtyBitFollowsNoWrite() {
        tables.map(0x1000, 0x9000, 12, ALL);
        var noWrite = new AtsRequest(USER, 0x1000, 1, 12, true, false);
        assertThat(entry(noWrite).access()).isEqualTo(Translation.READ);
        assertThat(tables.descriptor(0x1000) & (ACCESSED | DIRTY)).isEqualTo(ACCESSED);
        assertThat(entry(0x1000).access()).isEqualTo(Translation.READ | Translation.WRITE);
        assertThat(tables.descriptor(0x1000) & DIRTY).isNotZero();
        assertThat(entry(noWrite).access())
                .describedAs("a dirty page can be written")
                .isEqualTo(Translation.READ | Translation.WRITE);
    }

    @Test
    void severalTranslationsAreAnsweredInOrder() {
        for (int page = 0; page < 4; page++) {
            tables.map(0x1000L * page, 0x9000 + 0x2000L * page, 12, ALL);
        }
        var request = new AtsRequest(USER, 0x1000, 4, 12, false, false);
        var entries = ((AtsCompletion.Entries) vtd.unit.requestTranslation(request)).entries();
        assertThat(entries.stream().map(AtsEntry::address))
                .containsExactly(0xb000L, 0xd000L, 0xf000L, 0L);
        tables.setDescriptor(0x3000, 0x8000_0000_0000_0000L | 1L << 50 | 7);
        entries = ((AtsCompletion.Entries) vtd.unit.requestTranslation(request)).entries();
        assertThat(entries).describedAs("up to the one that fails").hasSize(2);
        assertThat(vtd.hasFault()).isFalse();
    }

    @Test
    void privilegedRequestsWithoutSupervisorEnableGetNothing() {
        tables.map(0x1000, 0x9000, 12, ALL);
        AtsEntry entry = entry(request(new Requester(RID, PASID, true), 0x1000));
        assertThat(entry.access()).isZero();
        assertThat(AtsEntry.PRIVILEGED.isSet(entry.value())).isTrue();
        assertThat(vtd.hasFault()).isFalse();
    }

    @Test
    void privilegedAndExecuteRequestsAreAnsweredWhereTheyAreEnabled() {
        tables.map(0x1000, 0x9000, 12, Permissions.PRIVILEGED_READ);
        vtd.pasid(PASID, 1 | 1 << 6, DID, tables.root() | 0b11);
        var supervisor = new Requester(RID, PASID, true);
        AtsEntry entry = entry(new AtsRequest(supervisor, 0x1000, 1, 12, true, true));
        assertThat(entry.access()).isEqualTo(Translation.READ | Translation.EXECUTE);
        assertThat(AtsEntry.PRIVILEGED.isSet(entry.value())).isTrue();
    }

    @Test
    void executeIsNotGrantedUnasked() {
        tables.map(0x1000, 0x9000, 12, ALL);
        vtd.pasid(PASID, 1 | 1 << 6, DID, tables.root() | 0b10);
        assertThat(entry(0x1000).access() & Translation.EXECUTE).isZero();
    }

    @Test
    void pagesSmallerThanTheUnitAreNothing() {
        tables.map(0x1000, 0x9000, 12, ALL);
        AtsEntry entry = entry(new AtsRequest(USER, 0x1000, 1, 13, false, false));
        assertThat(entry.access()).isZero();
        assertThat(entry.sizeLog2()).isEqualTo(13);
    }

    @Test
    void structuresThatDoNotLetTheFunctionAskAreUnsupported() {
        var status = CompletionStatus.UNSUPPORTED_REQUEST;
        vtd.context(VtdHarness.DIRECTORY | 0b1_1001 | 7L << 9, 0);
        assertFailed(request(USER, 0x1000), status, 0x44);
        vtd.context(VtdHarness.DIRECTORY | 0b1_0101 | 7L << 9, 0);
        assertFailed(request(USER, 0x1000), status, 0x45);
        vtd.context(VtdHarness.DIRECTORY | 0b1_1101 | 7L << 9, 0);
        vtd.pasid(PASID, 0, 0, 0);
        var fault = assertFailed(request(USER, 0x1000), status, 0x59);
        assertThat(fault.pasid()).isEqualTo(PASID);
    }

    @Test
    void deviceTlbEnableIsHeededWhateverIsCached() {
        tables.map(0x1000, 0x9000, 12, ALL);
        vtd.context(VtdHarness.DIRECTORY | 0b1_1001 | 7L << 9, 0);
        VtdHarness.gpa(vtd.translate(USER, 0x1000, Translation.READ), 0x1000);
        assertFailed(request(USER, 0x1000), CompletionStatus.UNSUPPORTED_REQUEST, 0x44);
    }

    @Test
    void tablesThatAreWrongAreFaults() {
        assertFailed(request(USER, 1L << 50), CompletionStatus.UNSUPPORTED_REQUEST, 0x80);
        tables.map(0x1000, 0x9000, 12, ALL);
        tables.setDescriptor(0x1000, 1L << 50 | 7);
        assertFailed(request(USER, 0x1000), CompletionStatus.UNSUPPORTED_REQUEST, 0x72);
        vtd.pasid(PASID, 1 | 1 << 6, DID, NOWHERE);
        vtd.rootTable(1);
        assertFailed(request(USER, 0x1000), CompletionStatus.COMPLETER_ABORT, 0x73);
    }

    @Test
    @DisplayName("§3.14: the interrupt range")
    void theInterruptRangeIsNotTranslated() {
        tables.map(0x1000, 0xfee0_0000L, 12, ALL);
        assertFailed(request(USER, 0x1000), CompletionStatus.UNSUPPORTED_REQUEST, 0x87);
        vtd.pasid(0, 1 | PASS_THROUGH << 6, DID, 0);
        AtsEntry entry = entry(request(VtdHarness.REQUESTER, 0xfee0_0000L));
        assertThat(entry.access()).isZero();
        assertThat(vtd.fault().reason()).isEqualTo(0x87);
    }

    @Test
    void passThroughIsAnsweredWithTheIdentity() {
        vtd.pasid(0, 1 | PASS_THROUGH << 6, DID, 0);
        AtsEntry entry = entry(request(VtdHarness.REQUESTER, 0x1234_5000));
        assertThat(entry.access()).isEqualTo(Translation.READ | Translation.WRITE);
        assertThat(InterruptRange.overlaps(entry.address(), entry.sizeLog2())).isFalse();
        var beyond = request(VtdHarness.REQUESTER, 1L << 48);
        assertFailed(beyond, CompletionStatus.UNSUPPORTED_REQUEST, 0x83);
    }

    @Test
    void nestedPagesAreAnsweredInTheSmallerSize() {
        var second = vtd.secondStageTables(4);
        second.map(0, 0, 30, ALL);
        second.map(0x4000_0000, 0x9000, 12, Permissions.READ);
        tables.map(0x20_0000, 0x4000_0000, 21, ALL);
        vtd.nested(PASID, DID, tables, second);
        AtsEntry entry = entry(0x20_0000);
        assertThat(entry.value()).isEqualTo(0x9001);
        assertThat(entry(0x20_1000).access()).isZero();
        assertThat(vtd.hasFault()).isFalse();
    }

    @Test
    void legacyModeAnswersWithItsTranslationType() {
        var legacy = new VtdHarness().legacy();
        var second = legacy.secondStageTables(4);
        second.map(0x1000, 0x9000, 12, ALL);
        legacy.legacyContext(1, second, 4);
        var request = request(VtdHarness.REQUESTER, 0x1000);
        assertThat(legacy.unit.requestTranslation(request))
                .isEqualTo(new AtsCompletion.Entries(List.of(new AtsEntry(0x9003))));
        for (int type : new int[] {0, 2}) {
            legacy.legacyContext(type, second, 4);
            legacy.rootTable(0);
            assertThat(legacy.unit.requestTranslation(request))
                    .isEqualTo(new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST));
            assertThat(legacy.fault().reason()).isEqualTo(0x0d);
        }
    }

    @Test
    void withoutTranslationOrDeviceTlbsTheAnswerIsUnsupported() {
        var failed = new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST);
        vtd.off(VtdHarness.TE);
        assertThat(vtd.unit.requestTranslation(request(USER, 0x1000))).isEqualTo(failed);
        var plain = new VtdHarness(VtdOptions.defaults()).legacy();
        assertThat(plain.unit.requestTranslation(request(VtdHarness.REQUESTER, 0x1000)))
                .isEqualTo(failed);
        assertThat(plain.hasFault()).isFalse();
    }
}
