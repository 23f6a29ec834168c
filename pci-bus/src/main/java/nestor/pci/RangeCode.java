package nestor.pci;

import static nestor.vmm.register.BitField.bit;

import nestor.vmm.register.BitField;

/**
 * How Translation Completions and Invalidate Requests write an aligned range in 8 bytes (PCIe Base
 * §10.2.3.2, §10.3.1): S = 0 is 4 KiB; with S = 1 the number of consecutive ones from address bit
 * 12 upward doubles 8 KiB that many times.
 */
final class RangeCode {
    private static final BitField SIZE = bit(11);
    private static final int PAGE_LOG2 = 12;

    private RangeCode() {}

    /**
     * @param base aligned to the size
     * @param sizeLog2 12..64; 64 is the whole address space, bits 62:12 ones and bit 63 zero
     */
    static long encode(long base, int sizeLog2) {
        if (sizeLog2 < PAGE_LOG2 || sizeLog2 > 64 || base(base, sizeLog2) != base) {
            throw new IllegalArgumentException(
                    "no aligned range: 0x%x, 2^%d bytes".formatted(base, sizeLog2));
        }
        if (sizeLog2 == PAGE_LOG2) {
            return base;
        }
        long ones = (1L << sizeLog2 - 1) - (1L << PAGE_LOG2);
        return base | ones | SIZE.mask();
    }

    static int sizeLog2(long code) {
        if (!SIZE.isSet(code)) {
            return PAGE_LOG2;
        }
        int ones = Long.numberOfTrailingZeros(~(code >> PAGE_LOG2));
        return Math.min(PAGE_LOG2 + 1 + ones, 64);
    }

    static long base(long address, int sizeLog2) {
        return sizeLog2 == 64 ? 0 : address & -1L << sizeLog2;
    }
}
