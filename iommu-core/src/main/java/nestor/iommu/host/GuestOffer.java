package nestor.iommu.host;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * The most that a model may offer a guest whose devices a host translates for: what the host's
 * hardware walks. A model narrows what it was built with to it, once, before reset.
 *
 * @param vtdFirstStage whether tables of VT-d's first stage are walked
 * @param contextTables whether tables of SMMUv3 Context descriptors are walked
 * @param fiveLevels FS5LP, VT-d
 * @param gigabytePages FS1GP, VT-d
 * @param supervisorRequests SRS, VT-d
 * @param pasidBits 0 without PASIDs
 * @param asidBits 8 or 16, SMMUv3
 * @param granules sizes of pages or'ed, as a mask of addresses: 4, 16, 64 KiB
 * @param twoLevelTables CD2L, SMMUv3
 * @param rangeInvalidation RIL, SMMUv3
 * @param stall whether faults may stall, SMMUv3
 * @param secondStage whether the guest's own second stage is walked: never, the host's is there
 */
public record GuestOffer(
        boolean vtdFirstStage,
        boolean contextTables,
        boolean fiveLevels,
        boolean gigabytePages,
        boolean supervisorRequests,
        int pasidBits,
        int asidBits,
        long granules,
        boolean twoLevelTables,
        boolean rangeInvalidation,
        boolean stall,
        boolean secondStage) {
    /** Nothing is walked: devices are blocked, or pass. */
    public static final GuestOffer NOTHING =
            new GuestOffer(false, false, false, false, false, 0, 0, 0, false, false, false, false);

    private static final int GRANULE_4K = 1 << 12;
    private static final int GRANULE_16K = 1 << 14;
    private static final int GRANULE_64K = 1 << 16;
    private static final int MAX_PASID_BITS = 20;

    /** CAP_REG and ECAP_REG. */
    private static final BitField FS1GP = bit(56);

    private static final BitField FS5LP = bit(60);
    private static final BitField NEST = bit(26);
    private static final BitField SRS = bit(31);
    private static final BitField PSS = bits(39, 35);
    private static final BitField PASID = bit(40);
    private static final BitField SMTS = bit(43);
    private static final BitField FSTS = bit(47);

    /** SMMU_IDR0. */
    private static final BitField TTF = bits(3, 2);

    private static final BitField ASID16 = bit(12);
    private static final BitField CD2L = bit(19);
    private static final BitField STALL_MODEL = bits(25, 24);

    /** SMMU_IDR1, IDR3, IDR5. */
    private static final BitField SSIDSIZE = bits(10, 6);

    private static final BitField RIL = bit(10);
    private static final BitField GRAN4K = bit(4);
    private static final BitField GRAN16K = bit(5);
    private static final BitField GRAN64K = bit(6);

    /** What follows from a host's capabilities, and from nothing else. */
    public static GuestOffer of(HostCapabilities host) {
        return switch (host) {
            case HostCapabilities.None _ -> NOTHING;
            case HostCapabilities.Vtd vtd -> of(vtd);
            case HostCapabilities.SmmuV3 smmu -> of(smmu);
        };
    }

    private static GuestOffer of(HostCapabilities.Vtd host) {
        long ecap = host.ecap();
        if (!NEST.isSet(ecap) || !SMTS.isSet(ecap) || !FSTS.isSet(ecap)) {
            return NOTHING;
        }
        int pss = PASID.isSet(ecap) ? PSS.getInt(ecap) + 1 : 0;
        return new GuestOffer(
                true,
                false,
                FS5LP.isSet(host.cap()),
                FS1GP.isSet(host.cap()),
                SRS.isSet(ecap),
                pasidBits(pss, host.maxPasidLog2()),
                0,
                GRANULE_4K,
                false,
                false,
                false,
                false);
    }

    private static int pasidBits(int hardware, int kernel) {
        return Math.min(Math.min(hardware, kernel), MAX_PASID_BITS);
    }

    private static GuestOffer of(HostCapabilities.SmmuV3 host) {
        boolean aarch64 = TTF.getInt(host.idr0()) >= 2;
        long granules = GRAN4K.isSet(host.idr5()) ? GRANULE_4K : 0;
        granules |= GRAN16K.isSet(host.idr5()) ? GRANULE_16K : 0;
        granules |= GRAN64K.isSet(host.idr5()) ? GRANULE_64K : 0;
        if (!aarch64 || granules == 0) {
            return NOTHING;
        }
        return new GuestOffer(
                false,
                true,
                false,
                false,
                false,
                pasidBits(SSIDSIZE.getInt(host.idr1()), host.maxPasidLog2()),
                ASID16.isSet(host.idr0()) ? 16 : 8,
                granules,
                CD2L.isSet(host.idr0()),
                RIL.isSet(host.idr3()),
                STALL_MODEL.getInt(host.idr0()) != 1,
                false);
    }
}
