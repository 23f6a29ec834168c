package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.util.Optional;
import nestor.vmm.register.BitField;

/**
 * The PASID TLP Prefix (PCIe Base §6.20.2.1): the dword in front of a request's header.
 *
 * @param pasid 20 bits
 * @param privileged Privileged Mode Requested
 * @param execute Execute Requested
 */
public record PasidPrefix(int pasid, boolean privileged, boolean execute) {
    /** A prefix, End-End, of type PASID. */
    private static final int FORMAT_AND_TYPE = 0x91;

    private static final BitField BYTE0 = bits(31, 24);
    private static final BitField PRIVILEGED = bit(23);
    private static final BitField EXECUTE = bit(22);
    private static final BitField PASID = bits(19, 0);

    /** The prefix with which {@code requester} sends; empty without PASID. */
    public static Optional<PasidPrefix> of(Requester requester, boolean execute) {
        return requester.hasPasid()
                ? Optional.of(new PasidPrefix(requester.pasid(), requester.privileged(), execute))
                : Optional.empty();
    }

    /** The prefix that {@code dword} is; empty if it is another kind. */
    public static Optional<PasidPrefix> decode(int dword) {
        long word = Integer.toUnsignedLong(dword);
        if (BYTE0.getInt(word) != FORMAT_AND_TYPE) {
            return Optional.empty();
        }
        return Optional.of(
                new PasidPrefix(PASID.getInt(word), PRIVILEGED.isSet(word), EXECUTE.isSet(word)));
    }

    /** The dword, bit 31 first on the wire. */
    public int dword() {
        long word = BYTE0.set(0, FORMAT_AND_TYPE);
        word = privileged ? PRIVILEGED.setAll(word) : word;
        word = execute ? EXECUTE.setAll(word) : word;
        return (int) PASID.set(word, pasid);
    }
}
