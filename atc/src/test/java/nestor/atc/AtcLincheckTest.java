package nestor.atc;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicLong;
import nestor.atc.Atc.OvertakenPolicy;
import nestor.pci.AtsEntry;
import nestor.pci.InvalidateRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.jetbrains.lincheck.Lincheck;
import org.jetbrains.lincheck.LincheckAssertionError;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * A fill races an invalidation and the lookup after it, under a model checker that tries the
 * interleavings one by one.
 */
class AtcLincheckTest {
    private static final Requester REQUESTER = new Requester(0x18, 5, false);
    private static final long IOVA = 0x1000;
    private static final int INVOCATIONS = 400;

    @Test
    @DisplayName("PCIe §10.3.3: a lookup after an invalidation never finds the old translation")
    void noInterleavingServesAnInvalidatedTranslation() {
        Lincheck.runConcurrentTest(INVOCATIONS, () -> race(OvertakenPolicy.DROP));
    }

    @Test
    @DisplayName("the checker finds the violation if overtaken completions are cached")
    void withoutTheEpochCheckTheViolationIsFound() {
        assertThatThrownBy(() ->
                        Lincheck.runConcurrentTest(
                                INVOCATIONS, () -> race(OvertakenPolicy.CACHE_ALL_THE_SAME)))
                .isInstanceOf(LincheckAssertionError.class);
    }

    private static void race(OvertakenPolicy policy) {
        Atc atc = new Atc(AtcOptions.fullyAssociative(2), new ScriptedPort(), policy);
        atc.start(5);
        AtomicLong table = new AtomicLong(0xa000);
        Thread filler = new Thread(() -> fill(atc, table));
        filler.start();

        table.set(0xb000);
        atc.invalidate(new InvalidateRequest(0x18, 5, 0, false, IOVA, 12), () -> {});
        check(atc);

        join(filler);
        check(atc);
    }

    private static void fill(Atc atc, AtomicLong table) {
        long epoch = atc.epoch();
        AtsEntry entry = AtsEntry.of(table.get(), 12, AtsEntry.READ.mask());
        atc.update(new AtcEntry(5, false, IOVA, 12, entry), epoch);
    }

    private static void check(Atc atc) {
        AtcEntry found = atc.lookup(REQUESTER, IOVA, Translation.READ);
        if (found != null && found.translate(IOVA) != 0xb000) {
            throw new AssertionError("an invalidated translation: " + found);
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
