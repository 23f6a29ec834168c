package nestor.vtd;

import nestor.iommu.oracle.CommandText;
import nestor.vtd.command.InvalidationDescriptor;

/** Descriptors as §6.5.2 writes them, with their operands. */
final class DescriptorText {
    private DescriptorText() {}

    static String of(InvalidationDescriptor descriptor) {
        return CommandText.of(name(descriptor), (Record) descriptor);
    }

    /** The same request made through registers (§6.5.1). */
    static String ofRegister(String register, InvalidationDescriptor descriptor) {
        return CommandText.of(register, (Record) descriptor);
    }

    private static String name(InvalidationDescriptor descriptor) {
        return switch (descriptor) {
            case InvalidationDescriptor.ContextCache _ -> "cc_inv_dsc";
            case InvalidationDescriptor.Iotlb _ -> "iotlb_inv_dsc";
            case InvalidationDescriptor.DeviceTlb _ -> "dev_tlb_inv_dsc";
            case InvalidationDescriptor.InterruptEntryCache _ -> "iec_inv_dsc";
            case InvalidationDescriptor.Wait _ -> "inv_wait_dsc";
            case InvalidationDescriptor.PasidIotlb _ -> "p_iotlb_inv_dsc";
            case InvalidationDescriptor.PasidCache _ -> "pc_inv_dsc";
            case InvalidationDescriptor.PasidDeviceTlb _ -> "p_dev_tlb_inv_dsc";
            case InvalidationDescriptor.PageGroupResponse _ -> "page_grp_resp_dsc";
            case InvalidationDescriptor.Invalid _ -> "invalid descriptor";
        };
    }
}
