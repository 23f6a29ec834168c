package nestor.iommufd;

/** Offsets, flags and types of the structures, a class for each. Sizes are in {@link Ioctl}. */
public final class Uapi {
    private Uapi() {}

    public static final class IoasAlloc {
        public static final int FLAGS = 4;
        public static final int OUT_IOAS_ID = 8;

        private IoasAlloc() {}
    }

    public static final class AllowIovas {
        public static final int IOAS_ID = 4;
        public static final int NUM_IOVAS = 8;
        public static final int RESERVED = 12;
        public static final int ALLOWED_IOVAS = 16;

        private AllowIovas() {}
    }

    /** struct iommu_iova_range: both ends inclusive. */
    public static final class IovaRangeElement {
        public static final int START = 0;
        public static final int LAST = 8;
        public static final int BYTES = 16;

        private IovaRangeElement() {}
    }

    public static final class IoasCopy {
        public static final int FLAGS = 4;
        public static final int DST_IOAS_ID = 8;
        public static final int SRC_IOAS_ID = 12;
        public static final int LENGTH = 16;
        public static final int DST_IOVA = 24;
        public static final int SRC_IOVA = 32;

        private IoasCopy() {}
    }

    public static final class IovaRanges {
        public static final int IOAS_ID = 4;
        public static final int NUM_IOVAS = 8;
        public static final int RESERVED = 12;
        public static final int ALLOWED_IOVAS = 16;
        public static final int OUT_IOVA_ALIGNMENT = 24;

        private IovaRanges() {}
    }

    public static final class IoasMap {
        public static final int FLAGS = 4;
        public static final int IOAS_ID = 8;
        public static final int RESERVED = 12;
        public static final int USER_VA = 16;
        public static final int LENGTH = 24;
        public static final int IOVA = 32;

        public static final int FIXED_IOVA = 1;
        public static final int WRITEABLE = 2;
        public static final int READABLE = 4;

        private IoasMap() {}
    }

    public static final class IoasUnmap {
        public static final int IOAS_ID = 4;
        public static final int IOVA = 8;
        public static final int LENGTH = 16;

        private IoasUnmap() {}
    }

    public static final class Option {
        public static final int OPTION_ID = 4;
        public static final int OP = 8;
        public static final int RESERVED = 10;
        public static final int OBJECT_ID = 12;
        public static final int VALUE = 16;

        public static final int RLIMIT_MODE = 0;
        public static final int HUGE_PAGES = 1;
        public static final int SET = 0;
        public static final int GET = 1;

        private Option() {}
    }

    public static final class HwptAlloc {
        public static final int FLAGS = 4;
        public static final int DEV_ID = 8;
        public static final int PT_ID = 12;
        public static final int OUT_HWPT_ID = 16;
        public static final int RESERVED = 20;
        public static final int DATA_TYPE = 24;
        public static final int DATA_LEN = 28;
        public static final int DATA_UPTR = 32;
        public static final int FAULT_ID = 40;
        public static final int RESERVED2 = 44;

        public static final int NEST_PARENT = 1;
        public static final int DIRTY_TRACKING = 2;
        public static final int FAULT_ID_VALID = 4;
        public static final int PASID = 8;

        public static final int DATA_NONE = 0;
        public static final int DATA_VTD_S1 = 1;
        public static final int DATA_ARM_SMMUV3 = 2;

        /** Of the kernel's test module. */
        public static final int DATA_SELFTEST = 0xdead;

        private HwptAlloc() {}
    }

    /** struct iommu_hwpt_vtd_s1. */
    public static final class VtdS1 {
        public static final int FLAGS = 0;
        public static final int PGTBL_ADDR = 8;
        public static final int ADDR_WIDTH = 16;
        public static final int RESERVED = 20;
        public static final int BYTES = 24;

        public static final int SRE = 1;
        public static final int EAFE = 2;
        public static final int WPE = 4;

        private VtdS1() {}
    }

    /** struct iommu_hwpt_arm_smmuv3: doublewords 0 and 1 of the STE. */
    public static final class ArmSmmuV3 {
        public static final int STE0 = 0;
        public static final int STE1 = 8;
        public static final int BYTES = 16;

        private ArmSmmuV3() {}
    }

    public static final class HwInfo {
        public static final int FLAGS = 4;
        public static final int DEV_ID = 8;
        public static final int DATA_LEN = 12;
        public static final int DATA_UPTR = 16;
        public static final int DATA_TYPE = 24;
        public static final int OUT_MAX_PASID_LOG2 = 28;
        public static final int RESERVED = 29;
        public static final int OUT_CAPABILITIES = 32;

        public static final int INPUT_TYPE = 1;

