package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.Optional;
import nestor.vmm.register.BitField;

/**
 * A Page Request message, or a Stop Marker (PCIe Base §10.4.1): a function asks that a page be made
 * accessible.
 *
 * @param requester RID, PASID and Privileged Mode Requested
 * @param iova of the page; bits [11:0] do not count
 * @param access {@link Translation#READ}, {@link Translation#WRITE} and {@link Translation#EXECUTE}
 *     (Execute Requested in the PASID prefix) or'ed
 * @param prgIndex Page Request Group index, 0..511
 * @param last L: the group ends, and is answered, with this request
 */
public record PageRequest(Requester requester, long iova, int access, int prgIndex, boolean last) {
    /** Page Request Group indices: nine bits. */
    public static final int PRG_INDICES = 512;

    private static final BitField ADDRESS = bits(31, 12);
    private static final BitField PRG_INDEX = bits(11, 3);
    private static final BitField LAST = bit(2);
    private static final BitField WRITE = bit(1);
    private static final BitField READ = bit(0);

    public PageRequest {
        if (prgIndex < 0 || prgIndex >= PRG_INDICES) {
            throw new IllegalArgumentException("no such PRG index: " + prgIndex);
        }
    }

    /**
     * The Stop Marker of a PASID (§10.4.1.2): L without R and W. Takes no credit, gets no answer.
     */
    public static PageRequest stopMarker(Requester requester) {
        return new PageRequest(requester, 0, 0, 0, true);
    }

    /** Whether this is a Stop Marker; without a PASID, L alone just ends a group. */
    public boolean isStopMarker() {
        return last && access == 0 && requester.hasPasid();
    }

    /** The same, with more of its group to come. */
    PageRequest withoutLast() {
        return last ? new PageRequest(requester, iova, access, prgIndex, false) : this;
    }

    /**
     * From the PASID prefix, if there is one, and header dwords 2 and 3; total.
     *
     * @param rid the header's Requester ID
     */
    public static PageRequest decode(int rid, Optional<PasidPrefix> prefix, int dw2, int dw3) {
        long word = Integer.toUnsignedLong(dw3);
        int access = READ.isSet(word) ? Translation.READ : 0;
        access |= WRITE.isSet(word) ? Translation.WRITE : 0;
        access |= prefix.isPresent() && prefix.get().execute() ? Translation.EXECUTE : 0;
        Requester requester =
                prefix.map(p -> new Requester(rid, p.pasid(), p.privileged()))
                        .orElse(Requester.withoutPasid(rid));
        long iova = (long) dw2 << 32 | ADDRESS.getInPlace(word);
        return new PageRequest(requester, iova, access, PRG_INDEX.getInt(word), LAST.isSet(word));
    }

    /** The PASID prefix in front of the message; empty without PASID. */
    public Optional<PasidPrefix> prefix() {
        return PasidPrefix.of(requester, (access & Translation.EXECUTE) != 0);
    }

    /** The message's second address dword, bits [63:32] (header DW2). */
    public int headerDw2() {
        return (int) (iova >>> 32);
    }

    /** Address bits [31:12], PRG index, L, W and R (header DW3). */
    public int headerDw3() {
        long word = ADDRESS.getInPlace(iova);
        word = PRG_INDEX.set(word, prgIndex);
        word |= last ? LAST.mask() : 0;
        word |= (access & Translation.WRITE) != 0 ? WRITE.mask() : 0;
        word |= (access & Translation.READ) != 0 ? READ.mask() : 0;
        return (int) word;
    }
}
