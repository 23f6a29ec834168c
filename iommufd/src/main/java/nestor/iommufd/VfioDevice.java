package nestor.iommufd;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Set;
import java.util.TreeSet;
import nestor.iommu.host.HostException;
import nestor.pci.Requester;

/**
 * A VFIO device by its cdev, bound to an iommufd. {@code pasid} is a PASID or {@link
 * Requester#NO_PASID}. Any thread.
 */
public final class VfioDevice {
    private static final int ARGUMENT_BYTES = 32;

    /** More than any region's capabilities take. */
    private static final int MAX_INFO_BYTES = 1 << 16;

    private final HostSystem system;
    private final int fd;
    private final int id;
    private final Struct argument;

    /** What is attached to something. */
    private final Set<Integer> attached = new TreeSet<>();

    private VfioDevice(HostSystem system, int fd, int id, Struct argument) {
        this.system = system;
        this.fd = fd;
        this.id = id;
        this.argument = argument;
    }

    /**
     * Opens the device and binds it.
     *
     * @param path for example /dev/vfio/devices/vfio0
     */
    public static VfioDevice bind(Iommufd iommufd, String path) throws HostException {
        HostSystem system = iommufd.system();
        int fd = Iommufd.check("open(" + path + ")", system.open(path));
        var argument = new Struct(Arena.ofAuto().allocate(ARGUMENT_BYTES, 8));
        argument.word(0, Ioctl.DEVICE_BIND_IOMMUFD.sizeBytes())
                .word(Uapi.DeviceBind.IOMMUFD, iommufd.fd());
        try {
            Iommufd.check(
                    "ioctl(VFIO_DEVICE_BIND_IOMMUFD)",
                    system.ioctl(fd, Ioctl.DEVICE_BIND_IOMMUFD.number(), argument.bytes()));
        } catch (HostException e) {
            system.close(fd);
            throw e;
        }
        return new VfioDevice(system, fd, argument.word(Uapi.DeviceBind.OUT_DEVID), argument);
    }

    /** Its object in the iommufd. */
    public int id() {
        return id;
    }

    /** VFIO_DEVICE_ATTACH_IOMMUFD_PT: what was attached is replaced. */
    public synchronized void attach(int pasid, int pageTable) throws HostException {
        boolean has = pasid != Requester.NO_PASID;
        argument.bytes().fill((byte) 0);
        argument.word(0, Ioctl.DEVICE_ATTACH_IOMMUFD_PT.sizeBytes())
                .word(Uapi.DeviceAttach.FLAGS, has ? Uapi.DeviceAttach.FLAG_PASID : 0)
                .word(Uapi.DeviceAttach.PT_ID, pageTable)
                .word(Uapi.DeviceAttach.PASID, has ? pasid : 0);
        Iommufd.check(
                "ioctl(VFIO_DEVICE_ATTACH_IOMMUFD_PT)",
                system.ioctl(fd, Ioctl.DEVICE_ATTACH_IOMMUFD_PT.number(), argument.bytes()));
        attached.add(pasid);
    }

    /** VFIO_DEVICE_DETACH_IOMMUFD_PT: nothing happens if nothing is attached. */
    public synchronized void detach(int pasid) throws HostException {
        boolean has = pasid != Requester.NO_PASID;
        argument.bytes().fill((byte) 0);
        argument.word(0, Ioctl.DEVICE_DETACH_IOMMUFD_PT.sizeBytes())
                .word(Uapi.DeviceDetach.FLAGS, has ? Uapi.DeviceAttach.FLAG_PASID : 0)
                .word(Uapi.DeviceDetach.PASID, has ? pasid : 0);
        Iommufd.check(
                "ioctl(VFIO_DEVICE_DETACH_IOMMUFD_PT)",
                system.ioctl(fd, Ioctl.DEVICE_DETACH_IOMMUFD_PT.number(), argument.bytes()));
        attached.remove(pasid);
    }

    /** Detaches whatever is attached; the last failure is thrown after all have been tried. */
    public synchronized void detachAll() throws HostException {
        HostException failed = null;
        for (int pasid : new TreeSet<>(attached)) {
            try {
                detach(pasid);
            } catch (HostException e) {
                failed = e;
            }
        }
        if (failed != null) {
            throw failed;
        }
    }

    /**
     * VFIO_DEVICE_GET_INFO.
     *
     * @param flags of {@link Uapi.DeviceInfo}
     */
    public record Summary(int flags, int regions, int irqs) {}

    /**
     * VFIO_DEVICE_GET_IRQ_INFO.
     *
     * @param flags of {@link Uapi.IrqInfo}
     * @param count vectors; 0 if the device has no interrupts of the kind
     */
    public record Irqs(int flags, int count) {}

    /** What it is. */
    public Summary info() throws HostException {
        Struct struct = begin(Ioctl.DEVICE_GET_INFO);
        call(Ioctl.DEVICE_GET_INFO, struct);
        return new Summary(
                struct.word(Uapi.DeviceInfo.FLAGS),
                struct.word(Uapi.DeviceInfo.NUM_REGIONS),
                struct.word(Uapi.DeviceInfo.NUM_IRQS));
    }

