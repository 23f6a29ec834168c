package nestor.machine.gic;

/**
 * A register frame of the GIC, called with the GIC's lock held. Accesses are naturally aligned, 1
 * to 8 bytes.
 */
interface Frame {
    long read(long offset, int sizeBytes);

    void write(long offset, int sizeBytes, long value);
}
