package nestor.iommu.oracle;

import nestor.iommu.IovaRange;
import nestor.iommu.Tags;

/**
 * Hears what a guest's commands do to caches, in the order in which the model serves them, each
 * before its effect counts as complete. Called with no lock of the model's held that {@link
 * OracleSubject#current} needs.
 */
public interface CommandObserver {
    /**
     * A command was taken from a queue; calls of the other methods that follow are its effects.
     *
     * @param text in the specification's words
     */
    void command(String text);

    /** Entries of the IOTLB are invalidated. */
    void invalidated(Tags tags, IovaRange range);

    /**
     * An Invalidate Request goes to a function.
     *
     * @param pasid or {@link nestor.pci.Requester#NO_PASID}: every PASID
     * @param global Global Invalidate: every PASID
     */
    void atcInvalidated(int rid, int pasid, boolean global, IovaRange range);

    /** All invalidations so far are complete, and software is told. */
    void completed();

    /** Everything is as after power-on. */
    void reset();
}
