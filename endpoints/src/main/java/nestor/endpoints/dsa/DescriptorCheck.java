package nestor.endpoints.dsa;

/**
 * What makes a descriptor be refused before it begins, in the order of §5.4. Pure.
 *
 * @param status {@link Status#NONE}, or why it is refused
 * @param invalidFlags for {@link Status#INVALID_FLAGS}: which
 */
record DescriptorCheck(int status, int invalidFlags) {
    private static final DescriptorCheck GOOD = new DescriptorCheck(Status.NONE, 0);

    static final int COMPLETION_ALIGNMENT_BYTES = 32;
    private static final int LIST_ALIGNMENT_BYTES = 64;

    /** Where a descriptor came from. */
    enum Origin {
        PORTAL,
        BATCH
    }

    boolean isGood() {
        return status == Status.NONE;
    }

    static DescriptorCheck of(Descriptor descriptor, WqConfig config, Origin origin) {
        Opcode opcode = Opcode.of(descriptor.opcode()).orElse(null);
        if (opcode == null
                || origin == Origin.BATCH && (opcode == Opcode.BATCH || opcode == Opcode.DRAIN)) {
            return refused(Status.UNSUPPORTED_OPERATION);
        }
        int invalid = invalidFlags(descriptor, opcode, config, origin);
        if (invalid != 0) {
            return new DescriptorCheck(Status.INVALID_FLAGS, invalid);
        }
        if (opcode.hasReservedBits(descriptor)) {
            return refused(Status.RESERVED_FIELD);
        }
        if (opcode == Opcode.BATCH) {
            return batch(descriptor, config);
        }
        if (!opcode.transfers()) {
            return GOOD;
        }
        long size = descriptor.size();
        if (size == 0 || size > 1L << config.maxTransferLog2()) {
            return refused(Status.TRANSFER_SIZE);
        }
        int status = Operands.check(opcode, descriptor);
        return status == Status.NONE ? GOOD : refused(status);
    }

    private static int invalidFlags(
            Descriptor descriptor, Opcode opcode, WqConfig config, Origin origin) {
        int invalid = opcode.invalidFlags(descriptor);
        if (origin == Origin.PORTAL) {
            invalid |= descriptor.flags() & Flags.FENCE;
        }
        if (!config.blockOnFault()) {
            invalid |= descriptor.flags() & Flags.BLOCK_ON_FAULT;
        }
        if (!descriptor.has(Flags.COMPLETION_ADDRESS_VALID)) {
            invalid |= descriptor.flags() & Flags.REQUEST_COMPLETION;
        }
        return invalid;
    }

    private static DescriptorCheck batch(Descriptor descriptor, WqConfig config) {
        if (descriptor.size() < 2 || descriptor.size() > 1L << config.maxBatchLog2()) {
            return refused(Status.DESCRIPTOR_COUNT);
        }
        boolean aligned = (descriptor.source() & (LIST_ALIGNMENT_BYTES - 1)) == 0;
        return aligned ? GOOD : refused(Status.DESCRIPTOR_LIST_ALIGNMENT);
    }

    private static DescriptorCheck refused(int status) {
        return new DescriptorCheck(status, 0);
    }
}
