package nestor.iommu.host;

import java.util.List;

/** A guest's stage 1 on the host's nest parent. */
public interface NestedDomain {
    Stage1 stage1();

    /**
     * Invalidates what the host caches of this domain, in order (VT-d).
     *
     * @throws HostException if the host cannot invalidate at all
     */
    InvalidationProgress invalidate(List<HostInvalidation.VtdRange> batch) throws HostException;

    /**
     * Ends the domain.
     *
     * @throws HostException EBUSY (16) while it is attached
     */
    void close() throws HostException;
}