        public static final int TYPE_NONE = 0;
        public static final int TYPE_INTEL_VTD = 1;
        public static final int TYPE_ARM_SMMUV3 = 2;
        public static final int TYPE_SELFTEST = 0xfeedbeef;

        public static final int CAP_DIRTY_TRACKING = 1;
        public static final int CAP_PASID_EXEC = 2;
        public static final int CAP_PASID_PRIV = 4;

        /** struct iommu_hw_info_vtd. */
        public static final int VTD_CAP_REG = 8;

        public static final int VTD_ECAP_REG = 16;
        public static final int VTD_BYTES = 24;

        /** struct iommu_hw_info_arm_smmuv3. */
        public static final int SMMUV3_IDR = 8;

        public static final int SMMUV3_BYTES = 40;

        private HwInfo() {}
    }

    public static final class DirtyTracking {
        public static final int FLAGS = 4;
        public static final int HWPT_ID = 8;
        public static final int RESERVED = 12;

        public static final int ENABLE = 1;

        private DirtyTracking() {}
    }

    public static final class DirtyBitmap {
        public static final int HWPT_ID = 4;
        public static final int FLAGS = 8;
        public static final int RESERVED = 12;
        public static final int IOVA = 16;
        public static final int LENGTH = 24;
        public static final int PAGE_SIZE = 32;
        public static final int DATA = 40;

        public static final int NO_CLEAR = 1;

        private DirtyBitmap() {}
    }

    public static final class HwptInvalidate {
        public static final int HWPT_ID = 4;
        public static final int DATA_UPTR = 8;
        public static final int DATA_TYPE = 16;
        public static final int ENTRY_LEN = 20;
        public static final int ENTRY_NUM = 24;
        public static final int RESERVED = 28;

        public static final int DATA_VTD_S1 = 0;
        public static final int DATA_ARM_SMMUV3 = 1;
        public static final int DATA_SELFTEST = 0xdeadbeef;

        public static final int MAX_ENTRIES = 1 << 19;

        private HwptInvalidate() {}
    }

    /** struct iommu_hwpt_vtd_s1_invalidate. */
    public static final class VtdS1Invalidate {
        public static final int ADDR = 0;
        public static final int NPAGES = 8;
        public static final int FLAGS = 16;
        public static final int RESERVED = 20;
        public static final int BYTES = 24;

        public static final int LEAF = 1;

        private VtdS1Invalidate() {}
    }

    public static final class FaultQueueAlloc {
        public static final int FLAGS = 4;
        public static final int OUT_FAULT_ID = 8;
        public static final int OUT_FAULT_FD = 12;

        private FaultQueueAlloc() {}
    }

    /** struct iommu_hwpt_pgfault: a record that is read. */
    public static final class PageFault {
        public static final int FLAGS = 0;
        public static final int DEV_ID = 4;
        public static final int PASID = 8;
        public static final int GRPID = 12;
        public static final int PERM = 16;
        public static final int ADDR = 24;
        public static final int LENGTH = 32;
        public static final int COOKIE = 36;
        public static final int BYTES = 40;

        public static final int PASID_VALID = 1;
        public static final int LAST_PAGE = 2;

        public static final int READ = 1;
        public static final int WRITE = 2;
        public static final int EXEC = 4;
        public static final int PRIV = 8;

        private PageFault() {}
    }

    /** struct iommu_hwpt_page_response: a record that is written. */
    public static final class FaultResponse {
        public static final int COOKIE = 0;
        public static final int CODE = 4;
        public static final int BYTES = 8;

        public static final int SUCCESS = 0;
        public static final int INVALID = 1;

        private FaultResponse() {}
    }

    public static final class ViommuAlloc {
        public static final int FLAGS = 4;
        public static final int TYPE = 8;
        public static final int DEV_ID = 12;
        public static final int HWPT_ID = 16;
        public static final int OUT_VIOMMU_ID = 20;
        public static final int DATA_LEN = 24;
        public static final int RESERVED = 28;
        public static final int DATA_UPTR = 32;

        public static final int TYPE_DEFAULT = 0;
        public static final int TYPE_ARM_SMMUV3 = 1;
        public static final int TYPE_SELFTEST = 0xdeadbeef;

        private ViommuAlloc() {}
    }

    public static final class VdeviceAlloc {
        public static final int VIOMMU_ID = 4;
        public static final int DEV_ID = 8;
        public static final int OUT_VDEVICE_ID = 12;
        public static final int VIRT_ID = 16;

        private VdeviceAlloc() {}
    }

    public static final class VeventqAlloc {
        public static final int FLAGS = 4;
        public static final int VIOMMU_ID = 8;
        public static final int TYPE = 12;
        public static final int DEPTH = 16;
        public static final int OUT_VEVENTQ_ID = 20;
        public static final int OUT_VEVENTQ_FD = 24;
        public static final int RESERVED = 28;

