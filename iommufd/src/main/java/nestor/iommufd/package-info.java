/**
 * iommufd and the VFIO cdev as Linux has them (include/uapi/linux/iommufd.h and vfio.h, 6.2 to
 * 7.3): numbers, layouts and flags, typed calls over the system calls of a {@link
 * nestor.iommufd.HostSystem}, and {@link nestor.iommufd.IommufdHost}, which is the port {@code
 * nestor.iommu.host} over them. Structures are little-endian, as both architectures are that have
 * the hardware.
 *
 * <p>Any thread; calls may take long, and none waits for the guest.
 */
package nestor.iommufd;
