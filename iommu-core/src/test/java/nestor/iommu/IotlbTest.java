package nestor.iommu;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import nestor.pci.Translation;
import nestor.pci.Translation.Mapping;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IotlbTest {
    private static final int PAGE = 12;
    private static final long GIB = 1L << 30;

    private final Iotlb iotlb = new Iotlb(1024);

    private static Mapping mapping(long iova, int sizeLog2) {
        IovaRange block = IovaRange.block(iova, sizeLog2);
        return new Mapping(block.first(), sizeLog2, 0x4000_0000L, Translation.READ);
    }

    private Mapping fill(long tag, long iova, int sizeLog2) {
        Mapping mapping = mapping(iova, sizeLog2);
        assertThat(iotlb.insert(tag, iotlb.epoch(), mapping)).isTrue();
        return mapping;
    }

    @Test
    void aHitReturnsTheStoredObject() {
        Mapping mapping = fill(7, 0x1000, PAGE);

        assertThat(iotlb.lookup(7, 0x1000)).isSameAs(mapping);
        assertThat(iotlb.lookup(7, 0x1fff)).isSameAs(mapping);
    }

    @Test
    void anotherTagOrPageMisses() {
        fill(7, 0x1000, PAGE);

        assertThat(iotlb.lookup(8, 0x1000)).isNull();
        assertThat(iotlb.lookup(7, 0x2000)).isNull();
        assertThat(iotlb.lookup(7, 0xfff)).isNull();
    }

    @ParameterizedTest
    @ValueSource(ints = {12, 13, 14, 16, 21, 24, 25, 29, 30, 32, 33, 36, 39, 42, 47, 52, 63, 64})
    void aBlockOfAnySizeIsFoundByItsFirstMiddleAndLastByteOnly(int sizeLog2) {
        IovaRange block = IovaRange.block(0xffff_8123_4567_8000L, sizeLog2);
        Mapping mapping = fill(1, block.first(), sizeLog2);

        assertThat(iotlb.lookup(1, block.first())).isSameAs(mapping);
        assertThat(iotlb.lookup(1, 0xffff_8123_4567_8123L)).isSameAs(mapping);
        assertThat(iotlb.lookup(1, block.last())).isSameAs(mapping);
        if (sizeLog2 < 64) {
            assertThat(iotlb.lookup(1, block.first() - 1)).isNull();
            assertThat(iotlb.lookup(1, block.last() + 1)).isNull();
        }
        iotlb.invalidate(Tags.only(1), IovaRange.block(block.last(), PAGE));
        assertThat(iotlb.lookup(1, block.first())).isNull();
        assertThat(iotlb.lookup(1, block.last())).isNull();
    }

    @Test
    void theSameBlockReplacesItself() {
        fill(1, 0x1000, PAGE);
        Mapping writable = new Mapping(0x1000, PAGE, 0x9000, Translation.READ | Translation.WRITE);
        iotlb.lookup(1, 0x1000);

        iotlb.insert(1, iotlb.epoch(), writable);

        assertThat(iotlb.lookup(1, 0x1000)).isSameAs(writable);
        assertThat(iotlb.size()).isEqualTo(1);
    }

    @Test
    void onePageOfOneTagIsInvalidatedAloneAmongItsNeighbours() {
        fill(1, 0x1000, PAGE);
        fill(1, 0x2000, PAGE);
        fill(2, 0x1000, PAGE);

        iotlb.invalidate(Tags.only(1), IovaRange.block(0x1000, PAGE));

        assertThat(iotlb.lookup(1, 0x1000)).isNull();
        assertThat(iotlb.lookup(1, 0x2000)).isNotNull();
        assertThat(iotlb.lookup(2, 0x1000)).isNotNull();
    }

    @Test
    void aRangeThatIsNoBlockTakesEveryBlockItTouches() {
        fill(1, 0x1000, PAGE);
        fill(1, 0x2000, PAGE);
        fill(1, 0x5000, PAGE);
        fill(1, 0x20_0000, 21);

        iotlb.invalidate(Tags.only(1), new IovaRange(0x2000, 0x20_0fff));

        assertThat(iotlb.lookup(1, 0x1000)).isNotNull();
        assertThat(iotlb.lookup(1, 0x2000)).isNull();
        assertThat(iotlb.lookup(1, 0x5000)).isNull();
        assertThat(iotlb.lookup(1, 0x3f_f000)).isNull();
    }

    @Test
    void aMaskTakesTheTagsItMatches() {
        long vmid = 5L << 16;
        fill(vmid | 1, 0x1000, PAGE);
        fill(vmid | 2, 0x1000, PAGE);
        fill(vmid | 2, 0x2000, PAGE);
        fill(1, 0x1000, PAGE);
        var anyAsid = new Tags(vmid, 0xffff_0000L);

        iotlb.invalidate(anyAsid, IovaRange.block(0x1000, PAGE));
        assertThat(iotlb.lookup(vmid | 1, 0x1000)).isNull();
        assertThat(iotlb.lookup(vmid | 2, 0x1000)).isNull();
        assertThat(iotlb.lookup(vmid | 2, 0x2000)).isNotNull();
        assertThat(iotlb.lookup(1, 0x1000)).isNotNull();

        iotlb.invalidate(anyAsid, IovaRange.ALL);
        assertThat(iotlb.lookup(vmid | 2, 0x2000)).isNull();
        assertThat(iotlb.lookup(1, 0x1000)).isNotNull();
    }

    @Test
    void everythingIsInvalidatedByTheMaskOfNothing() {
        fill(1, 0x1000, PAGE);
        fill(-1, 0x4000_0000L, 30);

        iotlb.invalidate(Tags.ALL, IovaRange.ALL);

        assertThat(iotlb.lookup(1, 0x1000)).isNull();
        assertThat(iotlb.lookup(-1, 0x4000_0000L)).isNull();
        assertThat(iotlb.size()).isZero();
    }

    @Test
    void aTagThatDiedCanBeFilledAgain() {
        fill(1, 0x1000, PAGE);
        iotlb.invalidate(Tags.only(1), IovaRange.ALL);
        assertThat(iotlb.lookup(1, 0x1000)).isNull();

        Mapping again = fill(1, 0x1000, PAGE);

        assertThat(iotlb.lookup(1, 0x1000)).isSameAs(again);
    }

    @Test
    void aFillIsDroppedIfItsPageWasInvalidatedDuringTheWalk() {
        long epoch = iotlb.epoch();
        iotlb.invalidate(Tags.only(1), IovaRange.block(0x1000, PAGE));

        assertThat(iotlb.insert(1, epoch, mapping(0x1000, PAGE))).isFalse();
        assertThat(iotlb.insert(1, epoch, mapping(0, 21))).isFalse();
        assertThat(iotlb.lookup(1, 0x1000)).isNull();
    }

    @Test
    void aFillSurvivesInvalidationsOfOtherPagesAndTags() {
        long epoch = iotlb.epoch();
        iotlb.invalidate(Tags.only(1), IovaRange.block(0x2000, PAGE));
        iotlb.invalidate(Tags.only(2), IovaRange.ALL);

        assertThat(iotlb.insert(1, epoch, mapping(0x1000, PAGE))).isTrue();
    }

    @Test
    void aFillThatSleptThroughTooManyInvalidationsIsDropped() {
        long epoch = iotlb.epoch();
        for (int i = 0; i < 65; i++) {
            iotlb.invalidate(Tags.only(2), IovaRange.block(0, PAGE));
        }

        assertThat(iotlb.insert(1, epoch, mapping(0x1000, PAGE))).isFalse();
        assertThat(iotlb.insert(1, epoch + 1, mapping(0x1000, PAGE))).isTrue();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 5, 64, 100})
    void itNeverHoldsMoreThanItsCapacity(int capacity) {
        Iotlb small = new Iotlb(capacity);
        int most = 0;
        for (int i = 0; i < 1000; i++) {
            small.insert(i % 7, small.epoch(), mapping((long) i << PAGE, PAGE + i % 3));
            most = Math.max(most, small.size());
        }

        assertThat(most).isLessThanOrEqualTo(capacity);
        assertThat(most).isGreaterThanOrEqualTo(capacity / 3);
    }

    @Test
    void withoutCapacityNothingIsCached() {
        Iotlb none = new Iotlb(0);

        assertThat(none.insert(1, none.epoch(), mapping(0x1000, PAGE))).isFalse();
        none.invalidate(Tags.ALL, IovaRange.ALL);
        assertThat(none.lookup(1, 0x1000)).isNull();
    }

    @Test
    void aTagWithoutEntriesLeavesNothingBehind() {
        Iotlb small = new Iotlb(4);
        for (long tag = 0; tag < 10_000; tag++) {
            small.insert(tag, small.epoch(), mapping(0x1000, PAGE));
        }

        assertThat(small.tags()).isLessThanOrEqualTo(4);
    }

    @Test
    void aRangeTooLargeToProbeIsStillInvalidated() {
        fill(1, 77 * GIB, PAGE);
        fill(1, 78 * GIB, 30);
        fill(2, 77 * GIB, PAGE);

        iotlb.invalidate(Tags.only(1), new IovaRange(0x1000, 1L << 40));

        assertThat(iotlb.lookup(1, 77 * GIB)).isNull();
        assertThat(iotlb.lookup(1, 78 * GIB)).isNull();
        assertThat(iotlb.lookup(2, 77 * GIB)).isNotNull();
    }

    @Test
    void aHitAllocatesNothing() {
        for (int page = 0; page < 64; page++) {
            fill(3, (long) page << 21, page % 2 == 0 ? PAGE : 21);
        }
        var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long sum = hits(64_000);
        long before = threads.getCurrentThreadAllocatedBytes();
        sum += hits(64_000);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;

        assertThat(sum).isPositive();
        assertThat(allocated).isLessThan(1024);
    }

    private long hits(int count) {
        long sum = 0;
        for (int i = 0; i < count; i++) {
            Mapping mapping = iotlb.lookup(3, (long) (i & 63) << 21);
            sum += mapping == null ? Long.MIN_VALUE >> 20 : mapping.gpaBase();
        }
        return sum;
    }

    /** What may be cached, in the plainest way. */
    private record Held(long tag, Mapping mapping) {}

    @Test
    void aRandomHistoryNeverShowsWhatANaiveCacheHasDropped() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("IotlbTest: -Dnestor.seed=" + seed);
        var random = new SplittableRandom(seed);
        for (int round = 0; round < 200; round++) {
            history(random);
        }
    }

    private static void history(SplittableRandom random) {
        var cache = new Iotlb(1 << random.nextInt(0, 9));
        List<Held> naive = new ArrayList<>();
        List<Long> epochs = new ArrayList<>(List.of(cache.epoch()));
        List<Held> walked = new ArrayList<>();
        for (int step = 0; step < 200; step++) {
            long tag = random.nextInt(4) | (long) random.nextInt(2) << 40;
            long iova = randomIova(random);
            switch (random.nextInt(6)) {
                case 0, 1, 2 -> {
                    Held held = new Held(tag, mapping(iova, randomSize(random)));
                    cache.insert(tag, cache.epoch(), held.mapping());
                    naive.add(held);
                }
                case 3 -> { // a walk that is inserted later, or never
                    walked.add(new Held(tag, mapping(iova, randomSize(random))));
                    epochs.add(cache.epoch());
                    naive.add(walked.getLast());
                }
                case 4 -> {
                    Tags tags = randomTags(random, tag);
                    long other = randomIova(random);
                    IovaRange range =
                            switch (random.nextInt(3)) {
                                case 0 -> IovaRange.ALL;
                                case 1 -> IovaRange.block(iova, randomSize(random));
                                default ->
                                        Long.compareUnsigned(iova, other) <= 0
                                                ? new IovaRange(iova, other)
                                                : new IovaRange(other, iova);
                            };
                    cache.invalidate(tags, range);
                    naive.removeIf(held -> covers(tags, range, held));
                }
                default -> {
                    if (!walked.isEmpty()) {
                        Held late = walked.removeLast();
                        cache.insert(late.tag(), epochs.removeLast(), late.mapping());
                    }
                }
            }
            Mapping found = cache.lookup(tag, iova);
            if (found != null) {
                assertThat(naive).anyMatch(held -> held.equals(new Held(tag, found)));
                assertThat(IovaRange.block(found.iovaBase(), found.sizeLog2()).contains(iova))
                        .isTrue();
            }
        }
    }

    private static boolean covers(Tags tags, IovaRange range, Held held) {
        Mapping mapping = held.mapping();
        return (held.tag() & tags.mask()) == tags.value()
                && range.overlaps(IovaRange.block(mapping.iovaBase(), mapping.sizeLog2()));
    }

    private static long randomIova(SplittableRandom random) {
        long page = random.nextLong(16) << PAGE | random.nextLong(3) << 30;
        return random.nextBoolean() ? page : -1L - page;
    }

    private static int randomSize(SplittableRandom random) {
        int[] sizes = {12, 12, 12, 13, 14, 16, 21, 30, 63, 64};
        return sizes[random.nextInt(sizes.length)];
    }

    private static Tags randomTags(SplittableRandom random, long tag) {
        return switch (random.nextInt(4)) {
            case 0 -> new Tags(tag, 3);
            case 1 -> new Tags(tag, 1L << 40);
            case 2 -> Tags.ALL;
            default -> Tags.only(tag);
        };
    }
}
