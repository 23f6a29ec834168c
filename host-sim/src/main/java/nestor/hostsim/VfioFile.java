package nestor.hostsim;

import java.lang.foreign.MemorySegment;
import nestor.iommufd.Errno;
import nestor.iommufd.Ioctl;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.DeviceAttach;
import nestor.iommufd.Uapi.DeviceBind;
import nestor.iommufd.Uapi.DeviceDetach;
import nestor.iommufd.Uapi.DeviceInfo;
import nestor.iommufd.Uapi.IrqInfo;
import nestor.iommufd.Uapi.RegionInfo;
import org.jspecify.annotations.Nullable;

/** A VFIO device's cdev: of no use until it is bound. */
final class VfioFile implements HostFile {
    private final SimulatedHost host;
    private final SimulatedDevice device;
    private @Nullable BoundDevice bound;
    private @Nullable IommufdFile context;

    /** Once it is bound. */
    private @Nullable VfioInterrupts interrupts;

    /** Once it is bound, of a device with a function behind it; read without the host's lock. */
    private volatile @Nullable VfioRegions regions;

    VfioFile(SimulatedHost host, SimulatedDevice device) {
        this.host = host;
        this.device = device;
    }

    @Override
    public int ioctl(int request, MemorySegment argument) throws Refusal {
        Ioctl ioctl = Ioctl.of(request).orElseThrow(() -> new Refusal(Errno.ENOTTY));
        if (ioctl == Ioctl.DEVICE_RESET) {
            reset();
            return 0;
        }
        Refusal.when(argument.byteSize() < 4, Errno.EFAULT);
        var struct = new Struct(argument);
        Refusal.when(struct.word(0) < ioctl.minBytes(), Errno.EINVAL);
        switch (ioctl) {
            case DEVICE_BIND_IOMMUFD -> bind(struct);
            case DEVICE_ATTACH_IOMMUFD_PT -> attach(struct);
            case DEVICE_DETACH_IOMMUFD_PT -> detach(struct);
            case DEVICE_GET_INFO -> {
                bound();
                struct.word(DeviceInfo.FLAGS, DeviceInfo.FLAG_RESET | DeviceInfo.FLAG_PCI)
                        .word(DeviceInfo.NUM_REGIONS, RegionInfo.NUM_REGIONS)
                        .word(DeviceInfo.NUM_IRQS, IrqInfo.NUM_IRQS);
            }
            case DEVICE_GET_REGION_INFO -> {
                bound();
                VfioRegions all = regions;
                if (all == null) {
                    throw new Refusal(Errno.EINVAL);
                }
                all.info(struct);
            }
            case DEVICE_GET_IRQ_INFO -> interrupts().info(struct);
            case DEVICE_SET_IRQS -> interrupts().set(struct, argument.byteSize());
            default -> throw new Refusal(Errno.ENOTTY);
        }
        return 0;
    }

    private BoundDevice bound() throws Refusal {
        BoundDevice now = bound;
        if (now == null) {
            throw new Refusal(Errno.EINVAL);
        }
        return now;
    }

    private VfioInterrupts interrupts() throws Refusal {
        VfioInterrupts now = interrupts;
        if (now == null) {
            throw new Refusal(Errno.EINVAL);
        }
        return now;
    }

    private void reset() throws Refusal {
        bound();
        PhysicalFunction function = device.function();
        if (function != null) {
            host.later(function::reset);
        }
    }

    @Override
    public int pread(Struct into, long room, long offset) throws Refusal {
        VfioRegions all = regions;
        if (all == null) {
            throw new Refusal(Errno.EINVAL);
        }
        return all.read(into, room, offset);
    }

    @Override
    public int pwrite(Struct from, long sizeBytes, long offset) throws Refusal {
        VfioRegions all = regions;
        if (all == null) {
            throw new Refusal(Errno.EINVAL);
        }
        return all.write(from, sizeBytes, offset);
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
        PhysicalFunction function = device.function();
        interrupts = new VfioInterrupts(host, function);
        device.interrupts(interrupts);
        regions = function == null ? null : new VfioRegions(function);
        struct.word(DeviceBind.OUT_DEVID, now.id());
    }

    private static int pasid(int flags, int pasid) throws Refusal {
        Refusal.when((flags & ~DeviceAttach.FLAG_PASID) != 0, Errno.EINVAL);
        return (flags & DeviceAttach.FLAG_PASID) != 0 ? pasid : BoundDevice.NO_PASID;
    }

    private void attach(Struct struct) throws Refusal {
        BoundDevice now = bound();
        IommufdFile iommufd = context;
        if (iommufd == null) {
            throw new Refusal(Errno.EINVAL);
        }
        int pasid = pasid(struct.word(DeviceAttach.FLAGS), struct.word(DeviceAttach.PASID));
        int hwpt = now.attach(pasid, iommufd.pageTable(struct.word(DeviceAttach.PT_ID)));
        struct.word(DeviceAttach.PT_ID, hwpt);
    }

    private void detach(Struct struct) throws Refusal {
        BoundDevice now = bound();
        now.detach(pasid(struct.word(DeviceDetach.FLAGS), struct.word(DeviceDetach.PASID)));
    }

    @Override
    public void closed() {
        if (bound != null && context != null) {
            context.unbind(bound);
            bound = null;
            interrupts = null;
            regions = null;
        }
    }
}
