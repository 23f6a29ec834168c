package nestor.atc;

import static java.util.Objects.requireNonNull;
import static nestor.atc.ScriptedPort.RW;
import static nestor.atc.ScriptedPort.pasid;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import nestor.pci.AtsEntry;
import nestor.pci.InvalidateRequest;
import nestor.pci.Requester;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** When an invalidation completes, what it overtakes, what it costs (PCIe Base §10.3). */
class AtcInvalidationTest {
    private final ScriptedPort port = new ScriptedPort();
    private final Atc atc = Atc.on(port, AtcOptions.setAssociative(4096, 4));
    private final List<Integer> completed = new ArrayList<>();

    @BeforeEach
    void mapAPage() {
        atc.start(5);
        atc.start(6);
        port.map(pasid(5), 0x1000, 12, 0xa000);
    }

    private boolean hits(int pasid, long iova) {
        return atc.lookup(pasid(pasid), iova, RW) != null;
    }

    private void fill(int pasid, long iova) {
        atc.request(pasid(pasid), iova, 1, RW);
    }

    private void invalidate(int pasid, long iova, int sizeLog2) {
        port.invalidate(pasid, iova, sizeLog2, () -> completed.add(0));
    }

    @Test
    @DisplayName("§10.3.3: an invalidation without a matching entry completes")
    void aMissCompletesToo() {
        invalidate(5, 0x9000, 12);
        invalidate(77, 0x9000, 12);

        assertThat(completed).hasSize(2);
    }

    @Test
    @DisplayName("§10.3.3: no new use at once, completion when the accesses in progress are done")
    void completionWaitsForAccessesInProgress() {
        fill(5, 0x1000);
        long ticket = atc.enter();
        assertThat(hits(5, 0x1000)).isTrue();

        invalidate(5, 0x1000, 12);

        assertThat(hits(5, 0x1000)).isFalse();
        assertThat(completed).isEmpty();
        long later = atc.enter();
        atc.exit(ticket);
        assertThat(completed).hasSize(1);
        atc.exit(later);
        assertThat(completed).hasSize(1);
    }

    @Test
    @DisplayName("§10.3.3: an in-flight completion that an invalidation overtook is not cached")
    void anOvertakenCompletionIsNotCached() {
        port.underWay =
                () -> {
                    port.underWay = () -> {};
                    port.map(pasid(5), 0x1000, 12, 0xb000);
                    invalidate(5, 0x1000, 12);
                };

        fill(5, 0x1000);

        assertThat(hits(5, 0x1000)).isFalse();
        assertThat(completed).hasSize(1); // §10.3.3: not behind the translation request
        assertThat(atc.statistics().staleDrops()).isEqualTo(1);
        fill(5, 0x1000);
        assertThat(requireNonNull(atc.lookup(pasid(5), 0x1000, RW)).translate(0x1000))
                .isEqualTo(0xb000);
        assertThat(completed).hasSize(1);
    }

    @Test
    @DisplayName("§10.3.3: what counts is the range of the completion, not of the request")
    void aSuperpageIsOvertakenByTheInvalidationOfAnotherOfItsPages() {
        port.map(pasid(5), 0x20_0000, 21, 0x4000_0000);
        port.underWay = () -> invalidate(5, 0x3f_f000, 12);

        fill(5, 0x20_0000);

        assertThat(hits(5, 0x20_0000)).isFalse();
    }

    @Test
    void anInvalidationElsewhereOvertakesNothing() {
        port.underWay =
                () -> {
                    invalidate(5, 0x2000, 12);
                    invalidate(6, 0x1000, 12);
                };

        fill(5, 0x1000);

        assertThat(hits(5, 0x1000)).isTrue();
        assertThat(atc.statistics().staleDrops()).isZero();
    }

    @Test
    void moreInvalidationsThanAreRememberedOvertakeEverything() {
        port.underWay = () -> IntStream.range(0, 64).forEach(_ -> invalidate(6, 0x9000, 12));
        fill(5, 0x1000);
        assertThat(hits(5, 0x1000)).isTrue();

        invalidate(5, 0x1000, 12);
        port.underWay = () -> IntStream.range(0, 65).forEach(_ -> invalidate(6, 0x9000, 12));
        fill(5, 0x1000);
        assertThat(hits(5, 0x1000)).isFalse();
    }

