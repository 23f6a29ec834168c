/**
 * Why an access goes where it goes: a walk through an IOMMU's structures and tables as it would be
 * done now, with every entry on its way and what caches hold instead. For people, and for oracles;
 * nothing here changes anything. Any thread; while the guest runs, what is seen may be torn.
 */
package nestor.iommu.walk;
