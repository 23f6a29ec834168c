package nestor.hostsim;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import nestor.iommu.IovaRange;
import nestor.iommufd.Errno;
import nestor.iommufd.Ioctl;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.AllowIovas;
import nestor.iommufd.Uapi.DirtyBitmap;
import nestor.iommufd.Uapi.DirtyTracking;
import nestor.iommufd.Uapi.FaultQueueAlloc;
import nestor.iommufd.Uapi.HwInfo;
import nestor.iommufd.Uapi.HwptAlloc;
import nestor.iommufd.Uapi.HwptInvalidate;
import nestor.iommufd.Uapi.IoasAlloc;
import nestor.iommufd.Uapi.IoasCopy;
import nestor.iommufd.Uapi.IoasMap;
import nestor.iommufd.Uapi.IoasUnmap;
import nestor.iommufd.Uapi.IovaRangeElement;
import nestor.iommufd.Uapi.IovaRanges;
import nestor.iommufd.Uapi.Option;
import nestor.iommufd.Uapi.VdeviceAlloc;
import nestor.iommufd.Uapi.VeventqAlloc;
import nestor.iommufd.Uapi.ViommuAlloc;

/** An open /dev/iommu: its table of objects, and the ioctls on them. */
final class IommufdFile implements HostFile {
    private static final int MAP_FLAGS = IoasMap.FIXED_IOVA | IoasMap.WRITEABLE | IoasMap.READABLE;
    private static final int PAGE_BYTES = 4096;

    private final SimulatedHost host;
    private final Map<Integer, HostObject> objects = new TreeMap<>();
    private final MockOperations mock;
    private int nextId = 1;
    private long rlimitMode;

    IommufdFile(SimulatedHost host) {
        this.host = host;
        this.mock = new MockOperations(host, this);
    }

    int objects() {
        return objects.size();
    }

    <T extends HostObject> T add(T object) {
        object.number(nextId++);
        objects.put(object.id(), object);
        return object;
    }

    void remove(HostObject object) {
        objects.remove(object.id());
    }

    /** The object with this number, if it is of this kind. */
    <T extends HostObject> T get(int id, Class<T> kind, int errno) throws Refusal {
        HostObject object = objects.get(id);
        if (object == null || !kind.isInstance(object)) {
            throw new Refusal(errno);
        }
        return kind.cast(object);
    }

    /** What a device can be attached to. */
    HostObject pageTable(int id) throws Refusal {
        HostObject object = objects.get(id);
        if (object == null) {
            throw new Refusal(Errno.ENOENT);
        }
        Refusal.when(!(object instanceof Ioas || object instanceof Hwpt), Errno.EINVAL);
        return object;
    }

    BoundDevice bind(SimulatedDevice device) {
        BoundDevice bound = add(new BoundDevice(device, this));
        device.bound(bound);
        return bound;
    }

    void unbind(BoundDevice bound) {
        bound.unbind();
        remove(bound);
    }

    Hwpt automaticHwpt(Hardware hardware, Ioas ioas) {
        for (HostObject object : objects.values()) {
            if (object instanceof Hwpt hwpt
                    && hwpt.isAutomatic()
                    && hwpt.ioas() == ioas
                    && hwpt.hardware() == hardware) {
                return hwpt;
            }
        }
        return add(new Hwpt(hardware, ioas, 0, null, true));
    }

    void dropIfUnused(Hwpt hwpt) throws IllegalStateException {
        if (hwpt.isAutomatic() && !hwpt.isHeld()) {
            try {
                hwpt.destroy();
                remove(hwpt);
            } catch (Refusal refusal) {
                throw new IllegalStateException("held by nobody", refusal);
            }
        }
    }

    @Override
    public void closed() {
        for (HostObject object : List.copyOf(objects.values())) {
            if (object instanceof BoundDevice bound) {
                bound.unbind();
            }
        }
        objects.clear();
    }

