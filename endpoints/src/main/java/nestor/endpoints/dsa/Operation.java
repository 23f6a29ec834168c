package nestor.endpoints.dsa;

/**
 * What a descriptor does between its check and its completion record (§5.3), in pieces: a piece
 * happens whole, or is done again from its beginning when its page is there. On the device's loop.
 */
sealed interface Operation
        permits ApplyDelta,
                Compare,
                CrcGeneration,
                CreateDelta,
                DifOperation,
                Dualcast,
                Fill,
                MemoryMove,
                Nothing {
    /** What a piece ended with. */
    enum Progress {
        MORE,
        DONE,
        /** {@link OperandMemory#trouble} says why. */
        STOPPED
    }

    Progress piece(OperandMemory memory);

    /**
     * Fills in what a record says of the operation as it stands: result, bytes completed, the
     * operation's own fields; and the status, if the operation is done.
     */
    void report(CompletionRecord record);

    /** The operation of a descriptor that has passed its check. */
    static Operation of(Descriptor descriptor) {
        Opcode opcode = Opcode.of(descriptor.opcode()).orElseThrow();
        return switch (opcode) {
            case NO_OP, DRAIN, BATCH, CACHE_FLUSH -> new Nothing();
            case MEMORY_MOVE -> new MemoryMove(descriptor);
            case FILL -> new Fill(descriptor);
            case COMPARE -> Compare.buffers(descriptor);
            case COMPARE_PATTERN -> Compare.pattern(descriptor);
            case CREATE_DELTA -> new CreateDelta(descriptor);
            case APPLY_DELTA -> new ApplyDelta(descriptor);
            case DUALCAST -> new Dualcast(descriptor);
            case CRC -> CrcGeneration.alone(descriptor);
            case COPY_CRC -> CrcGeneration.withCopy(descriptor);
            case DIF_CHECK, DIF_INSERT, DIF_STRIP, DIF_UPDATE ->
                    new DifOperation(opcode, descriptor);
        };
    }
}
