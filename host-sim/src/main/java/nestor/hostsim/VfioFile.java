package nestor.hostsim;

import java.lang.foreign.MemorySegment;
import nestor.iommufd.Errno;
import nestor.iommufd.Ioctl;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.DeviceAttach;
import nestor.iommufd.Uapi.DeviceBind;
import nestor.iommufd.Uapi.DeviceDetach;
import org.jspecify.annotations.Nullable;

/** A VFIO device's cdev: of no use until it is bound. */
final class VfioFile implements HostFile {
    private final SimulatedHost host;
    private final SimulatedDevice device;
    private @Nullable BoundDevice bound;
    private @Nullable IommufdFile context;

    VfioFile(SimulatedHost host, SimulatedDevice device) {
        this.host = host;
        this.device = device;
    }

    @Override
    public int ioctl(int request, MemorySegment argument) throws Refusal {
        Ioctl ioctl = Ioctl.of(request).orElseThrow(() -> new Refusal(Errno.ENOTTY));
        Refusal.when(argument.byteSize() < 4, Errno.EFAULT);
        var struct = new Struct(argument);
        Refusal.when(struct.word(0) < ioctl.minBytes(), Errno.EINVAL);
        switch (ioctl) {
            case DEVICE_BIND_IOMMUFD -> bind(struct);
            case DEVICE_ATTACH_IOMMUFD_PT -> attach(struct);
            case DEVICE_DETACH_IOMMUFD_PT -> detach(struct);
            default -> throw new Refusal(Errno.ENOTTY);
        }
        return 0;
    }

    private void bind(Struct struct) throws Refusal {
        int fd = struct.word(DeviceBind.IOMMUFD);
        Refusal.when(struct.word(DeviceBind.FLAGS) != 0 || fd < 0 || bound != null, Errno.EINVAL);
        if (!(host.file(fd) instanceof IommufdFile iommufd)) {
            throw new Refusal(Errno.EBADF);
        }
        Refusal.when(device.bound() != null, Errno.EBUSY);
        context = iommufd;
        BoundDevice now = iommufd.bind(device);
        bound = now;
        struct.word(DeviceBind.OUT_DEVID, now.id());
    }

    private static int pasid(int flags, int pasid) throws Refusal {
        Refusal.when((flags & ~DeviceAttach.FLAG_PASID) != 0, Errno.EINVAL);
        return (flags & DeviceAttach.FLAG_PASID) != 0 ? pasid : BoundDevice.NO_PASID;
    }

    private void attach(Struct struct) throws Refusal {
        BoundDevice now = bound;
        IommufdFile iommufd = context;
        if (now == null || iommufd == null) {
            throw new Refusal(Errno.EINVAL);
        }
        int pasid = pasid(struct.word(DeviceAttach.FLAGS), struct.word(DeviceAttach.PASID));
        int hwpt = now.attach(pasid, iommufd.pageTable(struct.word(DeviceAttach.PT_ID)));
        struct.word(DeviceAttach.PT_ID, hwpt);
    }

    private void detach(Struct struct) throws Refusal {
        Refusal.when(bound == null, Errno.EINVAL);
        int pasid = pasid(struct.word(DeviceDetach.FLAGS), struct.word(DeviceDetach.PASID));
        if (bound != null) {
            bound.detach(pasid);
        }
    }

    @Override
    public void closed() {
        if (bound != null && context != null) {
            context.unbind(bound);
            bound = null;
        }
    }
}
