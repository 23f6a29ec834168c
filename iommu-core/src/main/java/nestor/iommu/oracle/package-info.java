/**
 * The stale-translation oracle: does a guest leave out invalidations that its IOMMU's specification
 * asks of it (IHI 0070, §3.9 and §3.17; Intel VT-d, §6.5; PCIe Base, §10.3; virtio-iommu)? It
 * stands between the bus and a model, keeps what caches may hold, and compares that with the
 * guest's tables. The machine puts it there before the guest runs, or does not make one.
 */
package nestor.iommu.oracle;
