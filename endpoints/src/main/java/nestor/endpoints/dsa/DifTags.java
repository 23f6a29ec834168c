package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * The tags of a side of a DIF operation, as descriptor and completion record have them: reference
 * tag [31:0], application tag mask [47:32], application tag [63:48].
 *
 * @param reference of the block at hand
 * @param mask bits of the application tag that do not count
 * @param application of the block at hand
 */
record DifTags(int reference, int mask, int application) {
    private static final BitField REFERENCE = bits(31, 0);
    private static final BitField MASK = bits(47, 32);
    private static final BitField APPLICATION = bits(63, 48);

    static DifTags decode(long word) {
        return new DifTags(REFERENCE.getInt(word), MASK.getInt(word), APPLICATION.getInt(word));
    }

    long encode() {
        long word = REFERENCE.set(0, Integer.toUnsignedLong(reference));
        return APPLICATION.set(MASK.set(word, mask), application);
    }

    /**
     * The tags of the next block.
     *
     * @param flags bit 7: the reference tag is fixed; bit 4: the application tag increments
     */
    DifTags next(DifFlags flags) {
        return new DifTags(
                flags.fixesReference() ? reference : reference + 1,
                mask,
                flags.incrementsApplication() ? application + 1 & 0xffff : application);
    }

    /** What is written as the application tag. */
    int maskedApplication() {
        return application & ~mask;
    }
}
