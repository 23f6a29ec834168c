package nestor.hostsim;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.iommufd.Errno;
import nestor.vmm.register.BitField;

/**
 * Which commands of a guest reach the SMMUv3's own Command queue (IHI 0070, §4.3 to §4.5): as the
 * kernel shares that queue among guests, a bit that the command has not, or that this SMMU does not
 * know, is refused (EIO, Linux 7.3; kernels before that passed it on).
 */
final class SmmuCommandFilter {
    private static final BitField OPCODE = bits(7, 0);
    private static final BitField GLOBAL = bit(9);
    private static final BitField SSV = bit(11);
    private static final BitField SSID = bits(31, 12);
    private static final BitField NUM = bits(16, 12);
    private static final BitField SCALE = bits(25, 20);
    private static final BitField SCALE_WITHOUT_DS = bits(24, 20);
    private static final BitField SID = bits(63, 32);
    private static final BitField VMID = bits(47, 32);
    private static final BitField ASID = bits(63, 48);
    private static final BitField ASID_8 = bits(55, 48);

    /** Doubleword 1. */
    private static final BitField LEAF = bit(0);

    private static final BitField SIZE = bits(5, 0);
    private static final BitField TTL = bits(9, 8);
    private static final BitField TG = bits(11, 10);
    private static final BitField ADDRESS = bits(63, 12);

    private static final int TG_16K = 2;
    private static final int ALL_PAGES_LOG2 = 52;

    private final boolean ats;
    private final boolean ranges;
    private final boolean ds;
    private final long asid;
    private final long substream;

    /**
     * Of an SMMU.
     *
     * @param idr SMMU_IDR0 to IDR5
     */
    SmmuCommandFilter(int... idr) {
        ats = bit(10).isSet(idr[0]);
        asid = bit(12).isSet(idr[0]) ? ASID.mask() : ASID_8.mask();
        substream = bits(10, 6).get(idr[1]) != 0 ? SSID.mask() : 0;
        ranges = bit(10).isSet(idr[3]);
        ds = bit(10).isSet(idr[5]);
    }

    void check(long word0, long word1) throws Refusal {
        long allowed0 = OPCODE.mask();
        long allowed1 = 0;
        switch (OPCODE.getInt(word0)) {
            case 0x05 -> { // CMD_CFGI_CD
                allowed0 |= substream | SID.mask();
                allowed1 = LEAF.mask();
            }
            case 0x06 -> allowed0 |= SID.mask(); // CMD_CFGI_CD_ALL
            case 0x10 -> allowed0 |= VMID.mask(); // CMD_TLBI_NH_ALL
            case 0x11 -> allowed0 |= VMID.mask() | asid; // CMD_TLBI_NH_ASID
            case 0x12, 0x13 -> { // CMD_TLBI_NH_VA, NH_VAA
                allowed0 |= VMID.mask() | (OPCODE.getInt(word0) == 0x12 ? asid : 0) | range0();
                allowed1 = LEAF.mask() | ADDRESS.mask() | range1();
                Refusal.when(ranges && !isRange(word0, word1), Errno.EIO);
            }
            case 0x30 -> {} // CMD_TLBI_NSNH_ALL
            case 0x40 -> { // CMD_ATC_INV
                allowed0 |= SID.mask() | (substream != 0 ? substream | ssv() : 0);
                allowed1 = SIZE.mask() | ADDRESS.mask();
                Refusal.when(!ats || SIZE.getInt(word1) > ALL_PAGES_LOG2, Errno.EIO);
            }
            default -> throw new Refusal(Errno.EIO);
        }
        Refusal.when((word0 & ~allowed0) != 0 || (word1 & ~allowed1) != 0, Errno.EIO);
    }

    private static long ssv() {
        return SSV.mask() | GLOBAL.mask();
    }

    private long range0() {
        return ranges ? NUM.mask() | (ds ? SCALE : SCALE_WITHOUT_DS).mask() : 0;
    }

    private long range1() {
        return ranges ? TG.mask() | TTL.mask() : 0;
    }

    /** A range, or no field of one; not TG alone, which is reserved. */
    private boolean isRange(long word0, long word1) {
        boolean counted = NUM.get(word0) != 0 || SCALE.get(word0) != 0;
        boolean level = TTL.get(word1) != 0;
        int granule = TG.getInt(word1);
        if (granule == 0) {
            return !counted && !level;
        }
        return (counted || level) && (granule != TG_16K || TTL.get(word1) != 1 || ds);
    }
}
