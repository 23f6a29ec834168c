package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * How blocks of a DIF operation lie in memory.
 *
 * @param dataBytes 512, 520, 4096 or 4104
 * @param sourceBytes with the field, where the source has one
 * @param destinationBytes with the field, where the destination has one; 0 if there is none
 */
record DifBlocks(int dataBytes, int sourceBytes, int destinationBytes) {
    static final int FIELD_BYTES = 8;

    /** Of quadword 5. */
    private static final BitField BLOCK_SIZE = bits(17, 16);

    private static final int[] BLOCK_BYTES = {512, 520, 4096, 4104};

    static DifBlocks of(Opcode opcode, Descriptor descriptor) {
        int data = BLOCK_BYTES[BLOCK_SIZE.getInt(descriptor.specific(5))];
        int whole = data + FIELD_BYTES;
        return switch (opcode) {
            case DIF_INSERT -> new DifBlocks(data, data, whole);
            case DIF_STRIP -> new DifBlocks(data, whole, data);
            case DIF_UPDATE -> new DifBlocks(data, whole, whole);
            default -> new DifBlocks(data, whole, 0);
        };
    }
}
