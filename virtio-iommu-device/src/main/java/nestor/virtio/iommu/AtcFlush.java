package nestor.virtio.iommu;

import java.util.ArrayList;
import java.util.List;
import nestor.iommu.AtcInvalidator;
import nestor.iommu.IovaRange;

/** Invalidate Requests for ranges of any size, few for each. Loop only. */
final class AtcFlush {
    /** Blocks that a range is cut into; one that takes more is covered by a single larger one. */
    static final int MAX_BLOCKS = 8;

    private static final int PAGE_LOG2 = 12;

    private record Block(long iova, int sizeLog2) {}

    private final AtcInvalidator invalidator;

    AtcFlush(AtcInvalidator invalidator) {
        this.invalidator = invalidator;
    }

    /**
     * Tells an endpoint.
     *
     * @param pasid or {@link nestor.pci.Requester#NO_PASID} for all it has
     * @param range whole pages
     */
    void send(int endpoint, int pasid, IovaRange range) {
        for (Block block : blocks(range)) {
            // Full only after many resets, each of which left a request for everything in line.
            if (!invalidator.isFull(endpoint)) {
                invalidator.send(endpoint, pasid, false, block.iova(), block.sizeLog2());
            }
        }
    }

    private static List<Block> blocks(IovaRange range) {
        List<Block> blocks = new ArrayList<>();
        long at = range.first();
        while (blocks.size() < MAX_BLOCKS) {
            int sizeLog2 = largestAt(at, range.last());
            blocks.add(new Block(at, sizeLog2));
            long last = IovaRange.block(at, sizeLog2).last();
            if (last == range.last()) {
                return blocks;
            }
            at = last + 1;
        }
        int differing = Long.SIZE - Long.numberOfLeadingZeros(range.first() ^ range.last());
        int sizeLog2 = Math.max(differing, PAGE_LOG2);
        return List.of(new Block(IovaRange.block(range.first(), sizeLog2).first(), sizeLog2));
    }

    /** Log2 of the largest aligned block at {@code first} that does not go beyond {@code last}. */
    private static int largestAt(long first, long last) {
        int sizeLog2 = PAGE_LOG2;
        while (sizeLog2 < Long.SIZE) {
            IovaRange wider = IovaRange.block(first, sizeLog2 + 1);
            if (wider.first() != first || Long.compareUnsigned(wider.last(), last) > 0) {
                break;
            }
            sizeLog2++;
        }
        return sizeLog2;
    }
}
