package nestor.virtio.iommu;

import nestor.iommu.host.Stage1Intent;

/** An address space that endpoints share (§5.13.4); ends with its last endpoint. Loop only. */
sealed interface Domain permits MappedDomain, TableDomain {
    /** The driver's number for it. */
    int id();

    /** Ours: no two domains have the same. */
    int serial();

    /** Takes an endpoint in. */
    void attach(int endpoint);

    /** Lets an endpoint go; true if it was the last, with which this ends. */
    boolean detach(int endpoint);

    /** What a host is to attach an assigned endpoint to. */
    Stage1Intent intent();
}
