package nestor.paging;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.paging.TableFormat.DescriptorKind;
import nestor.vmm.register.BitField;

/**
 * What both stages of VMSAv8-64 share: how addresses are cut, and where descriptors hold them (DDI
 * 0487, §D8.2, §D8.3).
 *
 * @param granuleLog2 12, 14 or 16
 * @param inputBits width of the range, {@code 64 - TxSZ}: 16..48, or to 52 if {@code large}
 * @param outputBits configured output address width: 32..48, or to 52 if {@code large}
 * @param large whether descriptors hold 52-bit addresses: FEAT_LPA with the 64 KiB granule, where
 *     bits 15:12 hold address bits 51:48; FEAT_LPA2 with DS set otherwise, where bits 9:8 hold
 *     address bits 51:50
 */
public record VmsaV8Geometry(int granuleLog2, int inputBits, int outputBits, boolean large) {
    static final int LAST_LEVEL = 3;

    private static final int SMALL_ADDRESS_BITS = 48;
    private static final int LARGE_ADDRESS_BITS = 52;

    private static final BitField VALID = bit(0);
    private static final BitField TABLE_OR_PAGE = bit(1);
    private static final BitField CONTIGUOUS = bit(52);

    /** 64 KiB granule: address bits 51:48. */
    private static final BitField LPA_HIGH = bits(15, 12);

    private static final int LPA_HIGH_FROM = 48;

    /** 4 KiB and 16 KiB granules: address bits 51:50. */
    private static final BitField LPA2_HIGH = bits(9, 8);

    private static final int LPA2_HIGH_FROM = 50;

    public VmsaV8Geometry {
        if (granuleLog2 != 12 && granuleLog2 != 14 && granuleLog2 != 16) {
            throw new IllegalArgumentException("no such granule: 2^" + granuleLog2);
        }
        int addressBits = large ? LARGE_ADDRESS_BITS : SMALL_ADDRESS_BITS;
        if (inputBits < 16 || inputBits > addressBits || inputBits <= granuleLog2) {
            throw new IllegalArgumentException("no such input width: " + inputBits);
        }
        if (outputBits < 32 || outputBits > addressBits) {
            throw new IllegalArgumentException("no such output width: " + outputBits);
        }
    }

    /** Input-address bits per level. */
    int stride() {
        return granuleLog2 - 3;
    }

    int addressBits() {
        return large ? LARGE_ADDRESS_BITS : SMALL_ADDRESS_BITS;
    }

    boolean fitsOutput(long address) {
        return address >>> outputBits == 0;
    }

    int shift(int level) {
        return granuleLog2 + (LAST_LEVEL - level) * stride();
    }

    /** A table's base out of a base address register, aligned to the table's size. */
    long base(long register, int indexBits) {
        int tableLog2 = Math.max(indexBits + 3, large ? 6 : 4);
        return register & bits(addressBits() - 1, tableLog2).mask();
    }

    /** §D8.3.1: bits 1:0, and at which levels a block is legal. */
    DescriptorKind kind(long descriptor, int level) {
        if (!VALID.isSet(descriptor)) {
            return DescriptorKind.INVALID;
        }
        if (TABLE_OR_PAGE.isSet(descriptor)) {
            return level == LAST_LEVEL ? DescriptorKind.LEAF : DescriptorKind.TABLE;
        }
        boolean blockLevel =
                switch (level) {
                    case 2 -> true;
                    case 1 -> granuleLog2 == 12 || large;
                    case 0 -> granuleLog2 == 12 && large;
                    default -> false;
                };
        return blockLevel ? DescriptorKind.LEAF : DescriptorKind.INVALID;
    }

    long nextTable(long descriptor) {
        return address(descriptor, granuleLog2);
    }

    long output(long leaf, int level) {
        return address(leaf, shift(level));
    }

    private long address(long descriptor, int lowBit) {
        long aligned = -1L << lowBit;
        if (!large) {
            return descriptor & aligned & -1L >>> 64 - SMALL_ADDRESS_BITS;
        }
        return granuleLog2 == 16
                ? descriptor & aligned & -1L >>> 64 - LPA_HIGH_FROM
                        | LPA_HIGH.get(descriptor) << LPA_HIGH_FROM
                : descriptor & aligned & -1L >>> 64 - LPA2_HIGH_FROM
                        | LPA2_HIGH.get(descriptor) << LPA2_HIGH_FROM;
    }

    /**
     * §D8.7.1: how many pages or blocks the Contiguous bit joins. Levels without a count ignore the
     * bit, and so do tables too small to hold so many entries.
     */
    int contiguousLog2(long leaf, int level) {
        int size = shift(level);
        if (!CONTIGUOUS.isSet(leaf)) {
            return size;
        }
        int joined =
                switch (granuleLog2) {
                    case 12 -> level >= 1 ? 4 : 0;
                    case 14 -> level == 3 ? 7 : level == 2 ? 5 : 0;
                    default -> level >= 2 ? 5 : 0;
                };
        return size + joined <= inputBits ? size + joined : size;
    }
}
