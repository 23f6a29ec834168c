package nestor.iommufd;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import nestor.iommu.host.HostCapabilities;
import nestor.iommu.host.HostDevice;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostInvalidation;
import nestor.iommu.host.HostIommu;
import nestor.iommu.host.InvalidationProgress;
import nestor.iommu.host.SmmuCommands;
import nestor.iommu.host.Stage1;
import nestor.pci.Requester;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.memory.RamRegion;

/**
 * One guest's devices behind one IOMMU of the host's, by iommufd: the address space of guest RAM,
 * the nest parent over it, and on an SMMUv3 the vIOMMU with its events. Opened before the first
 * device; the first device says what the IOMMU is, and one behind an IOMMU of another kind is
 * refused.
 *
 * <p>Control path only. Devices may come and go while a thread of the caller's is in {@link #poll}.
 */
public final class IommufdHost implements HostIommu, AutoCloseable {
    private static final int ENODEV = Errno.ENODEV;
    private static final int EVENT_DEPTH = 1024;
    private static final Stage1.VtdFirstStage NO_TABLES = new Stage1.VtdFirstStage(0, 48, 0);

    private final Iommufd iommufd;
    private final int ioas;

    /** Changed with this host's lock held. */
    private final Map<Integer, IommufdDevice> devices = new ConcurrentSkipListMap<>();

    private volatile int parent;
    private volatile int viommu;
    private volatile EventQueue events;
    private volatile HostCapabilities capabilities = new HostCapabilities.None();

    private IommufdHost(Iommufd iommufd, int ioas) {
        this.iommufd = iommufd;
        this.ioas = ioas;
        this.events = EventQueue.none(iommufd);
    }

    /** Opens /dev/iommu and maps the guest's RAM, at its guest-physical addresses. */
    public static IommufdHost open(HostSystem system, GuestMemory memory) throws HostException {
        Iommufd iommufd = Iommufd.open(system);
        try {
            int ioas = iommufd.allocIoas();
            for (RamRegion region : memory.regions()) {
                MemorySegment segment = region.segment();
                system.expose(segment);
                iommufd.map(ioas, segment.address(), region.gpa(), region.sizeBytes());
            }
            return new IommufdHost(iommufd, ioas);
        } catch (HostException e) {
            iommufd.close();
            throw e;
        }
    }

    Iommufd iommufd() {
        return iommufd;
    }

    int parent() {
        return parent;
    }

    int viommu() {
        return viommu;
    }

    /** What the IOMMU of the devices can do for a guest. */
    public HostCapabilities capabilities() {
        return capabilities;
    }

    /**
     * Binds a device; it is blocked.
     *
     * @param rid the Requester ID it has in the guest
     * @param path of its cdev
     */
    public synchronized void add(int rid, String path) throws HostException {
        if (devices.containsKey(rid)) {
            throw new HostException("a second device at this Requester ID", Errno.EEXIST);
        }
        VfioDevice device = VfioDevice.bind(iommufd, path);
        try {
            add(rid, device, device::close);
        } catch (HostException e) {
            device.close();
            throw e;
        }
    }

    /**
     * Opens and binds a device of which the guest has no number yet; {@link VfioDevice#close} gives
     * it back.
     *
     * @param path of its cdev
     */
    public VfioDevice bind(String path) throws HostException {
        return VfioDevice.bind(iommufd, path);
    }

    /**
     * Takes a device that {@link #bind} of this host opened; it is blocked. When it is released
     * nothing is attached, and it stays open.
     *
     * @param rid the Requester ID it has in the guest
     */
    public synchronized void add(int rid, VfioDevice device) throws HostException {
        if (devices.containsKey(rid)) {
            throw new HostException("a second device at this Requester ID", Errno.EEXIST);
        }
        add(rid, device, () -> detach(device));
    }

    /** The guest's RAM, at its own addresses, is what the device reaches; there is no nesting. */
    public void passThrough(VfioDevice device) throws HostException {
        device.attach(Requester.NO_PASID, ioas);
    }

    /** What the IOMMU in front of a device can do for a guest. */
    public HostCapabilities capabilities(VfioDevice device) throws HostException {
        return HostInfo.capabilities(iommufd.hwInfo(device.id()));
    }

    /** IOMMU_GET_HW_INFO's out_capabilities of a device's, flags of {@link Uapi.HwInfo}. */
    public long features(VfioDevice device) throws HostException {
        return iommufd.hwInfo(device.id()).capabilities();
    }

    private static void detach(VfioDevice device) {
        try {
            device.detachAll();
        } catch (HostException e) {
            device.close(); // what the kernel would not detach goes with the descriptor
        }
    }

    private void add(int rid, VfioDevice device, Runnable release) throws HostException {
        try {
            Iommufd.HwInfo info = iommufd.hwInfo(device.id());
            if (devices.isEmpty()) {
                prepare(device, info);
            }
            devices.put(rid, IommufdDevice.of(this, device, rid, info, release));
        } catch (HostException e) {
            if (devices.isEmpty()) {
                forgetIommu();
            }
            throw e;
        }
    }

    /** Files that have something for {@link #poll} when they are readable. */
    public List<Integer> queues() {
        List<Integer> fds = new ArrayList<>();
        devices.values().forEach(device -> device.faults().addTo(fds));
        events.addTo(fds);
        return fds;
    }

