package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * A Translation Completion Data Entry (PCIe Base §10.2.3): 8 bytes, every pattern of which means
 * something.
 *
 * @param value the entry as a number; the wire carries its most significant byte first
 */
public record AtsEntry(long value) {
    /** R: reading is allowed. */
    public static final BitField READ = bit(0);

    /** W: writing is allowed. */
    public static final BitField WRITE = bit(1);

    /** U: the range must be accessed with Untranslated requests only. */
    public static final BitField UNTRANSLATED_ONLY = bit(2);

    /** Exe: executing is allowed; only if Execute was requested. */
    public static final BitField EXECUTE = bit(3);

    /** Priv: the permissions are those of a privileged entity; echoes the request. */
    public static final BitField PRIVILEGED = bit(4);

    /** Global: the entry may serve every PASID of the function. */
    public static final BitField GLOBAL = bit(5);

    /** AMA: memory attributes, opaque here. */
    public static final BitField MEMORY_ATTRIBUTES = bits(8, 6);

    /** N: accesses must have the No Snoop attribute clear. */
    public static final BitField NO_SNOOP_CLEAR = bit(10);

    /** S: the range is larger than 4 KiB, its size coded in the low address bits. */
    public static final BitField SIZE = bit(11);

    private static final int PAGE_LOG2 = 12;
    private static final BitField ADDRESS = bits(63, PAGE_LOG2);

    /**
     * Codes a translation.
     *
     * @param address translated base, aligned to {@code sizeLog2}
     * @param sizeLog2 12..63
     * @param flags of the single-bit fields above, or'ed in place
     */
    public static AtsEntry of(long address, int sizeLog2, long flags) {
        return new AtsEntry(RangeCode.encode(address, sizeLog2) | flags);
    }

    /** Log2 of the range's size in bytes, 12..64 (64: the size code is all ones). */
    public int sizeLog2() {
        return RangeCode.sizeLog2(value);
    }

    /** Translated address of the range's first byte. */
    public long address() {
        return RangeCode.base(ADDRESS.getInPlace(value), sizeLog2());
    }

    /** {@link Translation#READ}, {@link Translation#WRITE}, {@link Translation#EXECUTE} or'ed. */
    public int access() {
        int access = 0;
        if (READ.isSet(value)) {
            access |= Translation.READ;
        }
        if (WRITE.isSet(value)) {
            access |= Translation.WRITE;
        }
        if (EXECUTE.isSet(value) && READ.isSet(value)) {
            access |= Translation.EXECUTE;
        }
        return access;
    }
}