    @Override
    public int ioctl(int request, MemorySegment argument) throws Refusal {
        Refusal.when(argument.byteSize() < 4, Errno.EFAULT);
        Ioctl ioctl = Ioctl.of(request).orElseThrow(() -> new Refusal(Errno.ENOTTY));
        Refusal.when(request < Ioctl.DESTROY.number(), Errno.ENOTTY);
        var user = new Struct(argument);
        int size = user.word(0);
        Refusal.when(size < ioctl.minBytes(), Errno.EINVAL);
        Refusal.when(size > argument.byteSize(), Errno.EFAULT);
        int known = ioctl.sizeBytes();
        Refusal.when(size > known && !user.isZero(known, (long) size - known), Errno.E2BIG);
        var kernel = new Struct(MemorySegment.ofArray(new byte[known]));
        int common = Math.min(size, known);
        MemorySegment.copy(argument, 0, kernel.bytes(), 0, common);
        boolean writes = false;
        try {
            perform(ioctl, kernel);
            writes = true;
        } finally {
            // Two say how far they came when they fail.
            if (writes || ioctl == Ioctl.HWPT_INVALIDATE || ioctl == Ioctl.IOAS_IOVA_RANGES) {
                MemorySegment.copy(kernel.bytes(), 4, argument, 4, common - 4L);
            }
        }
        return 0;
    }

    private void perform(Ioctl ioctl, Struct s) throws Refusal {
        switch (ioctl) {
            case DESTROY -> destroy(s.word(4));
            case IOAS_ALLOC -> {
                Refusal.when(s.word(IoasAlloc.FLAGS) != 0, Errno.EOPNOTSUPP);
                s.word(IoasAlloc.OUT_IOAS_ID, add(new Ioas(host.memory())).id());
            }
            case IOAS_ALLOW_IOVAS -> allow(s);
            case IOAS_COPY -> copy(s);
            case IOAS_IOVA_RANGES -> ranges(s);
            case IOAS_MAP -> map(s);
            case IOAS_UNMAP -> {
                Ioas ioas = get(s.word(IoasUnmap.IOAS_ID), Ioas.class, Errno.ENOENT);
                long iova = s.doubleword(IoasUnmap.IOVA);
                s.doubleword(IoasUnmap.LENGTH, ioas.unmap(iova, s.doubleword(IoasUnmap.LENGTH)));
            }
            case OPTION -> option(s);
            case HWPT_ALLOC -> allocHwpt(s);
            case GET_HW_INFO -> hwInfo(s);
            case HWPT_SET_DIRTY_TRACKING -> trackDirty(s);
            case HWPT_GET_DIRTY_BITMAP -> dirtyBitmap(s);
            case HWPT_INVALIDATE -> invalidate(s);
            case FAULT_QUEUE_ALLOC -> {
                Refusal.when(s.word(FaultQueueAlloc.FLAGS) != 0, Errno.EOPNOTSUPP);
                FaultQueue queue =
                        add(
                                new FaultQueue((group, code) ->
                                        group.device().device().ended(group, code)));
                s.word(FaultQueueAlloc.OUT_FAULT_ID, queue.id())
                        .word(FaultQueueAlloc.OUT_FAULT_FD, host.install(queue));
            }
            case VIOMMU_ALLOC -> allocViommu(s);
            case VDEVICE_ALLOC -> allocVdevice(s);
            case VEVENTQ_ALLOC -> allocVeventQueue(s);
            case TEST -> mock.perform(s);
            case DEVICE_GET_INFO,
                    DEVICE_GET_REGION_INFO,
                    DEVICE_GET_IRQ_INFO,
                    DEVICE_SET_IRQS,
                    DEVICE_RESET,
                    DEVICE_BIND_IOMMUFD,
                    DEVICE_ATTACH_IOMMUFD_PT,
                    DEVICE_DETACH_IOMMUFD_PT ->
                    throw new Refusal(Errno.ENOTTY);
        }
    }

    private void destroy(int id) throws Refusal {
        HostObject object = get(id, HostObject.class, Errno.ENOENT);
        if (object instanceof Vdevice vdevice) {
            vdevice.destroy();
        } else {
            object.destroy();
        }
        remove(object);
    }

