package nestor.iommu.host;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.Optional;
import nestor.pci.InvalidateRequest;
import nestor.vmm.register.BitField;

/**
 * SMMUv3 commands that hosts take (IHI 0070, §4.3 to §4.5), as they stand in a Command queue. VMIDs
 * are left zero: the host puts in its own.
 */
public final class SmmuCommands {
    private static final BitField OPCODE = bits(7, 0);
    private static final BitField GLOBAL = bit(9);
    private static final BitField SSV = bit(11);
    private static final BitField SSID = bits(31, 12);
    private static final BitField NUM = bits(16, 12);
    private static final BitField SCALE = bits(25, 20);
    private static final BitField SID = bits(63, 32);
    private static final BitField ASID = bits(63, 48);

    /** Doubleword 1. */
    private static final BitField LEAF = bit(0);

    private static final BitField SIZE = bits(5, 0);
    private static final BitField TTL = bits(9, 8);
    private static final BitField TG = bits(11, 10);
    private static final BitField ADDRESS = bits(63, 12);

    private static final int CFGI_CD = 0x05;
    private static final int CFGI_CD_ALL = 0x06;
    private static final int TLBI_NH_ALL = 0x10;
    private static final int TLBI_NH_ASID = 0x11;
    private static final int TLBI_NH_VA = 0x12;
    private static final int TLBI_NH_VAA = 0x13;
    private static final int TLBI_S12_VMALL = 0x28;
    private static final int TLBI_NSNH_ALL = 0x30;
    private static final int ATC_INV = 0x40;

    /** ATC_INV of everything: 2^52 pages. */
    private static final int ALL_PAGES_LOG2 = 52;

    private static final int PAGE_LOG2 = 12;

    private SmmuCommands() {}

    /** §4.3.3 CMD_CFGI_CD. */
    public static HostInvalidation.SmmuV3Command cfgiCd(int sid, int ssid) {
        long dw0 = SSID.set(SID.set(CFGI_CD, Integer.toUnsignedLong(sid)), ssid);
        return new HostInvalidation.SmmuV3Command(dw0, LEAF.mask());
    }

    /** §4.3.4 CMD_CFGI_CD_ALL. */
    public static HostInvalidation.SmmuV3Command cfgiCdAll(int sid) {
        return new HostInvalidation.SmmuV3Command(
                SID.set(CFGI_CD_ALL, Integer.toUnsignedLong(sid)), 0);
    }

    /** §4.4.1 CMD_TLBI_NH_ALL. */
    public static HostInvalidation.SmmuV3Command tlbiAll() {
        return new HostInvalidation.SmmuV3Command(TLBI_NH_ALL, 0);
    }

    /** §4.4.1 CMD_TLBI_NH_ASID. */
    public static HostInvalidation.SmmuV3Command tlbiAsid(int asid) {
        return new HostInvalidation.SmmuV3Command(ASID.set(TLBI_NH_ASID, asid), 0);
    }

    /** §4.4.1 CMD_TLBI_NH_VA: one page, all levels. */
    public static HostInvalidation.SmmuV3Command tlbiVa(int asid, long iova) {
        return new HostInvalidation.SmmuV3Command(
                ASID.set(TLBI_NH_VA, asid), ADDRESS.getInPlace(iova));
    }

    /** §4.4.1 CMD_TLBI_NH_VAA: one page of every ASID, all levels. */
    public static HostInvalidation.SmmuV3Command tlbiVaa(long iova) {
        return new HostInvalidation.SmmuV3Command(TLBI_NH_VAA, ADDRESS.getInPlace(iova));
    }

    /** §4.5.1 CMD_ATC_INV. */
    public static HostInvalidation.SmmuV3Command atcInv(InvalidateRequest request) {
        long dw0 = SID.set(ATC_INV, Integer.toUnsignedLong(request.rid()));
        if (request.hasPasid()) {
            dw0 = SSID.set(dw0, request.pasid()) | SSV.mask();
            dw0 |= request.global() ? GLOBAL.mask() : 0;
        }
        int pages = Math.min(request.sizeLog2() - PAGE_LOG2, ALL_PAGES_LOG2);
        return new HostInvalidation.SmmuV3Command(
                dw0, SIZE.set(ADDRESS.getInPlace(request.iova()), pages));
    }

    /**
     * A guest's TLBI or CFGI_CD command without the bits that mean nothing, which hosts refuse;
     * empty for one of another kind. What ends a whole VMID ends all of stage 1.
     *
     * @param ranges whether fields of range invalidation mean something (RIL)
     */
    public static Optional<HostInvalidation.SmmuV3Command> of(
            long word0, long word1, boolean ranges) {
        int opcode = OPCODE.getInt(word0);
        // §4.4.1: without TG a command names one address, whatever NUM, SCALE and TTL are.
        boolean range = ranges && TG.get(word1) != 0;
        long range0 = range ? NUM.mask() | SCALE.mask() : 0;
        long range1 = LEAF.mask() | ADDRESS.mask() | (range ? TTL.mask() | TG.mask() : 0);
        long opcode0 = OPCODE.mask();
        return Optional.ofNullable(
                switch (opcode) {
                    case CFGI_CD ->
                            masked(word0, word1, opcode0 | SSID.mask() | SID.mask(), LEAF.mask());
                    case CFGI_CD_ALL -> masked(word0, word1, opcode0 | SID.mask(), 0);
                    case TLBI_NH_ASID -> masked(word0, word1, opcode0 | ASID.mask(), 0);
                    case TLBI_NH_VA -> masked(word0, word1, opcode0 | range0 | ASID.mask(), range1);
                    case TLBI_NH_VAA -> masked(word0, word1, opcode0 | range0, range1);
                    case TLBI_NH_ALL, TLBI_S12_VMALL, TLBI_NSNH_ALL -> tlbiAll();
                    default -> null;
                });
    }

    private static HostInvalidation.SmmuV3Command masked(
            long word0, long word1, long mask0, long mask1) {
        return new HostInvalidation.SmmuV3Command(word0 & mask0, word1 & mask1);
    }

    public static boolean isAtcInv(HostInvalidation.SmmuV3Command command) {
        return OPCODE.get(command.word0()) == ATC_INV;
    }
}
