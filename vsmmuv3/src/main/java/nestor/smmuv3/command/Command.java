package nestor.smmuv3.command;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.pci.Requester;
import nestor.vmm.register.BitField;

/**
 * A Command queue entry, decoded once (IHI 0070, chapter 4). Whether the SMMU has the feature that
 * a command belongs to is for the queue's owner to judge.
 */
public sealed interface Command {
    /** Size of an entry. */
    int BYTES = 16;

    /** §4.2 CMD_PREFETCH_CONFIG and CMD_PREFETCH_ADDR: hints. */
    record Prefetch() implements Command {}

    /** §4.3.1 CMD_CFGI_STE. */
    record CfgiSte(int sid, boolean leaf) implements Command {}

    /** §4.3.2 CMD_CFGI_STE_RANGE: 2^(range+1) STEs; with range 31 it is CMD_CFGI_ALL. */
    record CfgiSteRange(int sid, int range) implements Command {}

    /** §4.3.3 CMD_CFGI_CD. */
    record CfgiCd(int sid, int ssid, boolean leaf) implements Command {}

    /** §4.3.4 CMD_CFGI_CD_ALL. */
    record CfgiCdAll(int sid) implements Command {}

    /** §4.3.5 CMD_CFGI_VMS_PIDM. */
    record CfgiVmsPidm(int vmid) implements Command {}

    /** §4.4.1 CMD_TLBI_NH_ALL. */
    record TlbiNhAll(int vmid) implements Command {}

    /** §4.4.1 CMD_TLBI_NH_ASID: entries that are not global. */
    record TlbiNhAsid(int vmid, int asid) implements Command {}

    /** §4.4.1 CMD_TLBI_NH_VA: of the ASID, and global ones. */
    record TlbiNhVa(int vmid, int asid, TlbRange range) implements Command {}

    /** §4.4.1 CMD_TLBI_NH_VAA: of every ASID. */
    record TlbiNhVaa(int vmid, TlbRange range) implements Command {}

    /** §4.4.2 CMD_TLBI_S12_VMALL. */
    record TlbiS12VmAll(int vmid) implements Command {}

    /** §4.4.2 CMD_TLBI_S2_IPA. */
    record TlbiS2Ipa(int vmid, TlbRange range) implements Command {}

    /** §4.4.3 CMD_TLBI_NSNH_ALL. */
    record TlbiNsnhAll() implements Command {}

    /** §4.4.1 CMD_TLBI_EL2_*: legal only with SMMU_IDR0.Hyp. */
    record TlbiEl2(int opcode) implements Command {}

    /**
     * §4.5.1 CMD_ATC_INV.
     *
     * @param pasid or {@link Requester#NO_PASID} if SSV is clear
     * @param iova aligned to the size
     * @param sizeLog2 12..64
     */
    record AtcInv(int sid, int pasid, boolean global, long iova, int sizeLog2) implements Command {}

    /**
     * §4.5.2 CMD_PRI_RESP.
     *
     * @param response the Resp field, 0..3
     */
    record PriResp(int sid, int pasid, int prgIndex, int response) implements Command {}

    /** §4.6.1 CMD_RESUME. */
    record Resume(int sid, int stag, int response) implements Command {}

    /** §4.6.2 CMD_STALL_TERM. */
    record StallTerm(int sid) implements Command {}

    /**
     * §4.7.3 CMD_SYNC.
     *
     * @param signal the CS field: 0 none, 1 interrupt or message, 2 event, 3 reserved
     * @param msiAddress 0 for no message
     */
    record Sync(int signal, long msiAddress, int msiData) implements Command {}

    /** A reserved encoding, or one of another programming interface. */
    record Illegal(int opcode) implements Command {}

    /** Fields in the order of doubleword and bit. */
    final class Fields {
        static final BitField OPCODE = bits(7, 0);
        static final BitField GLOBAL = bit(9);
        static final BitField SSEC = bit(10);
        static final BitField SSV = bit(11);
        static final BitField SSID = bits(31, 12);
        static final BitField NUM = bits(16, 12);
        static final BitField SYNC_CS = bits(13, 12);
        static final BitField RESUME_RESP = bits(13, 12);
        static final BitField SCALE = bits(25, 20);
        static final BitField VMID = bits(47, 32);
        static final BitField SID = bits(63, 32);
        static final BitField MSI_DATA = bits(63, 32);
        static final BitField ASID = bits(63, 48);

