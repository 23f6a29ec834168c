package nestor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import nestor.iommu.Iotlb;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.pci.Quiescence;
import nestor.pci.Translation;
import org.jetbrains.lincheck.Lincheck;
import org.junit.jupiter.api.Test;

/**
 * All interleavings, up to a number of context switches, of a guest that unmaps a page and a device
 * that writes to it.
 */
class InvalidationLincheckTest {
    private static final int INTERLEAVINGS = 1_500;
    private static final long TAG = 1;
    private static final long IOVA = 0x1000;
    private static final long PAGE_GPA = 0x8000;
    private static final long UNMAPPED = 0;

    /** How a DMA that missed puts into the cache what it walked. */
    private interface Fill {
        Translation.Mapping walk(World world);
    }

    /** One page-table entry, what caches it, and whether the page has been given away. */
    private static final class World {
        final Iotlb iotlb = new Iotlb(4);
        final Quiescence quiescence = new Quiescence();
        volatile long entry = PAGE_GPA;
        volatile boolean givenAway;
        volatile boolean stale;

        void dma(Fill fill) {
            long ticket = quiescence.enter();
            Translation.Mapping mapping = iotlb.lookup(TAG, IOVA);
            if (mapping == null) {
                mapping = fill.walk(this);
            }
            if (mapping.gpaBase() != UNMAPPED && givenAway) {
                stale = true;
            }
            quiescence.exit(ticket);
        }

        void unmap() {
            entry = UNMAPPED;
            iotlb.invalidate(Tags.only(TAG), IovaRange.block(IOVA, 12));
            quiescence.whenQuiescent(() -> givenAway = true);
        }

        Translation.Mapping readTable() {
            return new Translation.Mapping(IOVA, 12, entry, Translation.WRITE);
        }
    }

    private static Translation.Mapping carefully(World world) {
        long epoch = world.iotlb.epoch();
        Translation.Mapping mapping = world.readTable();
        if (mapping.gpaBase() != UNMAPPED) {
            world.iotlb.insert(TAG, epoch, mapping);
        }
        return mapping;
    }

    /** Ignores what the epoch says. */
    private static Translation.Mapping carelessly(World world) {
        long epoch = world.iotlb.epoch();
        Translation.Mapping mapping = world.readTable();
        if (mapping.gpaBase() != UNMAPPED && !world.iotlb.insert(TAG, epoch, mapping)) {
            world.iotlb.insert(TAG, world.iotlb.epoch(), mapping);
        }
        return mapping;
    }

    /** The device is the first thread: a fill that is interrupted once is found soon. */
    private static void race(Fill fill) {
        var world = new World();
        Thread guest = new Thread(world::unmap);
        guest.start();
        world.dma(fill);
        world.dma(fill);
        join(guest);
        if (world.stale) {
            throw new AssertionError("a DMA used a translation after its invalidation completed");
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void noDmaUsesATranslationAfterItsInvalidationCompleted() {
        Lincheck.runConcurrentTest(INTERLEAVINGS, () -> race(InvalidationLincheckTest::carefully));
    }

    @Test
    void withoutTheEpochAStaleTranslationIsFound() {
        Throwable found =
                catchThrowable(() ->
                        Lincheck.runConcurrentTest(
                                INTERLEAVINGS, () -> race(InvalidationLincheckTest::carelessly)));

        assertThat(found).hasMessageContaining("after its invalidation completed");
    }
}
