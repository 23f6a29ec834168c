package nestor.testkit;

import static nestor.testkit.StaleTranslationOracle.UNMAPPED;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nestor.iommu.Iotlb;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.pci.Quiescence;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A guest remaps pages while devices write to them, in random interleavings of steps, over the real
 * IOTLB, the real waiting for DMAs and a two-level table in memory. The oracle must have no
 * complaint; with a step left out or done wrong, it must.
 */
class StaleTranslationTest {
    private static final int SCHEDULES = Integer.getInteger("nestor.cases", 10_000);
    private static final int SCHEDULES_WITH_DEFECT = 2_000;
    private static final int PAGE_LOG2 = 12;

    /** A block is four pages: a root entry that is no table maps it whole. */
    private static final int BLOCK_LOG2 = 14;

    private static final int PAGES = 8;
    private static final int GUEST_ACTIONS = 6;
    private static final int ACCESSES = 5;
    private static final long PRESENT = 1;
    private static final long BLOCK = 2;
    private static final long TABLES_GPA = 0x1_0000;

    enum Defect {
        NONE,
        FILLS_WHATEVER_THE_EPOCH,
        DOES_NOT_WAIT_FOR_DMA,
        INVALIDATES_THE_FIRST_PAGE_ONLY,
        INVALIDATES_ANOTHER_TAG,
        INVALIDATES_BEFORE_THE_TABLE_IS_WRITTEN,
        FORGETS_TO_COMPLETE
    }

    /** Two devices; each has its own tag, and its own table. */
    private static final class World {
        final Defect defect;
        final Choices choices;
        final GuestMemory memory = GuestMemory.anonymous(TABLES_GPA, 1 << 12);
        final Iotlb iotlb;
        final Quiescence quiescence = new Quiescence();
        final StaleTranslationOracle oracle = new StaleTranslationOracle();
        final VirtualScheduler scheduler = new VirtualScheduler();

        World(Choices choices, Defect defect) {
            this.choices = choices;
            this.defect = defect;
            this.iotlb = new Iotlb(choices.oneIn(4) ? 2 : 64);
        }

        void run() {
            for (int device = 0; device < 2; device++) {
                for (int page = 0; page < PAGES; page += 4) {
                    write(rootEntry(device, page), table(device, page) | PRESENT);
                }
                Requester requester = new Requester(device << 3, device, false);
                scheduler.spawn("device " + device, new Device(this, device, requester));
                scheduler.spawn("other dma " + device, new Device(this, device, requester));
                scheduler.spawn("guest " + device, new Guest(this, device, requester));
            }
            scheduler.run(choices);
            oracle.settled();
            memory.close();
        }

        static long rootEntry(int device, int page) {
            return TABLES_GPA + device * 0x400L + (page >> 2) * 8L;
        }

        static long table(int device, int page) {
            return TABLES_GPA + device * 0x400L + 0x100 + (page & ~3) * 8L;
        }

        static long leafEntry(int device, int page) {
            return table(device, page) + (page & 3) * 8L;
        }

        long read(long gpa) {
            try {
                return memory.getLongLe(gpa);
            } catch (GuestAccessException e) {
                throw new AssertionError(e);
            }
        }

        void write(long gpa, long value) {
            try {
                memory.setLongLe(gpa, value);
            } catch (GuestAccessException e) {
                throw new AssertionError(e);
            }
        }
    }

    /** One access after another: enter, look up, sample, walk, walk on, fill, commit and leave. */
    private static final class Device implements VirtualScheduler.Task {
        private enum At {
            ENTER,
            LOOK_UP,
            SAMPLE_EPOCH,
            READ_ROOT,
            READ_LEAF,
            FILL,
            COMMIT,
            EXIT
        }

        private final World world;
        private final int device;
        private final Requester requester;
        private At at = At.ENTER;
        private int left = ACCESSES;
        private int page;
        private long ticket;
        private long epoch;
        private StaleTranslationOracle.@Nullable Access access;
        private Translation.@Nullable Mapping mapping;

