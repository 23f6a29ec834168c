package nestor.pci;

/**
 * Who makes a memory request (PCIe Base §2.2.6, §6.20): made once per context, reused per access.
 *
 * @param rid Requester ID, 16 bits: bus [15:8], device [7:3], function [2:0]
 * @param pasid 20-bit PASID, or {@link #NO_PASID}; 0 is a valid PASID
 * @param privileged Privileged Mode Requested, meaningful with a PASID only
 */
public record Requester(int rid, int pasid, boolean privileged) {
    public static final int NO_PASID = -1;

    public static Requester withoutPasid(int rid) {
        return new Requester(rid, NO_PASID, false);
    }

    public boolean hasPasid() {
        return pasid != NO_PASID;
    }
}
