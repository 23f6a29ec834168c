package nestor.iommufd;

import nestor.iommu.host.HostCapabilities;

/** What IOMMU_GET_HW_INFO says, decoded once. */
final class HostInfo {
    private HostInfo() {}

    static HostCapabilities capabilities(Iommufd.HwInfo info) {
        return switch (info.type()) {
            case Uapi.HwInfo.TYPE_INTEL_VTD ->
                    new HostCapabilities.Vtd(
                            info.data().doubleword(Uapi.HwInfo.VTD_CAP_REG),
                            info.data().doubleword(Uapi.HwInfo.VTD_ECAP_REG),
                            info.maxPasidLog2());
            case Uapi.HwInfo.TYPE_ARM_SMMUV3 ->
                    new HostCapabilities.SmmuV3(
                            idr(info, 0),
                            idr(info, 1),
                            idr(info, 3),
                            idr(info, 5),
                            info.maxPasidLog2());
            default -> new HostCapabilities.None();
        };
    }

    private static int idr(Iommufd.HwInfo info, int n) {
        return info.data().word(Uapi.HwInfo.SMMUV3_IDR + 4 * n);
    }
}
