/**
 * The suite for a host's iommufd, in our words of the kernel's own selftest: the same checks for
 * the simulation (unit tests of {@code host-sim}) and for a Linux (a guest of {@code nestor test
 * --suite host}). include/uapi/linux/iommufd.h and drivers/iommu/iommufd/iommufd_test.h of Linux
 * 7.3. One thread.
 */
package nestor.hostsuite;
