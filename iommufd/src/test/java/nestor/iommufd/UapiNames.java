package nestor.iommufd;

import java.util.Map;
import java.util.TreeMap;

/** What the constants of {@link Ioctl} and {@link Uapi} are called in linux/iommufd.h, vfio.h. */
final class UapiNames {
    /** By line: a constant of {@link Ioctl}, its macro, its structure. */
    private static final String IOCTLS =
            """
            DESTROY IOMMU_DESTROY iommu_destroy
            IOAS_ALLOC IOMMU_IOAS_ALLOC iommu_ioas_alloc
            IOAS_ALLOW_IOVAS IOMMU_IOAS_ALLOW_IOVAS iommu_ioas_allow_iovas
            IOAS_COPY IOMMU_IOAS_COPY iommu_ioas_copy
            IOAS_IOVA_RANGES IOMMU_IOAS_IOVA_RANGES iommu_ioas_iova_ranges
            IOAS_MAP IOMMU_IOAS_MAP iommu_ioas_map
            IOAS_UNMAP IOMMU_IOAS_UNMAP iommu_ioas_unmap
            OPTION IOMMU_OPTION iommu_option
            HWPT_ALLOC IOMMU_HWPT_ALLOC iommu_hwpt_alloc
            GET_HW_INFO IOMMU_GET_HW_INFO iommu_hw_info
            HWPT_SET_DIRTY_TRACKING IOMMU_HWPT_SET_DIRTY_TRACKING iommu_hwpt_set_dirty_tracking
            HWPT_GET_DIRTY_BITMAP IOMMU_HWPT_GET_DIRTY_BITMAP iommu_hwpt_get_dirty_bitmap
            HWPT_INVALIDATE IOMMU_HWPT_INVALIDATE iommu_hwpt_invalidate
            FAULT_QUEUE_ALLOC IOMMU_FAULT_QUEUE_ALLOC iommu_fault_alloc
            VIOMMU_ALLOC IOMMU_VIOMMU_ALLOC iommu_viommu_alloc
            VDEVICE_ALLOC IOMMU_VDEVICE_ALLOC iommu_vdevice_alloc
            VEVENTQ_ALLOC IOMMU_VEVENTQ_ALLOC iommu_veventq_alloc
            DEVICE_GET_INFO VFIO_DEVICE_GET_INFO vfio_device_info
            DEVICE_GET_REGION_INFO VFIO_DEVICE_GET_REGION_INFO vfio_region_info
            DEVICE_GET_IRQ_INFO VFIO_DEVICE_GET_IRQ_INFO vfio_irq_info
            DEVICE_SET_IRQS VFIO_DEVICE_SET_IRQS vfio_irq_set
            DEVICE_RESET VFIO_DEVICE_RESET -
            DEVICE_BIND_IOMMUFD VFIO_DEVICE_BIND_IOMMUFD vfio_device_bind_iommufd
            DEVICE_ATTACH_IOMMUFD_PT VFIO_DEVICE_ATTACH_IOMMUFD_PT vfio_device_attach_iommufd_pt
            DEVICE_DETACH_IOMMUFD_PT VFIO_DEVICE_DETACH_IOMMUFD_PT vfio_device_detach_iommufd_pt
            """;

