package nestor.iommu.host;

import java.util.List;

/** The host's IOMMU as one guest sees it: its nest parent, and the devices assigned to it. */
public interface HostIommu {
    /**
     * The assigned device at a guest's Requester ID, which is its StreamID too.
     *
     * @throws HostException ENODEV (19) if none is assigned there
     */
    HostDevice device(int rid) throws HostException;

    /**
     * Invalidates what the host caches for this guest as a whole, in order (SMMUv3: TLBI, CFGI_CD
     * and ATC_INV commands). VT-d's belong to a {@link NestedDomain}.
     *
     * @throws HostException if the host cannot invalidate at all
     */
    InvalidationProgress invalidate(List<HostInvalidation.SmmuV3Command> batch)
            throws HostException;
}
