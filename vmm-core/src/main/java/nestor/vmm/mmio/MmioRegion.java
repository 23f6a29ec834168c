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

    /** The narrowest access the region takes: 1, 2, 4 or 8 bytes. */
    default int minAccessBytes() {
        return 1;
    }

    /** The widest access the region takes: 1, 2, 4 or 8 bytes. */
    default int maxAccessBytes() {
        return 8;
    }
}
