package nestor.machine.vfio;

import java.util.Optional;
import nestor.iommu.host.HostException;
import nestor.iommufd.Uapi.HwInfo;
import nestor.iommufd.VfioDevice;
import nestor.pci.AtsOptions;
import nestor.pci.PasidOptions;
import nestor.pci.PriOptions;

/**
 * What of ATS, PRI and PASID a guest is shown. ATS and PRI are in the configuration space that VFIO
 * shows; PASID is not, and follows from what the kernel says of the device (IOMMU_GET_HW_INFO).
 */
public record ExtendedOffer(
        Optional<PasidOptions> pasid, Optional<AtsOptions> ats, Optional<PriOptions> pri) {
    private static final int QUEUE_DEPTH = 0x1f;
    private static final int PAGE_ALIGNED = 1 << 5;
    private static final int GLOBAL_INVALIDATE = 1 << 6;
    private static final int MAX_QUEUE_DEPTH = 32;
    private static final int STU_BITS = 5;
    private static final int RESPONSE_PASID = 1 << 15;
    private static final int MAX_WIDTH = 20;

    /**
     * What the host has.
     *
     * @param pasidBits 0 without PASIDs
     * @param features of {@link HwInfo}
     */
    public static ExtendedOffer of(VfioDevice device, int pasidBits, long features)
            throws HostException {
        var config = new HostConfigSpace(device);
        return new ExtendedOffer(pasid(pasidBits, features), ats(config), pri(config));
    }

    private static Optional<PasidOptions> pasid(int bits, long features) {
        return bits == 0
                ? Optional.empty()
                : Optional.of(
                        new PasidOptions(
                                Math.min(bits, MAX_WIDTH),
                                (features & HwInfo.CAP_PASID_EXEC) != 0,
                                (features & HwInfo.CAP_PASID_PRIV) != 0,
                                false));
    }

    private static Optional<AtsOptions> ats(HostConfigSpace config) throws HostException {
        int at = config.extended(HostConfigSpace.EXTENDED_ATS);
        if (at == 0) {
            return Optional.empty();
        }
        int capability = config.read(at + 4, 2);
        int depth = capability & QUEUE_DEPTH;
        return Optional.of(
                new AtsOptions(
                        depth == 0 ? MAX_QUEUE_DEPTH : depth,
                        (capability & PAGE_ALIGNED) != 0,
                        (capability & GLOBAL_INVALIDATE) != 0,
                        STU_BITS));
    }

    private static Optional<PriOptions> pri(HostConfigSpace config) throws HostException {
        int at = config.extended(HostConfigSpace.EXTENDED_PRI);
        if (at == 0) {
            return Optional.empty();
        }
        int capacity = config.read(at + 8, 4);
        boolean pasid = (config.read(at + 6, 2) & RESPONSE_PASID) != 0;
        return capacity <= 0 ? Optional.empty() : Optional.of(new PriOptions(capacity, pasid));
    }

    /** Without what {@code wanted} does not want; PRI needs ATS. */
    public ExtendedOffer only(boolean keepPasid, boolean keepAts, boolean keepPri) {
        return new ExtendedOffer(
                keepPasid ? pasid : Optional.empty(),
                keepAts ? ats : Optional.empty(),
                keepAts && keepPri ? pri : Optional.empty());
    }
}
