package nestor.vtd.event;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.pci.AddressType;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.register.BitField;

/**
 * What a fault recording register holds (§11.4.14), without F.
 *
 * @param information quadword 0: FI
 * @param attributes quadword 1
 */
public record FaultRecord(long information, long attributes) {
    /** F: the register holds a fault. */
    public static final BitField F = bit(63);

    private static final BitField FI = bits(63, 12);
    private static final BitField INTERRUPT_INDEX = bits(63, 48);

    private static final BitField SID = bits(15, 0);
    private static final BitField T2 = bit(28);
    private static final BitField PRIV = bit(29);
    private static final BitField EXE = bit(30);
    private static final BitField PP = bit(31);
    private static final BitField FR = bits(39, 32);
    private static final BitField PV = bits(59, 40);
    private static final BitField AT = bits(61, 60);
    private static final BitField T1 = bit(62);

    /** A fault of a memory request; its type is write as soon as it needs to write. */
    public static FaultRecord of(
            FaultReason reason, Requester requester, AddressType type, long address, int access) {
        long word = head(reason, requester.rid());
        word |= AT.set(0, encode(type));
        if ((access & Translation.WRITE) == 0) {
            word |= T1.mask();
            if (requester.hasPasid() && (access & Translation.EXECUTE) != 0) {
                word |= EXE.mask();
            }
        }
        return new FaultRecord(FI.getInPlace(address), withPasid(word, requester));
    }

    /** A fault of a page request. */
    public static FaultRecord ofPageRequest(FaultReason reason, Requester requester, long address) {
        long word = head(reason, requester.rid()) | T2.mask();
        return new FaultRecord(FI.getInPlace(address), withPasid(word, requester));
    }

    /** A fault of an interrupt request: only index, source and reason are there. */
    public static FaultRecord ofInterrupt(FaultReason reason, int sid, int index) {
        return new FaultRecord(INTERRUPT_INDEX.set(0, index), head(reason, sid));
    }

    /** Source ID. */
    public int sid() {
        return SID.getInt(attributes);
    }

    /** Fault reason. */
    public int reason() {
        return FR.getInt(attributes);
    }

    /** PCIe Base §2.2.4.1: the AT field of a request. */
    private static int encode(AddressType type) {
        return switch (type) {
            case UNTRANSLATED -> 0;
            case TRANSLATION_REQUEST -> 1;
            case TRANSLATED -> 2;
        };
    }

    private static long head(FaultReason reason, int sid) {
        return FR.set(SID.set(0, sid), reason.code());
    }

    private static long withPasid(long word, Requester requester) {
        if (!requester.hasPasid()) {
            return word;
        }
        long with = PV.set(word, requester.pasid()) | PP.mask();
        return requester.privileged() ? with | PRIV.mask() : with;
    }
}
