package nestor.pci;

import nestor.vmm.interrupt.MsiSink;

/**
 * The guest-physical window where message-signalled interrupts arrive: a 4-byte aligned DMA write
 * whose translated address lies inside becomes one {@link MsiSink#signal}.
 *
 * @param gpa first address of the window
 * @param sizeBytes of the window
 * @param sink told of each message, with the writer's RID
 */
public record MsiDoorbell(long gpa, long sizeBytes, MsiSink sink) {
    boolean contains(long address) {
        return Long.compareUnsigned(address - gpa, sizeBytes) < 0;
    }
}
