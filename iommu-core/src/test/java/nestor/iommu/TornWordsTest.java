package nestor.iommu;

import static org.assertj.core.api.Assertions.assertThat;

import nestor.vmm.memory.GuestAccessException;
import org.junit.jupiter.api.Test;

/** Structures of which every granule is as old as it may be. */
class TornWordsTest {
    private static final int OWNER = 7;
    private static final long GPA = 0x1000;

    private final TornWords torn = new TornWords(1, () -> true);

    private long[] fetch(long... now) throws GuestAccessException {
        return torn.fetch(OWNER, GPA, now::clone);
    }

    @Test
    void whatWasSeenFirstIsSeenUntilItsOwnerIsInvalidated() throws GuestAccessException {
        assertThat(fetch(1, 2)).containsExactly(1, 2);
        torn.invalidate(owner -> owner != OWNER);
        assertThat(fetch(3, 4)).containsExactly(1, 2);
        torn.invalidate(owner -> owner == OWNER);
        assertThat(fetch(3, 4)).containsExactly(3, 4);
        assertThat(fetch(5, 6)).containsExactly(3, 4);
    }

    @Test
    void whatWasReadBeforeAnInvalidationIsNotRememberedAfterIt() throws GuestAccessException {
        torn.fetch(
                OWNER,
                GPA,
                () -> {
                    torn.invalidate(_ -> true);
                    return new long[] {1, 2};
                });

        assertThat(fetch(3, 4)).containsExactly(3, 4);
        assertThat(fetch(5, 6)).containsExactly(3, 4);
    }
}
