package nestor.smmuv3;

/**
 * How the SMMU itself writes a message (IHI 0070, §3.18): to a physical address, with a device
 * identity of its own. Any thread.
 */
@FunctionalInterface
public interface MemoryWriter {
    /**
     * Writes {@code data} at {@code address}, a multiple of 4.
     *
     * @return whether something was there; else the write was aborted
     */
    boolean write(long address, int data);
}
