package nestor.iommufd;

import java.util.Optional;

/**
 * The ioctls of /dev/iommu and of a VFIO device. Those of /dev/iommu take a structure whose first
 * word is its size: at least that of the interface's first version, and whatever a kernel does not
 * know must be zero.
 */
public enum Ioctl {
    DESTROY(0x3b80, 8, 8),
    IOAS_ALLOC(0x3b81, 12, 12),
    IOAS_ALLOW_IOVAS(0x3b82, 24, 24),
    IOAS_COPY(0x3b83, 40, 40),
    IOAS_IOVA_RANGES(0x3b84, 32, 32),
    IOAS_MAP(0x3b85, 40, 40),
    IOAS_UNMAP(0x3b86, 24, 24),
    OPTION(0x3b87, 24, 24),
    HWPT_ALLOC(0x3b89, 48, 24),
    GET_HW_INFO(0x3b8a, 40, 32),
    HWPT_SET_DIRTY_TRACKING(0x3b8b, 16, 16),
    HWPT_GET_DIRTY_BITMAP(0x3b8c, 48, 48),
    HWPT_INVALIDATE(0x3b8d, 32, 32),
    FAULT_QUEUE_ALLOC(0x3b8e, 16, 16),
    VIOMMU_ALLOC(0x3b90, 40, 24),
    VDEVICE_ALLOC(0x3b91, 24, 24),
    VEVENTQ_ALLOC(0x3b93, 32, 28),

    /** Of kernels with IOMMUFD_TEST only. */
    TEST(0x3ba0, 72, 68),

    DEVICE_GET_INFO(0x3b6b, 24, 16),
    DEVICE_GET_REGION_INFO(0x3b6c, 32, 32),
    DEVICE_GET_IRQ_INFO(0x3b6d, 16, 16),
    DEVICE_SET_IRQS(0x3b6e, 20, 20),

    /** Takes no structure. */
    DEVICE_RESET(0x3b6f, 0, 0),
    DEVICE_BIND_IOMMUFD(0x3b76, 24, 16),
    DEVICE_ATTACH_IOMMUFD_PT(0x3b77, 16, 12),
    DEVICE_DETACH_IOMMUFD_PT(0x3b78, 12, 8);

    private final int number;
    private final int sizeBytes;
    private final int minBytes;

    Ioctl(int number, int sizeBytes, int minBytes) {
        this.number = number;
        this.sizeBytes = sizeBytes;
        this.minBytes = minBytes;
    }

    /** The request number. */
    public int number() {
        return number;
    }

    /** Bytes of the structure as this interface knows it. */
    public int sizeBytes() {
        return sizeBytes;
    }

    /** Bytes of the structure's first version. */
    public int minBytes() {
        return minBytes;
    }

    /** Of a request number; empty for one that is not here. */
    public static Optional<Ioctl> of(int number) {
        for (Ioctl ioctl : values()) {
            if (ioctl.number == number) {
                return Optional.of(ioctl);
            }
        }
        return Optional.empty();
    }
}