        /** Doubleword 1. */
        static final BitField LEAF = bit(0);

        static final BitField RANGE = bits(4, 0);
        static final BitField SIZE = bits(5, 0);
        static final BitField PRG_INDEX = bits(8, 0);
        static final BitField STAG = bits(15, 0);
        static final BitField TTL = bits(9, 8);
        static final BitField TG = bits(11, 10);
        static final BitField PRI_RESP = bits(13, 12);
        static final BitField MSI_ADDRESS = bits(51, 2);
        static final BitField ADDRESS = bits(63, 12);

        private Fields() {}
    }

    /** Pages of CMD_ATC_INV beyond which the whole address space is meant. */
    int ATC_ALL_PAGES_LOG2 = 52;

    /** From the two doublewords of an entry; total. */
    static Command decode(long dw0, long dw1) {
        int opcode = Fields.OPCODE.getInt(dw0);
        if (Fields.SSEC.isSet(dw0)) {
            return new Illegal(opcode);
        }
        int sid = (int) Fields.SID.get(dw0);
        int vmid = Fields.VMID.getInt(dw0);
        int asid = Fields.ASID.getInt(dw0);
        return switch (opcode) {
            case 0x01, 0x02 -> new Prefetch();
            case 0x03 -> new CfgiSte(sid, Fields.LEAF.isSet(dw1));
            case 0x04 -> new CfgiSteRange(sid, Fields.RANGE.getInt(dw1));
            case 0x05 -> new CfgiCd(sid, Fields.SSID.getInt(dw0), Fields.LEAF.isSet(dw1));
            case 0x06 -> new CfgiCdAll(sid);
            case 0x07 -> new CfgiVmsPidm(vmid);
            case 0x10 -> new TlbiNhAll(vmid);
            case 0x11 -> new TlbiNhAsid(vmid, asid);
            case 0x12 -> new TlbiNhVa(vmid, asid, TlbRange.decode(dw0, dw1));
            case 0x13 -> new TlbiNhVaa(vmid, TlbRange.decode(dw0, dw1));
            case 0x20, 0x21, 0x22, 0x23 -> new TlbiEl2(opcode);
            case 0x28 -> new TlbiS12VmAll(vmid);
            case 0x2a -> new TlbiS2Ipa(vmid, TlbRange.decode(dw0, dw1));
            case 0x30 -> new TlbiNsnhAll();
            case 0x40 -> atcInv(sid, dw0, dw1);
            case 0x41 ->
                    new PriResp(
                            sid,
                            pasid(dw0),
                            Fields.PRG_INDEX.getInt(dw1),
                            Fields.PRI_RESP.getInt(dw1));
            case 0x44 -> new Resume(sid, Fields.STAG.getInt(dw1), Fields.RESUME_RESP.getInt(dw0));
            case 0x45 -> new StallTerm(sid);
            case 0x46 ->
                    new Sync(
                            Fields.SYNC_CS.getInt(dw0),
                            Fields.MSI_ADDRESS.getInPlace(dw1),
                            (int) Fields.MSI_DATA.get(dw0));
            default -> new Illegal(opcode);
        };
    }

    private static int pasid(long dw0) {
        return Fields.SSV.isSet(dw0) ? Fields.SSID.getInt(dw0) : Requester.NO_PASID;
    }

    /** Global counts only with a substream. */
    private static AtcInv atcInv(int sid, long dw0, long dw1) {
        int pages = Math.min(Fields.SIZE.getInt(dw1), ATC_ALL_PAGES_LOG2);
        int sizeLog2 = 12 + pages;
        long iova =
                pages == ATC_ALL_PAGES_LOG2 ? 0 : Fields.ADDRESS.getInPlace(dw1) & -1L << sizeLog2;
        int pasid = pasid(dw0);
        boolean global = pasid != Requester.NO_PASID && Fields.GLOBAL.isSet(dw0);
        return new AtcInv(sid, pasid, global, iova, sizeLog2);
    }
}