    /**
     * By line: a class of {@link Uapi} and its structure; below it what is constant and field, by
     * {@code .field} of that or of another structure, or constant and enumerator.
     */
    private static final String STRUCTURES =
            """
            IoasAlloc iommu_ioas_alloc
              FLAGS .flags
              OUT_IOAS_ID .out_ioas_id
            AllowIovas iommu_ioas_allow_iovas
              IOAS_ID .ioas_id
              NUM_IOVAS .num_iovas
              RESERVED .__reserved
              ALLOWED_IOVAS .allowed_iovas
            IovaRangeElement iommu_iova_range
              START .start
              LAST .last
              BYTES sizeof
            IoasCopy iommu_ioas_copy
              FLAGS .flags
              DST_IOAS_ID .dst_ioas_id
              SRC_IOAS_ID .src_ioas_id
              LENGTH .length
              DST_IOVA .dst_iova
              SRC_IOVA .src_iova
            IovaRanges iommu_ioas_iova_ranges
              IOAS_ID .ioas_id
              NUM_IOVAS .num_iovas
              RESERVED .__reserved
              ALLOWED_IOVAS .allowed_iovas
              OUT_IOVA_ALIGNMENT .out_iova_alignment
            IoasMap iommu_ioas_map
              FLAGS .flags
              IOAS_ID .ioas_id
              RESERVED .__reserved
              USER_VA .user_va
              LENGTH .length
              IOVA .iova
              FIXED_IOVA IOMMU_IOAS_MAP_FIXED_IOVA
              WRITEABLE IOMMU_IOAS_MAP_WRITEABLE
              READABLE IOMMU_IOAS_MAP_READABLE
            IoasUnmap iommu_ioas_unmap
              IOAS_ID .ioas_id
              IOVA .iova
              LENGTH .length
            Option iommu_option
              OPTION_ID .option_id
              OP .op
              RESERVED .__reserved
              OBJECT_ID .object_id
              VALUE .val64
              RLIMIT_MODE IOMMU_OPTION_RLIMIT_MODE
              HUGE_PAGES IOMMU_OPTION_HUGE_PAGES
              SET IOMMU_OPTION_OP_SET
              GET IOMMU_OPTION_OP_GET
            HwptAlloc iommu_hwpt_alloc
              FLAGS .flags
              DEV_ID .dev_id
              PT_ID .pt_id
              OUT_HWPT_ID .out_hwpt_id
              RESERVED .__reserved
              DATA_TYPE .data_type
              DATA_LEN .data_len
              DATA_UPTR .data_uptr
              FAULT_ID .fault_id
              RESERVED2 .__reserved2
              NEST_PARENT IOMMU_HWPT_ALLOC_NEST_PARENT
              DIRTY_TRACKING IOMMU_HWPT_ALLOC_DIRTY_TRACKING
              FAULT_ID_VALID IOMMU_HWPT_FAULT_ID_VALID
              PASID IOMMU_HWPT_ALLOC_PASID
              DATA_NONE IOMMU_HWPT_DATA_NONE
              DATA_VTD_S1 IOMMU_HWPT_DATA_VTD_S1
              DATA_ARM_SMMUV3 IOMMU_HWPT_DATA_ARM_SMMUV3
            VtdS1 iommu_hwpt_vtd_s1
              FLAGS .flags
              PGTBL_ADDR .pgtbl_addr
              ADDR_WIDTH .addr_width
              RESERVED .__reserved
              BYTES sizeof
              SRE IOMMU_VTD_S1_SRE
              EAFE IOMMU_VTD_S1_EAFE
              WPE IOMMU_VTD_S1_WPE
            ArmSmmuV3 iommu_hwpt_arm_smmuv3
              STE0 .ste[0]
              STE1 .ste[1]
              BYTES sizeof
            HwInfo iommu_hw_info
              FLAGS .flags
              DEV_ID .dev_id
              DATA_LEN .data_len
              DATA_UPTR .data_uptr
              DATA_TYPE .out_data_type
              OUT_MAX_PASID_LOG2 .out_max_pasid_log2
              RESERVED .__reserved
              OUT_CAPABILITIES .out_capabilities
              INPUT_TYPE IOMMU_HW_INFO_FLAG_INPUT_TYPE
              TYPE_NONE IOMMU_HW_INFO_TYPE_NONE
              TYPE_INTEL_VTD IOMMU_HW_INFO_TYPE_INTEL_VTD
              TYPE_ARM_SMMUV3 IOMMU_HW_INFO_TYPE_ARM_SMMUV3
              CAP_DIRTY_TRACKING IOMMU_HW_CAP_DIRTY_TRACKING
              CAP_PASID_EXEC IOMMU_HW_CAP_PCI_PASID_EXEC
              CAP_PASID_PRIV IOMMU_HW_CAP_PCI_PASID_PRIV
              VTD_CAP_REG iommu_hw_info_vtd.cap_reg
              VTD_ECAP_REG iommu_hw_info_vtd.ecap_reg
              VTD_BYTES sizeof(iommu_hw_info_vtd)
              SMMUV3_IDR iommu_hw_info_arm_smmuv3.idr
              SMMUV3_BYTES sizeof(iommu_hw_info_arm_smmuv3)
            DirtyTracking iommu_hwpt_set_dirty_tracking
              FLAGS .flags
              HWPT_ID .hwpt_id
              RESERVED .__reserved
              ENABLE IOMMU_HWPT_DIRTY_TRACKING_ENABLE
            DirtyBitmap iommu_hwpt_get_dirty_bitmap
              HWPT_ID .hwpt_id
              FLAGS .flags
              RESERVED .__reserved
              IOVA .iova
              LENGTH .length
              PAGE_SIZE .page_size
              DATA .data
              NO_CLEAR IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR
            HwptInvalidate iommu_hwpt_invalidate
              HWPT_ID .hwpt_id
              DATA_UPTR .data_uptr
              DATA_TYPE .data_type
              ENTRY_LEN .entry_len
              ENTRY_NUM .entry_num
              RESERVED .__reserved
              DATA_VTD_S1 IOMMU_HWPT_INVALIDATE_DATA_VTD_S1
              DATA_ARM_SMMUV3 IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3
            VtdS1Invalidate iommu_hwpt_vtd_s1_invalidate
              ADDR .addr
              NPAGES .npages
              FLAGS .flags
              RESERVED .__reserved
              BYTES sizeof
              LEAF IOMMU_VTD_INV_FLAGS_LEAF
            FaultQueueAlloc iommu_fault_alloc
              FLAGS .flags
              OUT_FAULT_ID .out_fault_id
              OUT_FAULT_FD .out_fault_fd
            PageFault iommu_hwpt_pgfault
              FLAGS .flags
              DEV_ID .dev_id
              PASID .pasid
              GRPID .grpid
              PERM .perm
              ADDR .addr
              LENGTH .length
              COOKIE .cookie
              BYTES sizeof
              PASID_VALID IOMMU_PGFAULT_FLAGS_PASID_VALID
              LAST_PAGE IOMMU_PGFAULT_FLAGS_LAST_PAGE
              READ IOMMU_PGFAULT_PERM_READ
              WRITE IOMMU_PGFAULT_PERM_WRITE
              EXEC IOMMU_PGFAULT_PERM_EXEC
              PRIV IOMMU_PGFAULT_PERM_PRIV
            FaultResponse iommu_hwpt_page_response
              COOKIE .cookie
              CODE .code
              BYTES sizeof
              SUCCESS IOMMUFD_PAGE_RESP_SUCCESS
              INVALID IOMMUFD_PAGE_RESP_INVALID
            ViommuAlloc iommu_viommu_alloc
              FLAGS .flags
              TYPE .type
              DEV_ID .dev_id
              HWPT_ID .hwpt_id
              OUT_VIOMMU_ID .out_viommu_id
              DATA_LEN .data_len
              RESERVED .__reserved
              DATA_UPTR .data_uptr
              TYPE_DEFAULT IOMMU_VIOMMU_TYPE_DEFAULT
              TYPE_ARM_SMMUV3 IOMMU_VIOMMU_TYPE_ARM_SMMUV3
            VdeviceAlloc iommu_vdevice_alloc
              VIOMMU_ID .viommu_id
              DEV_ID .dev_id
              OUT_VDEVICE_ID .out_vdevice_id
              VIRT_ID .virt_id
            VeventqAlloc iommu_veventq_alloc
              FLAGS .flags
              VIOMMU_ID .viommu_id
              TYPE .type
              DEPTH .veventq_depth
              OUT_VEVENTQ_ID .out_veventq_id
              OUT_VEVENTQ_FD .out_veventq_fd
              RESERVED .__reserved
              TYPE_ARM_SMMUV3 IOMMU_VEVENTQ_TYPE_ARM_SMMUV3
            Vevent iommufd_vevent_header
              FLAGS .flags
              SEQUENCE .sequence
              HEADER_BYTES sizeof
              LOST_EVENTS IOMMU_VEVENTQ_FLAG_LOST_EVENTS
              SMMUV3_BYTES sizeof(iommu_vevent_arm_smmuv3)
            DeviceBind vfio_device_bind_iommufd
              ARGSZ .argsz
              FLAGS .flags
              IOMMUFD .iommufd
              OUT_DEVID .out_devid
            DeviceAttach vfio_device_attach_iommufd_pt
              FLAGS .flags
              PT_ID .pt_id
              PASID .pasid
              FLAG_PASID VFIO_DEVICE_ATTACH_PASID
            DeviceDetach vfio_device_detach_iommufd_pt
              FLAGS .flags
              PASID .pasid
            DeviceInfo vfio_device_info
              FLAGS .flags
              NUM_REGIONS .num_regions
              NUM_IRQS .num_irqs
              FLAG_RESET VFIO_DEVICE_FLAGS_RESET
              FLAG_PCI VFIO_DEVICE_FLAGS_PCI
            RegionInfo vfio_region_info
              FLAGS .flags
              INDEX .index
              CAP_OFFSET .cap_offset
              SIZE .size
              OFFSET .offset
              BYTES sizeof
              FLAG_READ VFIO_REGION_INFO_FLAG_READ
              FLAG_WRITE VFIO_REGION_INFO_FLAG_WRITE
              FLAG_MMAP VFIO_REGION_INFO_FLAG_MMAP
              FLAG_CAPS VFIO_REGION_INFO_FLAG_CAPS
              INDEX_BAR0 VFIO_PCI_BAR0_REGION_INDEX
              INDEX_ROM VFIO_PCI_ROM_REGION_INDEX
              INDEX_CONFIG VFIO_PCI_CONFIG_REGION_INDEX
              NUM_REGIONS VFIO_PCI_NUM_REGIONS
            SparseMmap vfio_region_info_cap_sparse_mmap
              ID vfio_info_cap_header.id
              NEXT vfio_info_cap_header.next
              NR_AREAS .nr_areas
              AREAS .areas
              AREA_OFFSET vfio_region_sparse_mmap_area.offset
              AREA_SIZE vfio_region_sparse_mmap_area.size
              AREA_BYTES sizeof(vfio_region_sparse_mmap_area)
              CAP_ID VFIO_REGION_INFO_CAP_SPARSE_MMAP
            IrqInfo vfio_irq_info
              FLAGS .flags
              INDEX .index
              COUNT .count
              FLAG_EVENTFD VFIO_IRQ_INFO_EVENTFD
              FLAG_MASKABLE VFIO_IRQ_INFO_MASKABLE
              FLAG_AUTOMASKED VFIO_IRQ_INFO_AUTOMASKED
              FLAG_NORESIZE VFIO_IRQ_INFO_NORESIZE
              INDEX_INTX VFIO_PCI_INTX_IRQ_INDEX
              INDEX_MSI VFIO_PCI_MSI_IRQ_INDEX
              INDEX_MSIX VFIO_PCI_MSIX_IRQ_INDEX
              INDEX_ERR VFIO_PCI_ERR_IRQ_INDEX
              INDEX_REQ VFIO_PCI_REQ_IRQ_INDEX
              NUM_IRQS VFIO_PCI_NUM_IRQS
            IrqSet vfio_irq_set
              FLAGS .flags
              INDEX .index
              START .start
              COUNT .count
              DATA .data
              DATA_NONE VFIO_IRQ_SET_DATA_NONE
              DATA_BOOL VFIO_IRQ_SET_DATA_BOOL
              DATA_EVENTFD VFIO_IRQ_SET_DATA_EVENTFD
              ACTION_MASK VFIO_IRQ_SET_ACTION_MASK
              ACTION_UNMASK VFIO_IRQ_SET_ACTION_UNMASK
              ACTION_TRIGGER VFIO_IRQ_SET_ACTION_TRIGGER
            """;