    @Test
    @DisplayName("§10.3: without PASID, an invalidation overtakes completions of every PASID")
    void anInvalidationWithoutPasidOvertakesEverySpace() {
        port.underWay = () -> invalidate(Requester.NO_PASID, 0x1000, 12);

        fill(5, 0x1000);

        assertThat(hits(5, 0x1000)).isFalse();
    }

    @Test
    void aGlobalCompletionIsOvertakenByAnyPasidsInvalidation() {
        port.map(pasid(5), 0x1000, 12, 0xa000, AtsEntry.READ.mask() | AtsEntry.GLOBAL.mask());
        port.underWay = () -> invalidate(6, 0x1000, 12);

        fill(5, 0x1000);

        assertThat(hits(5, 0x1000)).isFalse();
        assertThat(hits(6, 0x1000)).isFalse();
    }

    @Test
    @DisplayName("§10.3.2: 32 ITags at once, each completed exactly once")
    void allItagsMayBeOutstanding() {
        fill(5, 0x1000);
        long ticket = atc.enter();
        for (int itag = 0; itag < InvalidateRequest.ITAGS; itag++) {
            int tag = itag;
            port.invalidate(
                    new InvalidateRequest(ScriptedPort.RID, 5, tag, false, 0x1000, 12),
                    () -> completed.add(tag));
        }
        assertThat(completed).isEmpty();

        atc.exit(ticket);

        assertThat(completed)
                .containsExactlyInAnyOrderElementsOf(IntStream.range(0, 32).boxed().toList());
    }

    @Test
    @DisplayName("§10.3.1: the whole range, S with bits 62:12 ones")
    void theWholeRangeIsDecodedAndRemovesEverything() {
        fill(5, 0x1000);
        port.map(pasid(5), -4096, 12, 0x1000);
        fill(5, -4096);

        port.invalidate(
                InvalidateRequest.decode(ScriptedPort.RID, 5, 3, 0x7fff_ffff_ffff_f800L),
                () -> completed.add(3));

        assertThat(hits(5, 0x1000)).isFalse();
        assertThat(hits(5, -4096)).isFalse();
        assertThat(completed).containsExactly(3);
    }

    @Test
    @DisplayName("§10.5.1.3: ATS disabled with entries and a request under way")
    void disablingDropsEntriesAndTheLateCompletion() {
        fill(5, 0x1000);
        port.map(pasid(5), 0x2000, 12, 0xb000);
        port.underWay = port::disable;

        fill(5, 0x2000);

        assertThat(hits(5, 0x1000)).isFalse();
        assertThat(hits(5, 0x2000)).isFalse();
        port.underWay = () -> {};
        port.ats = true;
        fill(5, 0x2000);
        assertThat(hits(5, 0x2000)).isTrue();
    }

    @Test
    @DisplayName("§10.4.1.2: stopping a PASID drops its completions under way")
    void stoppingAPasidDropsTheLateCompletion() {
        port.underWay =
                () -> {
                    atc.stop(5);
                    atc.start(5); // even if it is started again at once
                };

        fill(5, 0x1000);

        assertThat(hits(5, 0x1000)).isFalse();
    }

    @Test
    @DisplayName("an invalidation of one page costs the sets probed, not the entries")
    void aPageInvalidationProbesOneSetForEachSizePresent() {
        long grown = probesOfOnePage(16);

        assertThat(probesOfOnePage(4096)).isEqualTo(grown).isEqualTo(2);
    }

    private long probesOfOnePage(int pages) {
        port.pages.clear();
        for (int page = 0; page < pages; page++) {
            long iova = 0x1000_0000L + page * 0x1000L;
            var entry = AtsEntry.of(iova, 12, AtsEntry.READ.mask());
            atc.update(new AtcEntry(5, false, iova, 12, entry), atc.epoch());
        }
        var huge = AtsEntry.of(0, 21, AtsEntry.READ.mask());
        atc.update(new AtcEntry(5, false, 0x20_0000, 21, huge), atc.epoch());
        long before = atc.probes();
        invalidate(5, 0x1000_0000L, 12);
        return atc.probes() - before;
    }
}
