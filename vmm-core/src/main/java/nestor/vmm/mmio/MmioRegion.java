package nestor.vmm.mmio;

/**
 * What answers a range of guest-physical addresses. A region sees offsets from its own base, never
 * its base. Called on the vCPU's thread.
 *
 * <p>The bus delivers naturally aligned accesses of a size in {@link #minAccessBytes} .. {@link
 * #maxAccessBytes} only.
 */
public interface MmioRegion {
    /**
     * Reads {@code sizeBytes} at {@code offset}.
     *
     * @return the value, zero-extended; bits above {@code sizeBytes} are ignored
     */
    long read(long offset, int sizeBytes);

    /**
     * Writes the low {@code sizeBytes} of {@code value} at {@code offset}.
     *
     * @param value zero-extended
     */
    void write(long offset, int sizeBytes, long value);

    /**
     * Takes 64 bytes written at once: a posted write that must not be torn (MOVDIR64B).
     *
     * @param offset a multiple of {@link MmioBus#BLOCK_BYTES}
     * @param block eight little-endian quadwords, lowest address first; the region keeps no
     *     reference
     * @return false if the region has no use for whole blocks; the bus then delivers eight 8-byte
     *     writes
     */
    default boolean writeBlock(long offset, long[] block) {
        return false;
    }

    /**
     * Takes a Deferrable Memory Write of 64 bytes (PCIe Base 6.0, §2.2.7; ENQCMD, ENQCMDS).
     *
     * @param offset a multiple of {@link MmioBus#BLOCK_BYTES}
     * @param block as for {@link #writeBlock}
     * @return whether it was accepted (Successful Completion); if not, nothing has been written and
     *     the requester is to retry
     */
    default boolean writeDeferrable(long offset, long[] block) {
        return false;
    }

    /** The narrowest access the region takes: 1, 2, 4 or 8 bytes. */
    default int minAccessBytes() {
        return 1;
    }

    /** The widest access the region takes: 1, 2, 4 or 8 bytes. */
    default int maxAccessBytes() {
        return 8;
    }
}
