/**
 * The kernel's /dev/iommu and VFIO cdevs (Documentation/userspace-api/iommufd.rst, vfio.rst) behind
 * the port {@link nestor.iommufd.HostSystem}. Any thread.
 */
package nestor.host.iommufd;
