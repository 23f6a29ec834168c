package nestor.pci;

import org.jspecify.annotations.Nullable;

/**
 * The guest-physical addresses {@code [first, last]}, inclusive and unsigned, never empty.
 *
 * @param first lowest address
 * @param last highest address
 */
record AddressRange(long first, long last) {
    AddressRange {
        if (Long.compareUnsigned(first, last) > 0) {
            throw new IllegalArgumentException("empty address range");
        }
    }

    static AddressRange ofSize(long first, long sizeBytes) {
        return new AddressRange(first, first + sizeBytes - 1);
    }

    boolean contains(long address) {
        return Long.compareUnsigned(address, first) >= 0
                && Long.compareUnsigned(address, last) <= 0;
    }

    /** What both ranges hold; null if nothing. */
    @Nullable AddressRange intersect(AddressRange other) {
        long low = Long.compareUnsigned(first, other.first) >= 0 ? first : other.first;
        long high = Long.compareUnsigned(last, other.last) <= 0 ? last : other.last;
        return Long.compareUnsigned(low, high) <= 0 ? new AddressRange(low, high) : null;
    }
}