    /** What all devices of one IOMMU share. */
    private void prepare(VfioDevice device, Iommufd.HwInfo info) throws HostException {
        capabilities = HostInfo.capabilities(info);
        boolean pasids = info.type() == Uapi.HwInfo.TYPE_INTEL_VTD && info.maxPasidLog2() != 0;
        int flags = Uapi.HwptAlloc.NEST_PARENT | (pasids ? Uapi.HwptAlloc.PASID : 0);
        parent =
                iommufd.allocHwpt(
                        device.id(), ioas, flags, Uapi.HwptAlloc.DATA_NONE, new byte[0], 0);
        if (info.type() == Uapi.HwInfo.TYPE_ARM_SMMUV3) {
            viommu = iommufd.allocViommu(Uapi.ViommuAlloc.TYPE_ARM_SMMUV3, device.id(), parent);
            probeSmmuV3();
            events =
                    EventQueue.orNone(
                            iommufd,
                            () ->
                                    iommufd.allocVeventQueue(
                                            viommu, Uapi.VeventqAlloc.TYPE_ARM_SMMUV3, EVENT_DEPTH),
                            "no IOMMU_VEVENTQ_ALLOC (Linux 6.15):"
                                    + " no fault events of assigned devices");
        } else if (info.type() == Uapi.HwInfo.TYPE_INTEL_VTD) {
            probeVtd(device);
        }
    }

    /**
     * Invalidations can be forwarded. An SMMUv3 refuses a call without entries as it refuses a
     * wrong type (EINVAL, Linux 7.3), so it is sent a command: nothing of the guest is cached yet.
     */
    private void probeSmmuV3() throws HostException {
        if (invalidate(List.of(SmmuCommands.tlbiAll())).handled() != 1) {
            throw new HostException("forwarding CMD_TLBI_NH_ALL", Errno.EIO);
        }
    }

    /**
     * A first stage can be nested and its invalidations can be forwarded. VT-d has no object to ask
     * but a nested HWPT: one that is attached to nothing, so that its tables are never walked.
     */
    private void probeVtd(VfioDevice device) throws HostException {
        int nested =
                iommufd.allocHwpt(
                        device.id(),
                        parent,
                        0,
                        Uapi.HwptAlloc.DATA_VTD_S1,
                        IommufdDevice.encode(NO_TABLES),
                        0);
        try {
            iommufd.probeInvalidation(nested, Uapi.HwptInvalidate.DATA_VTD_S1);
        } finally {
            iommufd.destroyLater(nested);
        }
    }

    /** Ends what {@link #prepare} made; what the kernel refuses goes with the descriptor. */
    private void forgetIommu() {
        events.end();
        for (int object : new int[] {viommu, parent}) {
            if (object != 0) {
                iommufd.destroyLater(object);
            }
        }
        events = EventQueue.none(iommufd);
        viommu = 0;
        parent = 0;
    }

    @Override
    public HostDevice device(int rid) throws HostException {
        IommufdDevice device = devices.get(rid);
        if (device == null) {
            throw new HostException("no device at this Requester ID", ENODEV);
        }
        return device;
    }

    synchronized void released(int rid) {
        devices.remove(rid);
        if (devices.isEmpty()) {
            forgetIommu();
        }
    }

    @Override
    public InvalidationProgress invalidate(List<HostInvalidation.SmmuV3Command> batch)
            throws HostException {
        byte[] bytes = new byte[batch.size() * 16];
        var entries = new Struct(MemorySegment.ofArray(bytes));
        for (int i = 0; i < batch.size(); i++) {
            entries.doubleword(16L * i, batch.get(i).word0())
                    .doubleword(16L * i + 8, batch.get(i).word1());
        }
        return iommufd.invalidate(viommu, Uapi.HwptInvalidate.DATA_ARM_SMMUV3, 16, bytes);
    }

    /**
     * Takes what waits in the kernel's queues to those who listen: of each queue as much as one
     * read gives, so that a device that does not stop faulting keeps no other's reports back. One
     * thread at a time, not the guest's loops: answers may come before this returns.
     */
    public void poll() throws HostException {
        for (IommufdDevice device : List.copyOf(devices.values())) {
            device.pollFaults();
        }
        byte[] bytes = events.next();
        take(new Struct(MemorySegment.ofArray(bytes)), bytes.length);
    }

    /** Lost events are what a full Event queue loses: the guest is told of none of them. */
    private void take(Struct records, int sizeBytes) {
        int at = 0;
        while (at + Uapi.Vevent.HEADER_BYTES <= sizeBytes) {
            boolean lost = (records.word(at) & Uapi.Vevent.LOST_EVENTS) != 0;
            at += Uapi.Vevent.HEADER_BYTES;
            if (!lost) {
                int sid = (int) (records.doubleword(at) >>> 32);
                IommufdDevice device = devices.get(sid);
                if (device != null) {
                    device.event(records, at);
                }
                at += Uapi.Vevent.SMMUV3_BYTES;
            }
        }
    }

    /** Gives everything back. The devices' bindings have released them before. */
    @Override
    public void close() {
        for (IommufdDevice device : List.copyOf(devices.values())) {
            device.release();
        }
        iommufd.close();
    }
}
