package nestor.testkit;

import static nestor.testkit.StaleTranslationOracle.UNMAPPED;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.iommu.IovaRange;
import nestor.pci.Requester;
import org.junit.jupiter.api.Test;

class StaleTranslationOracleTest {
    private static final Requester DEVICE = new Requester(0x18, 5, false);
    private static final Requester OTHER = new Requester(0x20, 5, false);
    private static final long IOVA = 0x4000;
    private static final long GPA = 0x8_0000;

    private final StaleTranslationOracle oracle = new StaleTranslationOracle();

    private StaleTranslationOracle.Invalidation invalidate(Requester requester, long iova) {
        return oracle.submitted(requester::equals, IovaRange.block(iova, 12));
    }

    @Test
    void anAccessMayUseTheOldTranslationUntilItsInvalidationCompletes() {
        oracle.wrote(DEVICE, IOVA, GPA);
        var access = oracle.entered(DEVICE, IOVA);
        oracle.wrote(DEVICE, IOVA, UNMAPPED);
        invalidate(DEVICE, IOVA);
        oracle.committed(access, GPA);

        assertThat(oracle.violations()).isEmpty();
    }

    @Test
    void anAccessThatCommitsAfterTheCompletionIsStale() {
        oracle.wrote(DEVICE, IOVA, GPA);
        var access = oracle.entered(DEVICE, IOVA);
        oracle.wrote(DEVICE, IOVA, UNMAPPED);
        oracle.completed(invalidate(DEVICE, IOVA));
        oracle.committed(access, GPA);

        assertThat(oracle.violations()).singleElement().asString().startsWith("stale");
    }

    @Test
    void anInvalidationFromBeforeTheChangeOrOfAnotherPageOrRequesterProvesNothing() {
        oracle.wrote(DEVICE, IOVA, GPA);
        var early = invalidate(DEVICE, IOVA);
        oracle.wrote(DEVICE, IOVA, UNMAPPED);
        oracle.completed(early);
        oracle.completed(invalidate(DEVICE, 0x5000));
        oracle.completed(invalidate(OTHER, IOVA));
        oracle.committed(oracle.entered(DEVICE, IOVA), GPA);

        assertThat(oracle.violations()).isEmpty();
    }

    @Test
    void aTranslationThatCameBackIsFresh() {
        oracle.wrote(DEVICE, IOVA, GPA);
        oracle.wrote(DEVICE, IOVA, UNMAPPED);
        oracle.completed(invalidate(DEVICE, IOVA));
        oracle.wrote(DEVICE, IOVA, GPA);
        oracle.committed(oracle.entered(DEVICE, IOVA), GPA);

        assertThat(oracle.violations()).isEmpty();
    }

    @Test
    void aTranslationThatNeverWasIsFlagged() {
        oracle.wrote(DEVICE, IOVA, GPA);
        oracle.committed(oracle.entered(DEVICE, IOVA), 0x9_0000);

        assertThat(oracle.violations()).hasSize(1);
    }

    @Test
    void aFaultIsSpuriousOnlyIfThePageWasMappedAllTheTime() {
        var before = oracle.entered(DEVICE, IOVA);
        oracle.wrote(DEVICE, IOVA, GPA);
        oracle.faulted(before);
        var during = oracle.entered(DEVICE, IOVA);
        oracle.wrote(DEVICE, IOVA, UNMAPPED);
        oracle.wrote(DEVICE, IOVA, GPA);
        oracle.faulted(during);
        assertThat(oracle.violations()).isEmpty();

        oracle.faulted(oracle.entered(DEVICE, IOVA));
        assertThat(oracle.violations()).singleElement().asString().startsWith("spurious");
    }

    @Test
    void anInvalidationIsLostOnceNothingHoldsItUp() {
        var access = oracle.entered(DEVICE, IOVA);
        var invalidation = invalidate(DEVICE, IOVA);
        oracle.settled();
        assertThat(oracle.violations()).isEmpty();

        oracle.faulted(access);
        oracle.settled();
        assertThat(oracle.violations()).containsExactly("an invalidation was lost");
        oracle.completed(invalidation);
        oracle.completed(invalidation);
        assertThat(oracle.violations()).contains("an invalidation completed twice");
    }
}
