package nestor.machine;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import nestor.atc.AtcStatistics;
import nestor.iommu.oracle.StaleTranslationOracle;
import nestor.iommu.walk.WalkReport;
import nestor.pci.FunctionInfo;
import nestor.pci.Requester;
import nestor.virtio.VirtqueueState;
import nestor.virtio.iommu.VirtioIommuStatistics;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.vcpu.Vcpu;

/** The parts of a machine, wired, as {@link Machine} runs them. No thread of its own. */
interface Board {
    /** The vCPUs as they are after the last {@link #reset}. */
    List<? extends Vcpu> vcpus();

    /** Instructions retired by all vCPUs together; 0 where nobody counts them. Any thread. */
    long retiredInstructions();

    /** Devices that come and go. */
    HotPlug hotPlug();

    /** Every PCI function, as it is now. */
    List<FunctionInfo> pciFunctions();

    /** What the caches of devices have counted, by the devices' names. */
    Map<String, AtcStatistics> atcStatistics();

    /** The virtqueues of each virtio device, by its name. */
    SequencedMap<String, List<VirtqueueState>> virtqueues();

    /** What the virtio-iommu has counted; empty if there is none. */
    Optional<VirtioIommuStatistics> iommuStatistics();

    /** What each SMMUv3 advertises, in the order of their addresses. */
    List<SmmuIdentification> smmuIdentifications();

    /**
     * Everything as after power-on; no vCPU runs.
     *
     * @throws IOException if the host refuses
     */
    void reset() throws IOException;

    /**
     * Loads the boot files and turns the boot vCPU on.
     *
     * @throws IOException if a file cannot be read any more, or the host refuses
     */
    void load() throws IOException;

    /** Every PCI device with its place. */
    List<DeviceNode> devices();

    /** How software has programmed each IOMMU. */
    List<IommuState> iommus();

    /** Who misbehaves, or can. */
    ChaosDevices chaos();

    /** Has {@code oracle} look on at every IOMMU; before the board runs. */
    void watch(StaleTranslationOracle oracle);

    /**
     * What an untranslated request of a function would meet; empty if no IOMMU is in front of it.
     * Any thread.
     *
     * @param access {@link nestor.pci.Translation#READ} and its like, or'ed
     */
    Optional<WalkReport> explore(Requester requester, long iova, int access);

    /** RAM and the board's own devices; BARs are in {@link #pciFunctions}. */
    List<MappedRange> addresses();

    /** What drives the board where no vCPU does. */
    TestDriver testDriver();

    /** Guest RAM. */
    GuestMemory memory();

    /** Time stands still. */
    void pauseClock();

    /** Time goes on. */
    void resumeClock();

    /** Waits for device work under way. */
    void quiesce();

    /** Has the guest asked to power off; false if there is no button. Any thread. */
    boolean pressPowerButton();

    /** Waits for device work under way and writes disks back. */
    void settle() throws IOException;

    /** Gives everything back; no vCPU runs any more. */
    void close() throws IOException;
}
