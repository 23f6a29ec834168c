package nestor.iommu.walk;

import nestor.pci.Requester;
import nestor.pci.Translation;

/** An IOMMU that can tell what it would do. */
public interface WalkExplorer {
    /**
     * What an untranslated request would meet: as read from memory now, past all caches. Sets no
     * accessed or dirty bit, records no fault, fills no cache, ends in bounded time whatever the
     * guest has written. Any thread.
     *
     * @param access {@link Translation#READ}, {@link Translation#WRITE}, {@link
     *     Translation#EXECUTE} or'ed; at least one
     */
    WalkReport explore(Requester requester, long iova, int access);
}