    private List<IovaRange> elements(long address, int count) throws Refusal {
        List<IovaRange> ranges = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Struct element =
                    host.memory()
                            .at(
                                    address + (long) i * IovaRangeElement.BYTES,
                                    IovaRangeElement.BYTES);
            long start = element.doubleword(IovaRangeElement.START);
            long last = element.doubleword(IovaRangeElement.LAST);
            Refusal.when(Long.compareUnsigned(start, last) >= 0, Errno.EINVAL);
            ranges.add(new IovaRange(start, last));
        }
        return ranges;
    }

    private void allow(Struct s) throws Refusal {
        Refusal.when(s.word(AllowIovas.RESERVED) != 0, Errno.EOPNOTSUPP);
        Ioas ioas = get(s.word(AllowIovas.IOAS_ID), Ioas.class, Errno.ENOENT);
        int count = s.word(AllowIovas.NUM_IOVAS);
        Refusal.when(count < 0 || count > 1 << 16, Errno.ENOMEM);
        ioas.allow(elements(s.doubleword(AllowIovas.ALLOWED_IOVAS), count));
    }

    private void ranges(Struct s) throws Refusal {
        Refusal.when(s.word(IovaRanges.RESERVED) != 0, Errno.EOPNOTSUPP);
        Ioas ioas = get(s.word(IovaRanges.IOAS_ID), Ioas.class, Errno.ENOENT);
        List<IovaRange> holes = ioas.usable();
        int room = s.word(IovaRanges.NUM_IOVAS);
        long address = s.doubleword(IovaRanges.ALLOWED_IOVAS);
        for (int i = 0; i < Math.min(room, holes.size()); i++) {
            host.memory()
                    .at(address + (long) i * IovaRangeElement.BYTES, IovaRangeElement.BYTES)
                    .doubleword(IovaRangeElement.START, holes.get(i).first())
                    .doubleword(IovaRangeElement.LAST, holes.get(i).last());
        }
        s.word(IovaRanges.NUM_IOVAS, holes.size())
                .doubleword(IovaRanges.OUT_IOVA_ALIGNMENT, ioas.alignment());
        Refusal.when(holes.size() > room, Errno.EMSGSIZE);
    }

    private void map(Struct s) throws Refusal {
        int flags = s.word(IoasMap.FLAGS);
        Refusal.when((flags & ~MAP_FLAGS) != 0 || s.word(IoasMap.RESERVED) != 0, Errno.EOPNOTSUPP);
        Ioas ioas = get(s.word(IoasMap.IOAS_ID), Ioas.class, Errno.ENOENT);
        long iova =
                ioas.map(
                        flags,
                        s.doubleword(IoasMap.USER_VA),
                        s.doubleword(IoasMap.LENGTH),
                        s.doubleword(IoasMap.IOVA));
        s.doubleword(IoasMap.IOVA, iova);
    }

    private void copy(Struct s) throws Refusal {
        int flags = s.word(IoasCopy.FLAGS);
        Refusal.when((flags & ~MAP_FLAGS) != 0, Errno.EOPNOTSUPP);
        Ioas source = get(s.word(IoasCopy.SRC_IOAS_ID), Ioas.class, Errno.ENOENT);
        Ioas target = get(s.word(IoasCopy.DST_IOAS_ID), Ioas.class, Errno.ENOENT);
        long iova =
                target.copy(
                        source,
                        flags,
                        s.doubleword(IoasCopy.SRC_IOVA),
                        s.doubleword(IoasCopy.LENGTH),
                        s.doubleword(IoasCopy.DST_IOVA));
        s.doubleword(IoasCopy.DST_IOVA, iova);
    }

    private void option(Struct s) throws Refusal {
        Refusal.when(s.half(Option.RESERVED) != 0, Errno.EOPNOTSUPP);
        int op = s.half(Option.OP);
        Refusal.when(op != Option.SET && op != Option.GET, Errno.EOPNOTSUPP);
        switch (s.word(Option.OPTION_ID)) {
            case Option.RLIMIT_MODE -> {
                Refusal.when(s.word(Option.OBJECT_ID) != 0, Errno.EOPNOTSUPP);
                if (op == Option.GET) {
                    s.doubleword(Option.VALUE, rlimitMode);
                } else {
                    Refusal.when(!objects.isEmpty(), Errno.EBUSY);
                    Refusal.when(s.doubleword(Option.VALUE) >>> 1 != 0, Errno.EINVAL);
                    rlimitMode = s.doubleword(Option.VALUE);
                }
            }
            case Option.HUGE_PAGES -> {
                Ioas ioas = get(s.word(Option.OBJECT_ID), Ioas.class, Errno.ENOENT);
                if (op == Option.GET) {
                    s.doubleword(Option.VALUE, ioas.hugePages() ? 1 : 0);
                } else {
                    Refusal.when(s.doubleword(Option.VALUE) >>> 1 != 0, Errno.EINVAL);
                    ioas.hugePages(s.doubleword(Option.VALUE) == 1);
                }
            }
            default -> throw new Refusal(Errno.EOPNOTSUPP);
        }
    }

    private void allocHwpt(Struct s) throws Refusal {
        Refusal.when(
                s.word(HwptAlloc.RESERVED) != 0 || s.word(HwptAlloc.RESERVED2) != 0,
                Errno.EOPNOTSUPP);
        int type = s.word(HwptAlloc.DATA_TYPE);
        int length = s.word(HwptAlloc.DATA_LEN);
        Refusal.when((type == HwptAlloc.DATA_NONE) != (length == 0), Errno.EINVAL);
        BoundDevice device = get(s.word(HwptAlloc.DEV_ID), BoundDevice.class, Errno.ENOENT);
        HostObject target = objects.get(s.word(HwptAlloc.PT_ID));
        int flags = s.word(HwptAlloc.FLAGS);
        FaultQueue faults = null;
        if (target instanceof Ioas || target instanceof Hwpt || target instanceof Viommu) {
            boolean nested = !(target instanceof Ioas);
            checkHwptFlags(device, flags, nested, type);
            if ((flags & HwptAlloc.FAULT_ID_VALID) != 0) {
                faults = get(s.word(HwptAlloc.FAULT_ID), FaultQueue.class, Errno.ENOENT);
            }
        }
        Hardware hardware = device.hardware();
        Hwpt hwpt =
                switch (target) {
                    case Ioas ioas -> {
                        hardware.checkPaging(flags);
                        yield new Hwpt(hardware, ioas, flags, faults, false);
                    }
                    case Hwpt parent -> {
                        Refusal.when(parent.isNested(), Errno.EINVAL);
                        Refusal.when(!hardware.nestsDirectly(), Errno.EOPNOTSUPP);
                        checkParent(parent, hardware);
                        Object stage1 = stage1(hardware, flags, s, type, length);
                        yield new Hwpt(hardware, parent, null, flags, faults, stage1);
                    }
                    case Viommu viommu -> {
                        Refusal.when(viommu.hardware() != hardware, Errno.EINVAL);
                        Object stage1 = stage1(hardware, flags, s, type, length);
                        yield new Hwpt(hardware, viommu.parent(), viommu, flags, faults, stage1);
                    }
                    case null, default -> throw new Refusal(Errno.EINVAL);
                };
        s.word(HwptAlloc.OUT_HWPT_ID, add(hwpt).id());
    }

    private static void checkHwptFlags(BoundDevice device, int flags, boolean nested, int type)
            throws Refusal {
        int known = HwptAlloc.FAULT_ID_VALID | HwptAlloc.PASID;
        known |= nested ? 0 : HwptAlloc.NEST_PARENT | HwptAlloc.DIRTY_TRACKING;
        Refusal.when((flags & ~known) != 0, Errno.EOPNOTSUPP);
        if (nested) {
            Refusal.when(type == HwptAlloc.DATA_NONE, Errno.EOPNOTSUPP);
            return;
        }
        boolean parent = (flags & HwptAlloc.NEST_PARENT) != 0;
        Refusal.when(parent && (flags & HwptAlloc.FAULT_ID_VALID) != 0, Errno.EOPNOTSUPP);
        boolean dirty = (flags & HwptAlloc.DIRTY_TRACKING) != 0;
        Refusal.when(dirty && !device.device().tracksDirty(), Errno.EOPNOTSUPP);
        Refusal.when(type != HwptAlloc.DATA_NONE, Errno.EOPNOTSUPP);
    }

    private static void checkParent(Hwpt parent, Hardware hardware) throws Refusal {
        boolean fits =
                !parent.isAutomatic()
                        && parent.has(HwptAlloc.NEST_PARENT)
                        && parent.hardware() == hardware;
        Refusal.when(!fits, Errno.EINVAL);
    }

    private Object stage1(Hardware hardware, int flags, Struct s, int type, int length)
            throws Refusal {
        Refusal.when(length < 0 || length > PAGE_BYTES, Errno.EINVAL);
        long address = s.doubleword(HwptAlloc.DATA_UPTR);
        boolean there = address != 0 && host.memory().contains(address, length);
        Struct data =
                there
                        ? host.memory().at(address, length)
                        : new Struct(MemorySegment.ofArray(new byte[length]));
        Object stage1 = hardware.stage1(flags, type, data, length);
        Refusal.when(!there, Errno.EFAULT);
        return stage1;
    }

    private void hwInfo(Struct s) throws Refusal {
        int flags = s.word(HwInfo.FLAGS);
        Refusal.when(
                (flags & ~HwInfo.INPUT_TYPE) != 0 || !s.isZero(HwInfo.RESERVED, 3),
                Errno.EOPNOTSUPP);
        Refusal.when(
                (flags & HwInfo.INPUT_TYPE) == 0 && s.word(HwInfo.DATA_TYPE) != 0,
                Errno.EOPNOTSUPP);
        BoundDevice device = get(s.word(HwInfo.DEV_ID), BoundDevice.class, Errno.ENOENT);
        Hardware hardware = device.hardware();
        int asked = s.word(HwInfo.DATA_TYPE);
        Refusal.when(asked != HwInfo.TYPE_NONE && asked != hardware.infoType(), Errno.EOPNOTSUPP);
        byte[] info = hardware.info();
        int room = s.word(HwInfo.DATA_LEN);
        if (room != 0) {
            Struct user =
                    host.memory().at(s.doubleword(HwInfo.DATA_UPTR), Integer.toUnsignedLong(room));
            user.bytes().fill((byte) 0);
            MemorySegment.copy(
                    MemorySegment.ofArray(info), 0, user.bytes(), 0, Math.min(room, info.length));
        }
        s.word(HwInfo.DATA_LEN, info.length)
                .word(HwInfo.DATA_TYPE, hardware.infoType())
                .octet(HwInfo.OUT_MAX_PASID_LOG2, hardware.maxPasidLog2(device.device()))
                .doubleword(HwInfo.OUT_CAPABILITIES, hardware.capabilities(device.device()));
    }

    private void trackDirty(Struct s) throws Refusal {
        int flags = s.word(DirtyTracking.FLAGS);
        Refusal.when(
                (flags & ~DirtyTracking.ENABLE) != 0 || s.word(DirtyTracking.RESERVED) != 0,
                Errno.EOPNOTSUPP);
        Hwpt hwpt = paging(s.word(DirtyTracking.HWPT_ID));
        hwpt.trackDirty(flags == DirtyTracking.ENABLE);
    }

    private Hwpt paging(int id) throws Refusal {
        Hwpt hwpt = get(id, Hwpt.class, Errno.ENOENT);
        Refusal.when(hwpt.isNested(), Errno.ENOENT);
        Refusal.when(!hwpt.has(HwptAlloc.DIRTY_TRACKING), Errno.EOPNOTSUPP);
        return hwpt;
    }

    private void dirtyBitmap(Struct s) throws Refusal {
        int flags = s.word(DirtyBitmap.FLAGS);
        Refusal.when(
                (flags & ~DirtyBitmap.NO_CLEAR) != 0 || s.word(DirtyBitmap.RESERVED) != 0,
                Errno.EOPNOTSUPP);
        Hwpt hwpt = paging(s.word(DirtyBitmap.HWPT_ID));
        long iova = s.doubleword(DirtyBitmap.IOVA);
        long length = s.doubleword(DirtyBitmap.LENGTH);
        long page = s.doubleword(DirtyBitmap.PAGE_SIZE);
        Refusal.when(length == 0 || page <= 0 || Long.bitCount(page) != 1, Errno.EINVAL);
        Refusal.when(Long.compareUnsigned(iova + (length - 1), iova) < 0, Errno.EOVERFLOW);
        Refusal.when(((iova | iova + length) & page - 1) != 0, Errno.EINVAL);
        Refusal.when(((iova | length) & hwpt.ioas().alignment() - 1) != 0, Errno.EINVAL);
        Refusal.when(!hwpt.tracksDirty(), Errno.EINVAL);
        long pages = Long.divideUnsigned(length, page);
        Struct bitmap = host.memory().at(s.doubleword(DirtyBitmap.DATA), (pages + 63) / 64 * 8);
        boolean clears = (flags & DirtyBitmap.NO_CLEAR) == 0;
        for (long block : List.copyOf(hwpt.dirty())) {
            long address = block << 11;
            if (Long.compareUnsigned(address - iova, length) < 0) {
                long bit = Long.divideUnsigned(address - iova, page);
                long at = bit / 8;
                bitmap.octet(at, bitmap.octet(at) | 1 << (int) (bit % 8));
                if (clears) {
                    hwpt.dirty().remove(block);
                }
            }
        }
    }

    private void invalidate(Struct s) throws Refusal {
        int count = s.word(HwptInvalidate.ENTRY_NUM);
        s.word(HwptInvalidate.ENTRY_NUM, 0);
        Refusal.when(s.word(HwptInvalidate.RESERVED) != 0, Errno.EOPNOTSUPP);
        long address = s.doubleword(HwptInvalidate.DATA_UPTR);
        int length = s.word(HwptInvalidate.ENTRY_LEN);
        Refusal.when(count != 0 && (address == 0 || length == 0), Errno.EINVAL);
        Refusal.when(
                count != 0
                        && (Integer.compareUnsigned(count, HwptInvalidate.MAX_ENTRIES) > 0
                                || Integer.compareUnsigned(length, PAGE_BYTES) > 0),
                Errno.EINVAL);
        HostObject target = get(s.word(HwptInvalidate.HWPT_ID), HostObject.class, Errno.ENOENT);
        Hardware hardware =
                switch (target) {
                    case Hwpt hwpt when hwpt.isNested() -> hwpt.hardware();
                    case Viommu viommu -> viommu.hardware();
                    default -> throw new Refusal(Errno.EINVAL);
                };
        hardware.checkInvalidation(target, s.word(HwptInvalidate.DATA_TYPE));
        if (count == 0) {
            hardware.checkProbe();
            return;
        }
        hardware.checkEntry(target, length);
        for (int i = 0; i < count; i++) {
            hardware.invalidate(target, host.memory().at(address + (long) i * length, length));
            s.word(HwptInvalidate.ENTRY_NUM, i + 1);
        }
    }

    private void allocViommu(Struct s) throws Refusal {
        int type = s.word(ViommuAlloc.TYPE);
        Refusal.when(
                s.word(ViommuAlloc.FLAGS) != 0 || type == ViommuAlloc.TYPE_DEFAULT,
                Errno.EOPNOTSUPP);
        BoundDevice device = get(s.word(ViommuAlloc.DEV_ID), BoundDevice.class, Errno.ENOENT);
        Hardware hardware = device.hardware();
        Refusal.when(hardware.viommuType() != type, Errno.EOPNOTSUPP);
        Hwpt parent = get(s.word(ViommuAlloc.HWPT_ID), Hwpt.class, Errno.ENOENT);
        Refusal.when(parent.isNested(), Errno.ENOENT);
        Refusal.when(
                !parent.has(HwptAlloc.NEST_PARENT) || parent.hardware() != hardware, Errno.EINVAL);
        Struct data = null;
        int length = s.word(ViommuAlloc.DATA_LEN);
        if (type == ViommuAlloc.TYPE_SELFTEST && length != 0) {
            Refusal.when(length < 8 || length > 24, Errno.EINVAL);
            data = host.memory().at(s.doubleword(ViommuAlloc.DATA_UPTR), length);
            data.word(4, data.word(0));
        }
        s.word(ViommuAlloc.OUT_VIOMMU_ID, add(new Viommu(hardware, parent)).id());
    }

    private void allocVdevice(Struct s) throws Refusal {
        long virtId = s.doubleword(VdeviceAlloc.VIRT_ID);
        Refusal.when(virtId >>> 32 != 0, Errno.EINVAL);
        Viommu viommu = get(s.word(VdeviceAlloc.VIOMMU_ID), Viommu.class, Errno.ENOENT);
        BoundDevice device = get(s.word(VdeviceAlloc.DEV_ID), BoundDevice.class, Errno.ENOENT);
        Refusal.when(device.hardware() != viommu.hardware(), Errno.EINVAL);
        s.word(VdeviceAlloc.OUT_VDEVICE_ID, add(new Vdevice(viommu, device, virtId)).id());
    }

    private void allocVeventQueue(Struct s) throws Refusal {
        int type = s.word(VeventqAlloc.TYPE);
        Refusal.when(
                s.word(VeventqAlloc.FLAGS) != 0 || s.word(VeventqAlloc.RESERVED) != 0 || type == 0,
                Errno.EOPNOTSUPP);
        int depth = s.word(VeventqAlloc.DEPTH);
        Refusal.when(
                depth == 0 || Integer.compareUnsigned(depth, VeventqAlloc.MAX_DEPTH) > 0,
                Errno.EINVAL);
        Viommu viommu = get(s.word(VeventqAlloc.VIOMMU_ID), Viommu.class, Errno.ENOENT);
        Refusal.when(viommu.hardware().eventType() != type, Errno.EOPNOTSUPP);
        Refusal.when(viommu.events() != null, Errno.EEXIST);
        VeventQueue queue = add(new VeventQueue(viommu, type, depth));
        s.word(VeventqAlloc.OUT_VEVENTQ_ID, queue.id())
                .word(VeventqAlloc.OUT_VEVENTQ_FD, host.install(queue));
    }
}