        Device(World world, int device, Requester requester) {
            this.world = world;
            this.device = device;
            this.requester = requester;
        }

        private long iova() {
            return (long) page << PAGE_LOG2;
        }

        @Override
        public boolean step() {
            at =
                    switch (at) {
                        case ENTER -> {
                            page = world.choices.below(PAGES);
                            access = world.oracle.entered(requester, iova());
                            ticket = world.quiescence.enter();
                            yield At.LOOK_UP;
                        }
                        case LOOK_UP -> {
                            mapping = world.iotlb.lookup(device, iova());
                            yield mapping == null ? At.SAMPLE_EPOCH : At.COMMIT;
                        }
                        case SAMPLE_EPOCH -> {
                            epoch = world.iotlb.epoch();
                            yield At.READ_ROOT;
                        }
                        case READ_ROOT -> {
                            long root = world.read(World.rootEntry(device, page));
                            if ((root & BLOCK) != 0) {
                                mapping = mapping(root, BLOCK_LOG2);
                                yield At.FILL;
                            }
                            yield At.READ_LEAF;
                        }
                        case READ_LEAF -> {
                            long leaf = world.read(World.leafEntry(device, page));
                            mapping = (leaf & PRESENT) == 0 ? null : mapping(leaf, PAGE_LOG2);
                            yield mapping == null ? At.COMMIT : At.FILL;
                        }
                        case FILL -> {
                            boolean kept =
                                    mapping != null && world.iotlb.insert(device, epoch, mapping);
                            if (!kept
                                    && mapping != null
                                    && world.defect == Defect.FILLS_WHATEVER_THE_EPOCH) {
                                world.iotlb.insert(device, world.iotlb.epoch(), mapping);
                            }
                            yield At.COMMIT;
                        }
                        case COMMIT -> {
                            commit();
                            yield At.EXIT;
                        }
                        case EXIT -> {
                            left--;
                            world.quiescence.exit(ticket);
                            yield At.ENTER;
                        }
                    };
            return left > 0;
        }

        private Translation.Mapping mapping(long entry, int sizeLog2) {
            long base = IovaRange.block(iova(), sizeLog2).first();
            return new Translation.Mapping(base, sizeLog2, entry & ~0xfffL, Translation.WRITE);
        }

        private void commit() {
            if (access == null) {
                throw new IllegalStateException("no access is under way");
            }
            if (mapping == null) {
                world.oracle.faulted(access);
            } else {
                world.oracle.committed(access, mapping.gpa(iova()));
            }
        }
    }

    /**
     * Maps a page, remaps it, unmaps it, or makes four pages a block and back; invalidates after
     * whatever takes something away, and waits before it goes on.
     */
    private static final class Guest implements VirtualScheduler.Task {
        private static final int NOTHING = -1;

        private final World world;
        private final int device;
        private final Requester requester;
        private final boolean[] block = new boolean[PAGES / 4];
        private int left = GUEST_ACTIONS;
        private int planned = NOTHING;
        private boolean whole;
        private long nextGpa = 0x100_0000;
        private @Nullable IovaRange toInvalidate;
        private StaleTranslationOracle.@Nullable Invalidation submitted;
        private boolean waiting;

        Guest(World world, int device, Requester requester) {
            this.world = world;
            this.device = device;
            this.requester = requester;
        }

        @Override
        public boolean step() {
            if (waiting) {
                return true; // spins on the completion, as a driver does
            }
            if (planned == NOTHING) {
                plan();
            } else if (toInvalidate == null) {
                toInvalidate = range();
                change();
            } else if (submitted == null) {
                submitted = world.oracle.submitted(requester::equals, toInvalidate);
                if (world.defect != Defect.INVALIDATES_BEFORE_THE_TABLE_IS_WRITTEN) {
                    invalidate(toInvalidate);
                }
            } else {
                waitFor(submitted);
                submitted = null;
                toInvalidate = null;
                planned = NOTHING;
                left--;
            }
            return left > 0;
        }