    private UapiNames() {}

    /** C expressions by class and constant, and by ioctl. */
    static Map<String, String> expressions() {
        Map<String, String> expressions = new TreeMap<>();
        for (String line : IOCTLS.lines().toList()) {
            String[] words = line.split(" ", -1);
            expressions.put("Ioctl." + words[0], words[1]);
            expressions.put(
                    "Ioctl." + words[0] + ".sizeBytes",
                    words[2].equals("-") ? "0" : sizeOf(words[2]));
        }
        String[] struct = {};
        for (String line : STRUCTURES.lines().toList()) {
            String[] words = line.strip().split(" ", -1);
            if (!line.startsWith(" ")) {
                struct = words;
            } else {
                expressions.put(struct[0] + "." + words[0], expression(struct[1], words[1]));
            }
        }
        return expressions;
    }

    private static String expression(String struct, String name) {
        if (name.equals("sizeof")) {
            return sizeOf(struct);
        }
        if (name.startsWith("sizeof(")) {
            return name.replace("(", "(struct ");
        }
        int dot = name.indexOf('.');
        if (dot < 0) {
            return name;
        }
        String of = dot == 0 ? struct : name.substring(0, dot);
        return "offsetof(struct " + of + ", " + name.substring(dot + 1) + ")";
    }

    private static String sizeOf(String struct) {
        return "sizeof(struct " + struct + ")";
    }
}