    /**
     * One of its regions. The kernel says how long its answer is, and is asked again if that is
     * longer.
     *
     * @param index of {@link Uapi.RegionInfo}
     */
    public VfioRegion region(int index) throws HostException {
        Struct struct = begin(Ioctl.DEVICE_GET_REGION_INFO);
        struct.word(Uapi.RegionInfo.INDEX, index);
        call(Ioctl.DEVICE_GET_REGION_INFO, struct);
        int whole = struct.word(0);
        if (whole > Uapi.RegionInfo.BYTES && whole <= MAX_INFO_BYTES) {
            struct = structure(whole).word(Uapi.RegionInfo.INDEX, index);
            call(Ioctl.DEVICE_GET_REGION_INFO, struct);
        }
        return VfioRegion.decode(struct);
    }

    /**
     * Interrupts of one kind.
     *
     * @param index of {@link Uapi.IrqInfo}
     */
    public Irqs irqs(int index) throws HostException {
        Struct struct = begin(Ioctl.DEVICE_GET_IRQ_INFO);
        struct.word(Uapi.IrqInfo.INDEX, index);
        call(Ioctl.DEVICE_GET_IRQ_INFO, struct);
        return new Irqs(struct.word(Uapi.IrqInfo.FLAGS), struct.word(Uapi.IrqInfo.COUNT));
    }

    /**
     * VFIO_DEVICE_SET_IRQS: vectors from {@code start} on write to these eventfds. The first call
     * for MSI or MSI-X enables it, with as many vectors as the call reaches.
     *
     * @param index of {@link Uapi.IrqInfo}
     * @param eventfds by vector, -1 for none
     */
    public void signal(int index, int start, int... eventfds) throws HostException {
        int bytes = Uapi.IrqSet.DATA + Integer.BYTES * eventfds.length;
        Struct struct =
                structure(bytes)
                        .word(
                                Uapi.IrqSet.FLAGS,
                                Uapi.IrqSet.DATA_EVENTFD | Uapi.IrqSet.ACTION_TRIGGER)
                        .word(Uapi.IrqSet.INDEX, index)
                        .word(Uapi.IrqSet.START, start)
                        .word(Uapi.IrqSet.COUNT, eventfds.length);
        for (int i = 0; i < eventfds.length; i++) {
            struct.word(Uapi.IrqSet.DATA + Integer.BYTES * i, eventfds[i]);
        }
        call(Ioctl.DEVICE_SET_IRQS, struct);
    }

    /** VFIO_DEVICE_SET_IRQS: no vector of the kind signals any more, and MSI or MSI-X is off. */
    public void disableIrqs(int index) throws HostException {
        Struct struct =
                begin(Ioctl.DEVICE_SET_IRQS)
                        .word(Uapi.IrqSet.FLAGS, Uapi.IrqSet.DATA_NONE | Uapi.IrqSet.ACTION_TRIGGER)
                        .word(Uapi.IrqSet.INDEX, index);
        call(Ioctl.DEVICE_SET_IRQS, struct);
    }

    /**
     * VFIO_DEVICE_RESET.
     *
     * @throws HostException ENOTTY if the function has no reset of its own
     */
    public void reset() throws HostException {
        Iommufd.check(
                "ioctl(VFIO_DEVICE_RESET)",
                system.ioctl(fd, Ioctl.DEVICE_RESET.number(), MemorySegment.NULL));
    }

    /**
     * Reads a number of 1, 2, 4 or 8 bytes by pread(2).
     *
     * @throws HostException EIO if the region is not there now; EINVAL if it is shorter
     */
    public long read(VfioRegion region, long at, int sizeBytes) throws HostException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(Long.BYTES, Long.BYTES);
            int result =
                    system.pread(fd, bytes.asSlice(0, sizeBytes), position(region, at, sizeBytes));
            transferred("pread", result, sizeBytes);
            return new Struct(bytes).doubleword(0);
        }
    }

    /**
     * Writes a number of 1, 2, 4 or 8 bytes by pwrite(2).
     *
     * @throws HostException EIO if the region is not there now; EINVAL if it is shorter
     */
    public void write(VfioRegion region, long at, int sizeBytes, long value) throws HostException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(Long.BYTES, Long.BYTES);
            new Struct(bytes).doubleword(0, value);
            int result =
                    system.pwrite(fd, bytes.asSlice(0, sizeBytes), position(region, at, sizeBytes));
            transferred("pwrite", result, sizeBytes);
        }
    }

    private static long position(VfioRegion region, long at, int sizeBytes) throws HostException {
        if (!region.contains(at, sizeBytes)) {
            throw new HostException("an access past the end of a region", Errno.EINVAL);
        }
        return region.offset() + at;
    }

    private static void transferred(String call, int result, int sizeBytes) throws HostException {
        if (Iommufd.check(call, result) != sizeBytes) {
            throw new HostException(call, Errno.EIO);
        }
    }

    /** mmap(2) of a part of a region, of which the region says that it takes it. */
    public MemorySegment map(VfioRegion region, VfioRegion.Area area, Arena arena)
            throws HostException {
        return system.map(fd, region.offset() + area.offset(), area.sizeBytes(), arena);
    }

    private static Struct begin(Ioctl ioctl) {
        return structure(ioctl.sizeBytes());
    }

    private static Struct structure(int bytes) {
        return new Struct(Arena.ofAuto().allocate(bytes, Long.BYTES)).word(0, bytes);
    }

    private void call(Ioctl ioctl, Struct struct) throws HostException {
        Iommufd.check(
                "ioctl(VFIO_" + ioctl + ")", system.ioctl(fd, ioctl.number(), struct.bytes()));
    }

    /** Closes it: whatever is attached is not any more, and its object is gone. */
    public void close() {
        system.close(fd);
    }
}
