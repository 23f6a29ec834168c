package nestor.virtio.iommu;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.iommu.host.HostReports;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.register.BitField;

/** Fault events of a host's SMMUv3 (IHI 0070, §7.3) in the words of this device. */
final class HostFaults {
    private static final BitField NUMBER = bits(7, 0);
    private static final BitField SSV = bit(11);
    private static final BitField SUBSTREAM_ID = bits(31, 12);

    /** Doubleword 1. */
    private static final BitField PNU = bit(33);

    private static final BitField IND = bit(34);
    private static final BitField RNW = bit(35);

    private HostFaults() {}

    /** The fault of endpoint {@code rid} that {@code event} tells of; total. */
    static Fault of(int rid, HostReports.SmmuV3Event event) {
        int pasid = SSV.isSet(event.dw0()) ? SUBSTREAM_ID.getInt(event.dw0()) : Requester.NO_PASID;
        var requester = new Requester(rid, pasid, PNU.isSet(event.dw1()));
        int read = IND.isSet(event.dw1()) ? Translation.EXECUTE : Translation.READ;
        int access = RNW.isSet(event.dw1()) ? read : Translation.WRITE;
        return new Fault(reason(NUMBER.getInt(event.dw0())), requester, event.dw2(), access);
    }

    private static Fault.Reason reason(int number) {
        return switch (number) {
            case 0x04, 0x06, 0x08, 0x0a -> // C_BAD_STE, F_STREAM_DISABLED, C_BAD_SUBSTREAMID, _CD
                    Fault.Reason.DOMAIN;
            case 0x09, 0x0b -> Fault.Reason.WALK_EABT; // F_CD_FETCH, F_WALK_EABT
            case 0x10 -> Fault.Reason.PTE_FETCH; // F_TRANSLATION
            case 0x11 -> Fault.Reason.OOR_ADDRESS; // F_ADDR_SIZE
            case 0x12 -> Fault.Reason.ACCESS; // F_ACCESS
            case 0x13 -> Fault.Reason.PERMISSION; // F_PERMISSION
            default -> Fault.Reason.UNKNOWN;
        };
    }
}
