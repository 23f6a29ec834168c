package nestor.iommu.host;

import java.util.List;

/** A guest's stage 1 on the host's nest parent. */
public interface NestedDomain {
    Stage1 stage1();

    /**
     * Invalidates what the host caches of this domain, in order (VT-d).
     *
     * @return how many were handled; if fewer than given, the host refused the next one, and the
     *     rest is still to do
     * @throws HostException if the host cannot invalidate at all
     */
    int invalidate(List<HostInvalidation.VtdRange> batch) throws HostException;

    /**
     * Ends the domain.
     *
     * @throws HostException EBUSY (16) while it is attached
     */
    void close() throws HostException;
}
