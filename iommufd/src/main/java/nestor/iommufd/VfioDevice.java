package nestor.iommufd;

import java.lang.foreign.Arena;
import nestor.iommu.host.HostException;
import nestor.pci.Requester;

/**
 * A VFIO device by its cdev, bound to an iommufd. {@code pasid} is a PASID or {@link
 * Requester#NO_PASID}. Any thread.
 */
public final class VfioDevice {
    private static final int ARGUMENT_BYTES = 32;

    private final HostSystem system;
    private final int fd;
    private final int id;
    private final Struct argument;

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
    }

    /** Closes it: whatever is attached is not any more, and its object is gone. */
    public void close() {
        system.close(fd);
    }
}
