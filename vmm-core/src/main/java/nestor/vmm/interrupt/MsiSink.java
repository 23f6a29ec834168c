package nestor.vmm.interrupt;

/**
 * Where message-signalled interrupts arrive, after any IOMMU: on Arm the ITS, on x86 the local
 * APICs or interrupt remapping. Any thread; no device lock is held by the caller.
 */
@FunctionalInterface
public interface MsiSink {
    /**
     * A memory write of {@code data} to an MSI doorbell.
     *
     * @param deviceId who writes: the RID of the PCI function (GICv3: the DeviceID)
     * @param gpa the doorbell's guest-physical address
     * @param data the 32-bit message (GICv3 ITS: the EventID)
     */
    void signal(int deviceId, long gpa, int data);
}
