package nestor.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

@DisplayName("The jump cache forgets what an invalidation by address names, and little else")
class JumpCacheTest {
    private static final int SLOTS_LOG2 = 13;
    private static final int[] SIZES = {12, 16, 21, 25, 30, 39};
    private static final long KERNEL = 0xffff_8000_0000_0000L;

    private final JumpCache<Block> jumps = new JumpCache<>(SLOTS_LOG2, 2);
    private final JumpCache<Block> otherRegime = new JumpCache<>(SLOTS_LOG2, 2);
    private JumpCache.Target<Block> here = JumpCache.Target.once(0, new Block(-1));

    private @Nullable Block found(long va) {
        JumpCache.Target<Block> target = jumps.get(va);
        return target == null ? null : target.block();
    }

    /** As a dispatcher looks it up. */
    private @Nullable Block followed(long va) {
        JumpCache.Target<Block> target = jumps.follow(here, va);
        if (target == null) {
            return null;
        }
        here = target;
        return target.block();
    }

    private record Block(long gpa) implements CodeBlock {
        @Override
        public int sizeBytes() {
            return 4;
        }

        @Override
        public void kill() {}
    }

    private record Entry(Block block, int sizeLog2) {
        boolean reachedThroughMappingOf(long own, long va) {
            return ((own ^ va) << 8 >>> 8) >>> sizeLog2 == 0;
        }
    }

    @RepeatedTest(20)
    void nothingSurvivesTheInvalidationOfItsMapping() {
        long seed = Long.getLong("nestor.seed", new Random().nextLong());
        SplittableRandom random = new SplittableRandom(seed);
        Map<Long, Entry> put = new HashMap<>();
        for (int step = 0; step < 5000; step++) {
            if (random.nextInt(4) != 0) {
                long va = address(random);
                Entry entry = new Entry(new Block(step), SIZES[random.nextInt(SIZES.length)]);
                jumps.put(va, entry.block, entry.sizeLog2);
                put.put(va, entry);
            } else {
                long va = address(random) | (long) random.nextInt(256) << 56;
                jumps.drop(va);
                put.entrySet().removeIf(e -> e.getValue().reachedThroughMappingOf(e.getKey(), va));
            }
            long probe = address(random);
            Entry expected = put.get(probe);
            Block found = random.nextBoolean() ? found(probe) : followed(probe);
            if (found != null) {
                assertThat(found)
                        .as("-Dnestor.seed=%d, step %d", seed, step)
                        .isSameAs(expected == null ? null : expected.block);
            }
        }
    }

    /** Few enough to meet again, many enough to share slots. */
    private static long address(SplittableRandom random) {
        return (random.nextBoolean() ? KERNEL : 0x40_0000L)
                + ((long) random.nextInt(4) << 30)
                + ((long) random.nextInt(4) << 21)
                + ((long) random.nextInt(4) << 12)
                + 4L * random.nextInt(4);
    }

    @Test
    void invalidationElsewhereKeepsBlocksBesideLargeMappings() {
        Block small = new Block(1);
        Block large = new Block(2);
        jumps.put(KERNEL, small, 12);
        jumps.put(KERNEL + (4L << 30) + 4, large, 30);

        jumps.drop(KERNEL + 0x1000);
        jumps.drop(0x40_0000);
        assertThat(found(KERNEL)).isSameAs(small);
        assertThat(found(KERNEL + (4L << 30) + 4)).isSameAs(large);

        jumps.drop(KERNEL + (4L << 30) + 0x2345_6000);
        assertThat(found(KERNEL + (4L << 30) + 4)).isNull();
    }

    @Test
    void successorIsForgottenWithItsPage() {
        here = jumps.put(KERNEL, new Block(1), 12);
        jumps.put(KERNEL + 0x1000, new Block(2), 12);
        assertThat(followed(KERNEL + 0x1000)).isEqualTo(new Block(2));
        assertThat(followed(KERNEL)).isEqualTo(new Block(1));

        jumps.drop(KERNEL + 0x1000);

        assertThat(followed(KERNEL + 0x1000)).isNull();
    }

    @Test
    void successorThatLostItsSlotIsForgottenWithItsPageAllTheSame() {
        long far = KERNEL + 0x1000;
        long sameSlot = far + (4L << SLOTS_LOG2);
        here = jumps.put(KERNEL, new Block(1), 12);
        JumpCache.Target<Block> start = here;
        jumps.put(far, new Block(2), 12);
        assertThat(followed(far)).isNotNull();
        jumps.put(sameSlot, new Block(3), 12);
        jumps.drop(far);

        here = start;
        assertThat(followed(far)).isNull();
        assertThat(followed(sameSlot)).isEqualTo(new Block(3));
    }

    @Test
    void successorOfOneRegimeIsNoneOfAnother() {
        here = jumps.put(KERNEL, new Block(1), 12);
        jumps.put(KERNEL + 4, new Block(2), 12);
        assertThat(followed(KERNEL + 4)).isNotNull();
        here = Objects.requireNonNull(jumps.get(KERNEL));

        assertThat(otherRegime.follow(here, KERNEL + 4)).isNull();
    }

    @Test
    void nothingSurvivesAFlush() {
        here = jumps.put(KERNEL, new Block(1), 12);
        assertThat(followed(KERNEL)).isNotNull();

        jumps.flush();

        assertThat(followed(KERNEL)).isNull();
        assertThat(found(KERNEL)).isNull();
    }
}