        /** Chooses what to change next. */
        private void plan() {
            planned = world.choices.below(PAGES);
            whole = block[planned >> 2] || world.choices.oneIn(3);
            if (world.defect == Defect.INVALIDATES_BEFORE_THE_TABLE_IS_WRITTEN) {
                invalidate(range());
            }
        }

        private IovaRange range() {
            return IovaRange.block((long) planned << PAGE_LOG2, whole ? BLOCK_LOG2 : PAGE_LOG2);
        }

        private void waitFor(StaleTranslationOracle.Invalidation invalidation) {
            switch (world.defect) {
                case DOES_NOT_WAIT_FOR_DMA -> world.oracle.completed(invalidation);
                case FORGETS_TO_COMPLETE -> {}
                default -> {
                    waiting = true;
                    world.quiescence.whenQuiescent(() -> {
                        waiting = false;
                        world.oracle.completed(invalidation);
                    });
                }
            }
        }

        private void invalidate(IovaRange range) {
            IovaRange dropped =
                    world.defect == Defect.INVALIDATES_THE_FIRST_PAGE_ONLY
                            ? IovaRange.block(range.first(), PAGE_LOG2)
                            : range;
            long tag = world.defect == Defect.INVALIDATES_ANOTHER_TAG ? device ^ 1 : device;
            Tags tags = world.choices.oneIn(3) ? new Tags(tag, 0xf) : Tags.only(tag);
            boolean all =
                    world.defect != Defect.INVALIDATES_THE_FIRST_PAGE_ONLY
                            && world.choices.oneIn(8);
            world.iotlb.invalidate(tags, all ? IovaRange.ALL : dropped);
        }

        private void change() {
            if (whole) {
                changeBlock(planned & ~3);
                return;
            }
            long gpa = world.choices.oneIn(3) ? UNMAPPED : freshGpa(1);
            world.write(World.leafEntry(device, planned), gpa == UNMAPPED ? 0 : gpa | PRESENT);
            world.oracle.wrote(requester, (long) planned << PAGE_LOG2, gpa);
        }

        private void changeBlock(int firstPage) {
            boolean nowBlock = !block[firstPage >> 2];
            block[firstPage >> 2] = nowBlock;
            long gpa = nowBlock ? freshGpa(4) : UNMAPPED;
            if (!nowBlock) {
                for (int page = firstPage; page < firstPage + 4; page++) {
                    world.write(World.leafEntry(device, page), 0);
                }
            }
            world.write(
                    World.rootEntry(device, firstPage),
                    nowBlock ? gpa | BLOCK | PRESENT : World.table(device, firstPage) | PRESENT);
            for (int page = firstPage; page < firstPage + 4; page++) {
                long offset = (long) (page - firstPage) << PAGE_LOG2;
                world.oracle.wrote(
                        requester, (long) page << PAGE_LOG2, nowBlock ? gpa + offset : UNMAPPED);
            }
        }

        private long freshGpa(int pages) {
            long gpa = nextGpa;
            nextGpa += (long) pages << PAGE_LOG2;
            return gpa;
        }
    }

    @Test
    void inNoScheduleIsATranslationUsedAfterItsInvalidationCompleted() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("StaleTranslationTest: -Dnestor.seed=" + seed);
        for (int i = 0; i < SCHEDULES; i++) {
            World world = new World(Choices.seeded(seed + i), Defect.NONE);
            world.run();
            assertThat(world.oracle.violations())
                    .describedAs("-Dnestor.seed=%d: %s", seed + i, world.scheduler.schedule())
                    .isEmpty();
        }
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
    void everyDefectIsFound(Defect defect) {
        List<String> found = List.of();
        for (int seed = 0; seed < SCHEDULES_WITH_DEFECT && found.isEmpty(); seed++) {
            World world = new World(Choices.seeded(seed), defect);
            world.run();
            found = world.oracle.violations();
        }

        assertThat(found).isNotEmpty();
    }
}