        public static final int TYPE_ARM_SMMUV3 = 1;
        public static final int TYPE_SELFTEST = 0xbeefbeef;
        public static final int MAX_DEPTH = 1 << 19;

        private VeventqAlloc() {}
    }

    /** struct iommu_test_cmd of kernels with IOMMUFD_TEST; in no header for programs. */
    public static final class TestCommand {
        public static final int OP = 4;
        public static final int OUT_ACCESS_FD = 16;

        public static final int CREATE_ACCESS = 5;

        private TestCommand() {}
    }

    /** struct iommufd_vevent_header, before each record that is read. */
    public static final class Vevent {
        public static final int FLAGS = 0;
        public static final int SEQUENCE = 4;
        public static final int HEADER_BYTES = 8;

        public static final int LOST_EVENTS = 1;

        /** struct iommu_vevent_arm_smmuv3. */
        public static final int SMMUV3_BYTES = 32;

        /** struct iommu_viommu_event_selftest. */
        public static final int SELFTEST_BYTES = 4;

        private Vevent() {}
    }

    public static final class DeviceBind {
        public static final int ARGSZ = 0;
        public static final int FLAGS = 4;
        public static final int IOMMUFD = 8;
        public static final int OUT_DEVID = 12;

        private DeviceBind() {}
    }

    public static final class DeviceAttach {
        public static final int FLAGS = 4;
        public static final int PT_ID = 8;
        public static final int PASID = 12;

        public static final int FLAG_PASID = 1;

        private DeviceAttach() {}
    }

    public static final class DeviceDetach {
        public static final int FLAGS = 4;
        public static final int PASID = 8;

        private DeviceDetach() {}
    }

    /** struct vfio_device_info. */
    public static final class DeviceInfo {
        public static final int FLAGS = 4;
        public static final int NUM_REGIONS = 8;
        public static final int NUM_IRQS = 12;

        /** VFIO_DEVICE_RESET is there. */
        public static final int FLAG_RESET = 1;

        public static final int FLAG_PCI = 2;

        private DeviceInfo() {}
    }

    /** struct vfio_region_info, and the regions of a PCI device. */
    public static final class RegionInfo {
        public static final int FLAGS = 4;
        public static final int INDEX = 8;
        public static final int CAP_OFFSET = 12;
        public static final int SIZE = 16;
        public static final int OFFSET = 24;
        public static final int BYTES = 32;

        public static final int FLAG_READ = 1;
        public static final int FLAG_WRITE = 2;
        public static final int FLAG_MMAP = 4;
        public static final int FLAG_CAPS = 8;

        public static final int INDEX_BAR0 = 0;
        public static final int INDEX_ROM = 6;
        public static final int INDEX_CONFIG = 7;
        public static final int NUM_REGIONS = 9;

        private RegionInfo() {}
    }

    /** struct vfio_info_cap_header, and of the capability by which parts can be mapped. */
    public static final class SparseMmap {
        public static final int ID = 0;
        public static final int NEXT = 4;
        public static final int NR_AREAS = 8;
        public static final int AREAS = 16;
        public static final int AREA_OFFSET = 0;
        public static final int AREA_SIZE = 8;
        public static final int AREA_BYTES = 16;

        public static final int CAP_ID = 1;

        private SparseMmap() {}
    }

    /** struct vfio_irq_info, and the interrupts of a PCI device. */
    public static final class IrqInfo {
        public static final int FLAGS = 4;
        public static final int INDEX = 8;
        public static final int COUNT = 12;

        public static final int FLAG_EVENTFD = 1;
        public static final int FLAG_MASKABLE = 2;
        public static final int FLAG_AUTOMASKED = 4;

        /** A vector cannot be added while others are set. */
        public static final int FLAG_NORESIZE = 8;

        public static final int INDEX_INTX = 0;
        public static final int INDEX_MSI = 1;
        public static final int INDEX_MSIX = 2;
        public static final int INDEX_ERR = 3;
        public static final int INDEX_REQ = 4;
        public static final int NUM_IRQS = 5;

        private IrqInfo() {}
    }

    /** struct vfio_irq_set. */
    public static final class IrqSet {
        public static final int FLAGS = 4;
        public static final int INDEX = 8;
        public static final int START = 12;
        public static final int COUNT = 16;
        public static final int DATA = 20;

        public static final int DATA_NONE = 1;
        public static final int DATA_BOOL = 2;
        public static final int DATA_EVENTFD = 4;
        public static final int ACTION_MASK = 8;
        public static final int ACTION_UNMASK = 16;
        public static final int ACTION_TRIGGER = 32;

        private IrqSet() {}
    }
}
