package nestor.virtio.iommu;

import java.util.ArrayList;
import java.util.List;
import nestor.iommu.IovaRange;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/**
 * The doorbells of message-signalled interrupts, as naturally aligned blocks that are mapped to
 * themselves (§5.13.6.8.1). Any thread.
 */
final class MsiRegions {
    private final Translation.Mapping[] blocks;

    /** Those among {@code reserved}. */
    MsiRegions(List<ReservedRegion> reserved) {
        List<Translation.Mapping> all = new ArrayList<>();
        for (ReservedRegion region : reserved) {
            if (region.subtype() == ReservedRegion.Subtype.MSI) {
                addBlocks(all, region.range());
            }
        }
        this.blocks = all.toArray(Translation.Mapping[]::new);
    }

    private static void addBlocks(List<Translation.Mapping> all, IovaRange range) {
        var doorbell = new MappedDomain.MappedRange(range, range.first(), Translation.WRITE);
        long next = range.first();
        do {
            Translation.Mapping block = doorbell.block(next);
            all.add(block);
            next += 1L << block.sizeLog2();
        } while (next != range.last() + 1);
    }

    /** The block that holds {@code iova}; null if none does. Allocates nothing. */
    Translation.@Nullable Mapping at(long iova) {
        for (Translation.Mapping block : blocks) {
            if ((iova ^ block.iovaBase()) >>> block.sizeLog2() == 0) {
                return block;
            }
        }
        return null;
    }

    boolean contain(long iova) {
        return at(iova) != null;
    }
}
