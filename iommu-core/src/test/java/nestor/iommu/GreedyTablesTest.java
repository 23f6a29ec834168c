package nestor.iommu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import nestor.paging.Access;
import nestor.paging.Permissions;
import nestor.paging.TableMemory;
import nestor.paging.WalkResult;
import nestor.paging.X86Paging;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Walks of four-level tables that keep what lies above the leaf. */
class GreedyTablesTest {
    private static final long ROOT = 0x1000;
    private static final long TABLE = 7;
    private static final long ACCESSED = 1 << 5;
    private static final long TAG = 3;
    private static final Access READ = Access.of(Permissions.USER_READ);

    private static final X86Paging FORMAT =
            new X86Paging(4, ROOT, 48, true, X86Paging.ExecuteDisable.IGNORED, false, false);

    private final Map<Long, Long> words = new HashMap<>();
    private Runnable onRead = () -> {};
    private final Chaos chaos = new Chaos();
    private final GreedyTables greedy =
            new GreedyTables(
                    chaos,
                    new TableMemory() {
                        @Override
                        public long descriptor(long address) {
                            onRead.run();
                            return words.getOrDefault(address, 0L);
                        }

                        @Override
                        public long compareAndExchange(long address, long expected, long value) {
                            long seen = words.getOrDefault(address, 0L);
                            if (seen == expected) {
                                words.put(address, value);
                            }
                            return seen;
                        }
                    });

    @BeforeEach
    void mapTwoPages() {
        chaos.set(EnumSet.of(ChaosKey.CACHE_GREEDY), 1);
        words.put(ROOT, 0x2000 | TABLE);
        words.put(0x2000L, 0x3000 | TABLE);
        words.put(0x3000L, 0x4000 | TABLE);
        words.put(0x4000L, 0xa000 | TABLE);
        words.put(0x4008L, 0xb000 | TABLE);
    }

    private boolean reaches(long tag, long address) {
        return greedy.walk(FORMAT, tag, address, READ) instanceof WalkResult.Mapping;
    }

    @Test
    @DisplayName("VT-d §6.2.5: what is kept of one address space serves no other")
    void descriptorsAreKeptByTag() {
        assertThat(reaches(TAG, 0)).isTrue();
        words.remove(ROOT);
        assertThat(reaches(TAG, 0x1000)).isTrue();
        assertThat(reaches(TAG + 1, 0x1000)).isFalse();

        greedy.invalidate(Tags.only(TAG + 1));
        assertThat(reaches(TAG, 0x1000)).isTrue();
        greedy.invalidate(Tags.only(TAG));
        assertThat(reaches(TAG, 0x1000)).isFalse();
    }

    @Test
    void leavesAreReadEachTime() {
        assertThat(reaches(TAG, 0)).isTrue();
        words.put(0x4000L, 0L);
        assertThat(reaches(TAG, 0)).isFalse();
    }

    @Test
    void aWalkThatAnInvalidationCrossesKeepsNothing() {
        onRead = () -> greedy.invalidate(Tags.only(TAG));
        assertThat(reaches(TAG, 0)).isTrue();
        onRead = () -> {};
        words.remove(ROOT);
        assertThat(reaches(TAG, 0)).isFalse();
    }

    @Test
    void whatIsNotThereIsNotKept() {
        words.put(0x3000L, 0L);
        assertThat(reaches(TAG, 0)).isFalse();
        words.put(0x3000L, 0x4000 | TABLE);
        assertThat(reaches(TAG, 0)).isTrue();
    }

    @Test
    @DisplayName("only a leaf that was accessed is cached ahead, and looking ahead marks nothing")
    void lookingAheadLeavesNoTrace() {
        assertThat(reaches(TAG, 0)).isTrue();
        assertThat(greedy.ahead(FORMAT, TAG, 0x1000)).isEmpty();
        assertThat(Objects.requireNonNull(words.get(0x4008L)) & ACCESSED).isZero();
        words.put(0x4008L, 0xb000 | TABLE | ACCESSED);
        assertThat(greedy.ahead(FORMAT, TAG, 0x1000).orElseThrow().output()).isEqualTo(0xb000);
        assertThat(greedy.ahead(FORMAT, TAG, 0x2000)).isEmpty();
    }
}
