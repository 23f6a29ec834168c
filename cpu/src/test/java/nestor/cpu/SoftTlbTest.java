package nestor.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.SplittableRandom;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

@DisplayName("The software TLB drops what an invalidation by address names, and little else")
class SoftTlbTest {
    private static final int[] SIZES = {12, 14, 16, 21, 25, 30, 39};
    private static final long KERNEL = 0xffff_8000_0000_0000L;
    private static final long HOST = 0x7000_0000_0000L;

    private final SoftTlb tlb = new SoftTlb(Arena.ofAuto());

    private boolean reads(long va) {
        return HostMemory.getLong(tlb.base() + SoftTlb.offset(va) + SoftTlb.READ)
                == (va & SoftTlb.PAGE_MASK);
    }

    @RepeatedTest(20)
    void nothingSurvivesTheInvalidationOfItsMapping() {
        long seed = Long.getLong("nestor.seed", new Random().nextLong());
        SplittableRandom random = new SplittableRandom(seed);
        Map<Long, Integer> filled = new HashMap<>();
        for (int step = 0; step < 5000; step++) {
            if (random.nextInt(4) != 0) {
                long va = page(random);
                int sizeLog2 = SIZES[random.nextInt(SIZES.length)];
                tlb.fill(va, HOST + va, sizeLog2, true, random.nextBoolean(), random.nextBoolean());
                filled.put(va, sizeLog2);
            } else {
                long va = page(random) | (long) random.nextInt(256) << 56;
                tlb.drop(va);
                filled.entrySet().removeIf(e -> (e.getKey() ^ va) << 8 >>> 8 >>> e.getValue() == 0);
            }
            long probe = page(random);
            if (reads(probe)) {
                assertThat(filled).as("-Dnestor.seed=%d, step %d", seed, step).containsKey(probe);
            }
            if (tlb.fetchAddress(probe) != RamMap.NONE) {
                assertThat(tlb.fetchAddress(probe)).isEqualTo(HOST + probe);
                assertThat(tlb.fetchSizeLog2(probe)).isEqualTo(filled.get(probe));
            }
        }
    }

    private static long page(SplittableRandom random) {
        return (random.nextBoolean() ? KERNEL : 0x40_0000L)
                + ((long) random.nextInt(3) << 30)
                + ((long) random.nextInt(3) << 21)
                + ((long) random.nextInt(8) << 12);
    }

    @Test
    void invalidationElsewhereKeepsPagesBesideLargeMappings() {
        tlb.fill(KERNEL, HOST, 12, true, true, true);
        tlb.fill(KERNEL + (4L << 30) + 0x5000, HOST, 30, true, true, false);

        tlb.drop(KERNEL + 0x1000);
        tlb.drop(0x40_0000);
        assertThat(reads(KERNEL)).isTrue();
        assertThat(reads(KERNEL + (4L << 30) + 0x5000)).isTrue();

        tlb.drop(KERNEL + (4L << 30) + 0x2345_6000);
        assertThat(reads(KERNEL)).isTrue();
        assertThat(reads(KERNEL + (4L << 30) + 0x5000)).isFalse();
    }

    @RepeatedTest(20)
    void aLocalFlushDropsAllThatIsNotGlobalAndAFlushTheRest() {
        long seed = Long.getLong("nestor.seed", new Random().nextLong());
        SplittableRandom random = new SplittableRandom(seed);
        Map<Long, Boolean> filled = new HashMap<>();
        int flushEvery = random.nextInt(10, 3000);
        for (int step = 0; step < 8000; step++) {
            long va = KERNEL + ((long) random.nextInt(4096) << 12);
            boolean global = random.nextInt(3) == 0;
            if (global) {
                tlb.fillGlobal(va, HOST + va, 12, true, true, true);
            } else {
                tlb.fill(va, HOST + va, 12, true, true, true);
            }
            filled.put(va, global);
            assertThat(reads(va)).isTrue();
            if (random.nextInt(flushEvery) == 0) {
                tlb.flushLocal();
                filled.forEach(
                        (page, kept) ->
                                assertThat(reads(page) && !kept)
                                        .as("-Dnestor.seed=%d, page %x", seed, page)
                                        .isFalse());
            }
        }
        tlb.flush();
        filled.keySet().forEach(page -> assertThat(reads(page)).isFalse());
    }

    @Test
    void aGlobalPageSurvivesALocalFlush() {
        tlb.fillGlobal(KERNEL, HOST, 12, true, true, true);
        tlb.fill(KERNEL + 0x1000, HOST, 12, true, true, true);

        tlb.flushLocal();

        assertThat(reads(KERNEL)).isTrue();
        assertThat(reads(KERNEL + 0x1000)).isFalse();
    }
}
