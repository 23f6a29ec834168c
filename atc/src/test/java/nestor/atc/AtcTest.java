package nestor.atc;

import static java.util.Objects.requireNonNull;
import static nestor.atc.ScriptedPort.RW;
import static nestor.atc.ScriptedPort.pasid;
import static nestor.atc.ScriptedPort.privileged;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEntry;
import nestor.pci.CompletionStatus;
import nestor.pci.InvalidateRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a completion leaves in the cache, and what takes it out again. */
class AtcTest {
    private static final long READ = AtsEntry.READ.mask();
    private static final long WRITE = AtsEntry.WRITE.mask();
    private static final long GLOBAL = AtsEntry.GLOBAL.mask();
    private static final Requester NO_PASID = Requester.withoutPasid(ScriptedPort.RID);
    private static final int R = Translation.READ;
    private static final int W = Translation.WRITE;

    private final ScriptedPort port = new ScriptedPort();
    private final List<String> done = new ArrayList<>();
    private Atc atc = Atc.on(port, AtcOptions.setAssociative(64, 4));

    @BeforeEach
    void startPasids() {
        start(5, 6);
    }

    private void start(int... pasids) {
        for (int pasid : pasids) {
            atc.start(pasid);
        }
    }

    private void rebuild(AtcOptions options) {
        atc.close();
        atc = Atc.on(port, options);
        start(5, 6);
    }

    private boolean hits(Requester requester, long iova, int access) {
        return atc.lookup(requester, iova, access) != null;
    }

    private void fill(Requester requester, long iova, int access) {
        assertThat(atc.request(requester, iova, 1, access))
                .isInstanceOf(AtsCompletion.Entries.class);
    }

    private void mapAndFill(Requester requester, long iova, int sizeLog2, long target) {
        port.map(requester, iova, sizeLog2, target);
        fill(requester, iova, RW);
    }

    @Test
    @DisplayName("PCIe §10.2.3: a completion's entries are cached one after the other")
    void everyEntryOfACompletionIsCached() {
        port.map(pasid(5), 0x1000, 12, 0xa000);
        port.map(pasid(5), 0x2000, 13, 0xc000);
        port.map(pasid(5), 0x4000, 12, 0xf000, READ);

        var completion = (AtsCompletion.Entries) atc.request(pasid(5), 0x1800, 0x3000, R);

        assertThat(completion.entries()).hasSize(3);
        assertThat(requireNonNull(atc.lookup(pasid(5), 0x1fff, R)).translate(0x1fff))
                .isEqualTo(0xafff);
        assertThat(requireNonNull(atc.lookup(pasid(5), 0x3abc, RW)).translate(0x3abc))
                .isEqualTo(0xdabc);
        assertThat(requireNonNull(atc.lookup(pasid(5), 0x4000, R)).translate(0x4000))
                .isEqualTo(0xf000);
        assertThat(hits(pasid(5), 0x5000, R)).isFalse();
        assertThat(port.asked).containsExactly(new ScriptedPort.Asked(pasid(5), 0x1000, 0x3800, R));
    }

    @Test
    @DisplayName("PCIe §10.5.1.1: requests are whole Smallest Translation Units; smaller is void")
    void requestsAndEntriesKeepToTheSmallestTranslationUnit() {
        port.smallestUnitLog2 = 16;
        port.map(pasid(5), 0x1_0000, 16, 0x5_0000);

        fill(pasid(5), 0x1_2345, R);

        assertThat(port.asked.getFirst().iova()).isEqualTo(0x1_0000);
        assertThat(port.asked.getFirst().bytes()).isEqualTo(0x2346);
        assertThat(hits(pasid(5), 0x1_ffff, R)).isTrue();

        port.map(pasid(5), 0x2_0000, 12, 0x9000);
        fill(pasid(5), 0x2_0000, R);
        assertThat(hits(pasid(5), 0x2_0000, R)).isFalse();
    }

