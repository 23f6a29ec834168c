/**
 * The port to the host's IOMMU, for guests' stage-1 tables that hardware walks on behalf of an
 * assigned device. The words are those of the kernel's iommufd interface: a nested domain is an
 * HWPT on the nest parent, which maps the guest's memory.
 *
 * <p>Called by the models on their loops, one call at a time; calls may take long but do not wait
 * for the guest.
 */
package nestor.iommu.host;