    @Test
    void aRequestAtTheEndOfTheAddressSpaceStaysInIt() {
        port.map(pasid(5), -4096, 12, 0x1000);

        atc.request(pasid(5), -1, Long.MAX_VALUE, R);

        assertThat(port.asked.getFirst().bytes()).isEqualTo(4096);
        assertThat(hits(pasid(5), -1, R)).isTrue();
        assertThat(hits(pasid(5), 0, R)).isFalse();
        assertThatThrownBy(() -> atc.request(pasid(5), 0, 0, R))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void theWholeAddressSpaceMayBeOneTranslation() {
        long everything = 0x7fff_ffff_ffff_f800L | READ;
        var entry = new AtcEntry(5, false, 0, 64, new AtsEntry(everything));
        assertThat(atc.update(entry, atc.epoch())).isTrue();

        assertThat(requireNonNull(atc.lookup(pasid(5), -1, R)).translate(-1)).isEqualTo(-1);
        assertThat(requireNonNull(atc.lookup(pasid(5), 0, R)).bytesFrom(0))
                .isEqualTo(Long.MAX_VALUE);
        port.invalidate(5, 0x1000, 12, () -> {});
        assertThat(hits(pasid(5), -1, R)).isFalse();
    }

    @Test
    @DisplayName("capacity: k entries fit, the next one takes the place of the least recently used")
    void theLeastRecentlyUsedEntryMakesRoom() {
        rebuild(AtcOptions.fullyAssociative(4));
        for (int page = 0; page < 4; page++) {
            mapAndFill(pasid(5), page * 0x1000L, 12, 0x1_0000 + page * 0x1000L);
        }
        assertThat(hits(pasid(5), 0, R)).isTrue();

        mapAndFill(pasid(5), 0x4000, 12, 0x2_0000);

        assertThat(hits(pasid(5), 0x1000, R)).isFalse();
        for (long page : new long[] {0, 0x2000, 0x3000, 0x4000}) {
            assertThat(hits(pasid(5), page, R)).isTrue();
        }
        assertThat(requireNonNull(atc.lookup(pasid(5), 0x4000, R)).translate(0x4000))
                .isEqualTo(0x2_0000);
        assertThat(atc.statistics().evictions()).isEqualTo(1);
    }

    @Test
    void aCacheOfOneHoldsTheLatest() {
        rebuild(AtcOptions.fullyAssociative(1));
        mapAndFill(pasid(5), 0x1000, 12, 0xa000);
        mapAndFill(pasid(6), 0x1000, 12, 0xb000);

        assertThat(hits(pasid(5), 0x1000, R)).isFalse();
        assertThat(requireNonNull(atc.lookup(pasid(6), 0x1000, R)).translate(0x1000))
                .isEqualTo(0xb000);
    }

    @Test
    void theFirstPageOfALongCompletionSurvivesInASmallCache() {
        rebuild(AtcOptions.fullyAssociative(2));
        for (int page = 0; page < 8; page++) {
            port.map(pasid(5), page * 0x1000L, 12, page * 0x1000L);
        }

        atc.request(pasid(5), 0, 0x8000, R);

        assertThat(hits(pasid(5), 0, R)).isTrue();
        assertThat(hits(pasid(5), 0x1000, R)).isTrue();
        assertThat(hits(pasid(5), 0x2000, R)).isFalse();
    }

    @Test
    @DisplayName("capacity 0: ATS without caching")
    void aCacheOfNoneNeverHits() {
        rebuild(AtcOptions.fullyAssociative(0));
        mapAndFill(pasid(5), 0x1000, 12, 0xa000);

        assertThat(hits(pasid(5), 0x1000, R)).isFalse();
        port.invalidate(5, 0x1000, 12, () -> done.add("complete"));
        assertThat(done).containsExactly("complete");
    }

    @ParameterizedTest
    @DisplayName("PCIe §10.2.3.2: every S size, first and last byte hit, those beside them miss")
    @ValueSource(
            ints = {
                12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 34, 39,
                48, 62
            })
    void everySizeHitsFromItsFirstToItsLastByte(int sizeLog2) {
        long size = 1L << sizeLog2;
        long base = sizeLog2 > 55 ? size : 0x40L << sizeLog2;
        mapAndFill(pasid(5), base, sizeLog2, 0);

        assertThat(hits(pasid(5), base - 1, R)).isFalse();
        assertThat(requireNonNull(atc.lookup(pasid(5), base, R)).bytesFrom(base)).isEqualTo(size);
        assertThat(
                        requireNonNull(atc.lookup(pasid(5), base + size - 1, R))
                                .bytesFrom(base + size - 1))
                .isEqualTo(1);
        assertThat(hits(pasid(5), base + size, R)).isFalse();
    }

    @Test
    void aSizeWithoutAClassIsCachedInPart() {
        rebuild(AtcOptions.setAssociative(64, 4).withPageSizesOf(new AtcGeometry(4096, 48)));
        mapAndFill(pasid(5), 0x10_0000, 16, 0x70_0000);
        assertThat(hits(pasid(5), 0x10_0fff, R)).isTrue();
        assertThat(hits(pasid(5), 0x10_1000, R)).isFalse();

        fill(pasid(5), 0x10_5432, R);
        assertThat(requireNonNull(atc.lookup(pasid(5), 0x10_5432, R)).translate(0x10_5432))
                .isEqualTo(0x70_5432);
        assertThat(hits(pasid(5), 0x10_0000, R)).isFalse(); // replaced by the latest news

        rebuild(AtcOptions.setAssociative(64, 4).withPageSizesOf(new AtcGeometry(16384, 47)));
        mapAndFill(pasid(5), 0x1000, 12, 0x3000);
        assertThat(hits(pasid(5), 0x1000, R)).isFalse();
    }

    @Test
    @DisplayName("PCIe §10.2.3.5: a Global entry serves every PASID; Global Invalidate removes it")
    void aGlobalEntryServesEveryPasid() {
        port.map(pasid(5), 0x1000, 12, 0xa000, READ | GLOBAL);
        fill(pasid(5), 0x1000, R);
        assertThat(hits(pasid(5), 0x1000, R)).isTrue();
        assertThat(hits(pasid(6), 0x1000, R)).isTrue();
        assertThat(hits(NO_PASID, 0x1000, R)).isFalse();
        assertThat(hits(privileged(6), 0x1000, R)).isFalse();

        port.invalidate(new InvalidateRequest(ScriptedPort.RID, 7, 0, true, 0x1000, 12), () -> {});
        assertThat(hits(pasid(5), 0x1000, R)).isFalse();
        assertThat(hits(pasid(6), 0x1000, R)).isFalse();

        fill(pasid(5), 0x1000, R);
        port.invalidate(6, 0x1000, 12, () -> {});
        assertThat(hits(pasid(5), 0x1000, R)).isFalse();
        assertThat(hits(pasid(6), 0x1000, R)).isFalse();
    }

    @Test
    void globalSaysNothingWithoutAPasid() {
        port.map(NO_PASID, 0x1000, 12, 0xa000, READ | GLOBAL);
        fill(NO_PASID, 0x1000, R);

        assertThat(hits(NO_PASID, 0x1000, R)).isTrue();
        assertThat(hits(pasid(5), 0x1000, R)).isFalse();
    }

    @Test
    void globalInvalidateIsIgnoredWhereItIsNotAdvertised() {
        rebuild(AtcOptions.setAssociative(64, 4).withoutGlobalInvalidate());
        mapAndFill(pasid(5), 0x1000, 12, 0xa000);
        mapAndFill(pasid(6), 0x1000, 12, 0xb000);

        port.invalidate(new InvalidateRequest(ScriptedPort.RID, 5, 0, true, 0x1000, 12), () -> {});

        assertThat(hits(pasid(5), 0x1000, R)).isFalse();
        assertThat(hits(pasid(6), 0x1000, R)).isTrue();
    }

    @Test
    @DisplayName("PCIe §10.3: without PASID every space; PASID 0 is not the space without PASID")
    void pasidZeroIsNotTheSpaceWithoutPasid() {
        start(0);
        mapAndFill(pasid(0), 0x1000, 12, 0xa000);
        mapAndFill(NO_PASID, 0x1000, 12, 0xb000);
        assertThat(requireNonNull(atc.lookup(pasid(0), 0x1000, R)).translate(0x1000))
                .isEqualTo(0xa000);
        assertThat(requireNonNull(atc.lookup(NO_PASID, 0x1000, R)).translate(0x1000))
                .isEqualTo(0xb000);

        port.invalidate(0, 0x1000, 12, () -> {});
        assertThat(hits(pasid(0), 0x1000, R)).isFalse();
        assertThat(hits(NO_PASID, 0x1000, R)).isTrue();

        fill(pasid(0), 0x1000, R);
        port.invalidate(Requester.NO_PASID, 0x1000, 12, () -> {});
        assertThat(hits(pasid(0), 0x1000, R)).isFalse();
        assertThat(hits(NO_PASID, 0x1000, R)).isFalse();
    }

    @Test
    @DisplayName(
            "PCIe §10.2.3.6: a privileged entry serves privileged accesses only, and vice versa")
    void modesDoNotServeEachOther() {
        mapAndFill(privileged(5), 0x1000, 12, 0xa000);
        assertThat(hits(privileged(5), 0x1000, R)).isTrue();
        assertThat(hits(pasid(5), 0x1000, R)).isFalse();

        mapAndFill(pasid(5), 0x1000, 12, 0xb000);
        assertThat(requireNonNull(atc.lookup(privileged(5), 0x1000, R)).translate(0x1000))
                .isEqualTo(0xa000);
        assertThat(requireNonNull(atc.lookup(pasid(5), 0x1000, R)).translate(0x1000))
                .isEqualTo(0xb000);

        port.invalidate(5, 0x1000, 12, () -> {});
        assertThat(hits(privileged(5), 0x1000, R)).isFalse();
        assertThat(hits(pasid(5), 0x1000, R)).isFalse();
    }

    @Test
    void anAnswerForAnotherModeIsNotCached() {
        long forUsers = AtsEntry.of(0xa000, 12, READ).value();
        var entry = new AtcEntry(5, true, 0x1000, 12, new AtsEntry(forUsers));

        assertThat(atc.update(entry, atc.epoch())).isFalse();
        assertThat(hits(privileged(5), 0x1000, R)).isFalse();
    }

    @Test
    @DisplayName("permission upgrade: a read-only entry misses a write, the new answer replaces it")
    void aWriteToAReadOnlyEntryIsAPermissionMiss() {
        port.map(pasid(5), 0x1000, 12, 0xa000, READ);
        fill(pasid(5), 0x1000, R);
        assertThat(hits(pasid(5), 0x1000, W)).isFalse();
        assertThat(atc.statistics().permissionMisses()).isEqualTo(1);

        mapAndFill(pasid(5), 0x1000, 12, 0xb000);

        assertThat(requireNonNull(atc.lookup(pasid(5), 0x1000, W)).translate(0x1000))
                .isEqualTo(0xb000);
        assertThat(requireNonNull(atc.lookup(pasid(5), 0x1000, R)).translate(0x1000))
                .isEqualTo(0xb000);
    }

    @Test
    @DisplayName("PCIe §10.2.2: NW for read intents; a W that comes all the same may be used")
    void aReadIntentSaysNoWriteAndMayUseTheWriteItGets() {
        port.map(pasid(5), 0x1000, 12, 0xa000);
        fill(pasid(5), 0x1000, R);

        assertThat(port.asked.getFirst().access() & W).isZero();
        assertThat(hits(pasid(5), 0x1000, W)).isTrue();
    }

    @Test
    void writeWithoutReadIsAPermission() {
        port.map(pasid(5), 0x1000, 12, 0xa000, WRITE);
        fill(pasid(5), 0x1000, W);

        assertThat(hits(pasid(5), 0x1000, W)).isTrue();
        assertThat(hits(pasid(5), 0x1000, R)).isFalse();
        assertThat(hits(pasid(5), 0x1000, Translation.EXECUTE)).isFalse();
    }

    @Test
    @DisplayName("PCIe §10.2.3: R = W = 0 is no permission, and replaces what was known")
    void noAccessIsNeverAPermission() {
        mapAndFill(pasid(5), 0x1000, 12, 0xa000);
        port.unmap(pasid(5), 0x1000, 12);

        fill(pasid(5), 0x1000, R);

        assertThat(hits(pasid(5), 0x1000, 0)).isFalse();
        assertThat(hits(pasid(5), 0x1000, R)).isFalse();
    }

    @Test
    @DisplayName("PCIe §10.2.3.3: U is remembered as a fact about the range")
    void untranslatedOnlyIsRemembered() {
        port.map(pasid(5), 0x1000, 12, 0, READ | AtsEntry.UNTRANSLATED_ONLY.mask());
        fill(pasid(5), 0x1000, R);

        assertThat(requireNonNull(atc.lookup(pasid(5), 0x1000, R)).untranslatedOnly()).isTrue();
    }

    @Test
    @DisplayName("overlap: 2 MiB replaces 512 pages, and a page replaces 2 MiB")
    void newsReplacesWhatItOverlaps() {
        rebuild(AtcOptions.setAssociative(1024, 4));
        for (int page = 0; page < 512; page++) {
            port.map(pasid(5), 0x20_0000 + page * 0x1000L, 12, page * 0x2000L);
        }
        port.map(pasid(6), 0x20_0000, 12, 0xb000);
        atc.request(pasid(5), 0x20_0000, 0x20_0000, R);
        fill(pasid(6), 0x20_0000, R);
        assertThat(requireNonNull(atc.lookup(pasid(5), 0x3f_f000, R)).sizeLog2()).isEqualTo(12);

        mapAndFill(pasid(5), 0x20_0000, 21, 0x4000_0000);
        for (long iova = 0x20_0000; iova < 0x40_0000; iova += 0x1000) {
            assertThat(requireNonNull(atc.lookup(pasid(5), iova, R)).sizeLog2()).isEqualTo(21);
        }
        assertThat(hits(pasid(6), 0x20_0000, R)).isTrue();

        mapAndFill(pasid(5), 0x30_0000, 12, 0x9000);
        assertThat(requireNonNull(atc.lookup(pasid(5), 0x30_0000, R)).translate(0x30_0000))
                .isEqualTo(0x9000);
        assertThat(hits(pasid(5), 0x20_0000, R)).isFalse();
        assertThat(hits(pasid(5), 0x30_1000, R)).isFalse();
    }

    @Test
    @DisplayName("PCIe §10.2.3: UR and CA cache nothing and are handed back")
    void aFailedRequestIsHandedBack() {
        port.translationFailure = CompletionStatus.COMPLETER_ABORT;
        assertThat(atc.request(pasid(5), 0x1000, 1, R))
                .isEqualTo(new AtsCompletion.Failed(CompletionStatus.COMPLETER_ABORT));
        port.translationFailure = CompletionStatus.UNSUPPORTED_REQUEST;
        assertThat(atc.request(pasid(5), 0x1000, 1, R))
                .isEqualTo(new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST));
        assertThat(hits(pasid(5), 0x1000, R)).isFalse();
    }

    @Test
    void statisticsCountWhatHappened() {
        port.map(pasid(5), 0x1000, 12, 0xa000, READ);
        hits(pasid(5), 0x1000, R);
        fill(pasid(5), 0x1000, R);
        hits(pasid(5), 0x1000, R);
        hits(pasid(5), 0x1000, W);
        port.invalidate(5, 0x1000, 12, () -> {});
        port.invalidate(5, 0, 64, () -> {});
        port.invalidate(Requester.NO_PASID, 0x1000, 12, () -> {});
        port.invalidate(Requester.NO_PASID, 0, 64, () -> {});

        assertThat(atc.statistics()).isEqualTo(new AtcStatistics(1, 1, 1, 1, 0, 0, 1, 1, 1, 1));
    }

    @Test
    void aClosedCacheIsEmptyAndHearsNothing() {
        mapAndFill(pasid(5), 0x1000, 12, 0xa000);

        atc.close();

        assertThat(hits(pasid(5), 0x1000, R)).isFalse();
        port.invalidate(5, 0x1000, 12, () -> done.add("complete"));
        assertThat(done).isEmpty();
    }
}
