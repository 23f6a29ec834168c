package nestor.iommufd;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import nestor.iommu.host.HostException;
import nestor.iommu.host.InvalidationProgress;

/** One open /dev/iommu: its objects, by number, and the calls on them. Any thread. */
public final class Iommufd implements AutoCloseable {
    private static final int ARGUMENT_BYTES = 128;
    private static final int DATA_BYTES = 1 << 16;

    /** Of whole records: a group of page requests that does not fit is never read (EINVAL). */
    private static final int RECORDS_BYTES =
            DATA_BYTES / Uapi.PageFault.BYTES * Uapi.PageFault.BYTES;

    private final HostSystem system;
    private final int fd;
    private final Struct argument;
    private final Struct data;

    /** Objects that are of no use any more, but would not end. */
    private final List<Integer> refused = new ArrayList<>();

    private Iommufd(HostSystem system, int fd) {
        this.system = system;
        this.fd = fd;
        MemorySegment memory = Arena.ofAuto().allocate(ARGUMENT_BYTES + DATA_BYTES, 8);
        system.expose(memory);
        this.argument = new Struct(memory.asSlice(0, ARGUMENT_BYTES));
        this.data = new Struct(memory.asSlice(ARGUMENT_BYTES));
    }

    /**
     * Opens it.
     *
     * @throws HostException ENOENT if the kernel has none, EACCES without permission
     */
    public static Iommufd open(HostSystem system) throws HostException {
        return new Iommufd(
                system, check("open(" + HostSystem.IOMMU + ")", system.open(HostSystem.IOMMU)));
    }

    static int check(String operation, int result) throws HostException {
        if (result < 0) {
            throw new HostException(operation, -result);
        }
        return result;
    }

    public HostSystem system() {
        return system;
    }

    /** The file descriptor, for VFIO_DEVICE_BIND_IOMMUFD. */
    public int fd() {
        return fd;
    }

    @Override
    public void close() {
        system.close(fd);
    }

    private Struct begin(Ioctl ioctl) {
        argument.bytes().fill((byte) 0);
        return argument.word(0, ioctl.sizeBytes());
    }

    private void call(Ioctl ioctl) throws HostException {
        int result = system.ioctl(fd, ioctl.number(), argument.bytes());
        check("ioctl(IOMMU_" + ioctl + ")", result);
    }

    /** IOMMU_DESTROY of any object. */
    public synchronized void destroy(int id) throws HostException {
        begin(Ioctl.DESTROY).word(4, id);
        call(Ioctl.DESTROY);
        destroyRefused();
    }

    /**
     * The same, of what goes with the descriptor at the latest: what the kernel refuses is tried
     * again whenever something else has ended.
     */
    synchronized void destroyLater(int id) {
        refused.add(id);
        destroyRefused();
    }

    /** Twice: one of them may be held by another behind it. */
    private void destroyRefused() {
        for (int pass = 0; pass < 2 && !refused.isEmpty(); pass++) {
            refused.removeIf(this::isDestroyed);
        }
    }

    private boolean isDestroyed(int id) {
        begin(Ioctl.DESTROY).word(4, id);
        int result = system.ioctl(fd, Ioctl.DESTROY.number(), argument.bytes());
        return result >= 0 || result == -Errno.ENOENT;
    }

    /** IOMMU_IOAS_ALLOC. */
    public synchronized int allocIoas() throws HostException {
        begin(Ioctl.IOAS_ALLOC);
        call(Ioctl.IOAS_ALLOC);
        return argument.word(Uapi.IoasAlloc.OUT_IOAS_ID);
    }

    /** IOMMU_IOAS_MAP at {@code iova}, for reading and writing. */
    public synchronized void map(int ioas, long userVa, long iova, long sizeBytes)
            throws HostException {
        begin(Ioctl.IOAS_MAP)
                .word(
                        Uapi.IoasMap.FLAGS,
                        Uapi.IoasMap.FIXED_IOVA | Uapi.IoasMap.READABLE | Uapi.IoasMap.WRITEABLE)
                .word(Uapi.IoasMap.IOAS_ID, ioas)
                .doubleword(Uapi.IoasMap.USER_VA, userVa)
                .doubleword(Uapi.IoasMap.LENGTH, sizeBytes)
                .doubleword(Uapi.IoasMap.IOVA, iova);
        call(Ioctl.IOAS_MAP);
    }

    /** IOMMU_IOAS_UNMAP; returns the bytes that were mapped. */
    public synchronized long unmap(int ioas, long iova, long sizeBytes) throws HostException {
        begin(Ioctl.IOAS_UNMAP)
                .word(Uapi.IoasUnmap.IOAS_ID, ioas)
                .doubleword(Uapi.IoasUnmap.IOVA, iova)
                .doubleword(Uapi.IoasUnmap.LENGTH, sizeBytes);
        call(Ioctl.IOAS_UNMAP);
        return argument.doubleword(Uapi.IoasUnmap.LENGTH);
    }

    /**
     * IOMMU_GET_HW_INFO.
     *
     * @param type of {@link Uapi.HwInfo}
     * @param maxPasidLog2 0 without PASIDs
     * @param capabilities flags of {@link Uapi.HwInfo}
     */
    public record HwInfo(int type, int maxPasidLog2, long capabilities, Struct data) {}

    /** What the IOMMU of a bound device is. */
    public synchronized HwInfo hwInfo(int device) throws HostException {
        int room = Uapi.HwInfo.SMMUV3_BYTES;
        begin(Ioctl.GET_HW_INFO)
                .word(Uapi.HwInfo.DEV_ID, device)
                .word(Uapi.HwInfo.DATA_LEN, room)
                .doubleword(Uapi.HwInfo.DATA_UPTR, data.bytes().address());
        call(Ioctl.GET_HW_INFO);
        var copy = new Struct(MemorySegment.ofArray(new byte[room]));
        copy.bytes().copyFrom(data.bytes().asSlice(0, room));
        return new HwInfo(
                argument.word(Uapi.HwInfo.DATA_TYPE),
                Byte.toUnsignedInt(argument.octet(Uapi.HwInfo.OUT_MAX_PASID_LOG2)),
                argument.doubleword(Uapi.HwInfo.OUT_CAPABILITIES),
                copy);
    }

    /**
     * IOMMU_HWPT_ALLOC.
     *
     * @param parent an IOAS, a nest parent or a vIOMMU
     * @param flags of {@link Uapi.HwptAlloc}
     * @param dataType {@link Uapi.HwptAlloc#DATA_NONE} for a paging HWPT
     * @param fault a fault queue, if the flags say so
     */
    public synchronized int allocHwpt(
            int device, int parent, int flags, int dataType, byte[] userData, int fault)
            throws HostException {
        MemorySegment.copy(MemorySegment.ofArray(userData), 0, data.bytes(), 0, userData.length);
        begin(Ioctl.HWPT_ALLOC)
                .word(Uapi.HwptAlloc.FLAGS, flags)
                .word(Uapi.HwptAlloc.DEV_ID, device)
                .word(Uapi.HwptAlloc.PT_ID, parent)
                .word(Uapi.HwptAlloc.DATA_TYPE, dataType)
                .word(Uapi.HwptAlloc.DATA_LEN, userData.length)
                .doubleword(
                        Uapi.HwptAlloc.DATA_UPTR, userData.length == 0 ? 0 : data.bytes().address())
                .word(Uapi.HwptAlloc.FAULT_ID, fault);
        call(Ioctl.HWPT_ALLOC);
        return argument.word(Uapi.HwptAlloc.OUT_HWPT_ID);
    }

    /**
     * IOMMU_HWPT_INVALIDATE. A call that fails says how far it came all the same, and that is the
     * answer: whoever asked goes on behind the entry that was refused.
     *
     * @param target a nested HWPT or a vIOMMU
     * @param entries of {@code entryBytes} each
     * @throws HostException if the kernel refused before it looked at an entry
     */
    public synchronized InvalidationProgress invalidate(
            int target, int dataType, int entryBytes, byte[] entries) throws HostException {
        int count = entryBytes == 0 ? 0 : entries.length / entryBytes;
        MemorySegment.copy(MemorySegment.ofArray(entries), 0, data.bytes(), 0, entries.length);
        begin(Ioctl.HWPT_INVALIDATE)
                .word(Uapi.HwptInvalidate.HWPT_ID, target)
                .doubleword(Uapi.HwptInvalidate.DATA_UPTR, data.bytes().address())
                .word(Uapi.HwptInvalidate.DATA_TYPE, dataType)
                .word(Uapi.HwptInvalidate.ENTRY_LEN, entryBytes)
                .word(Uapi.HwptInvalidate.ENTRY_NUM, count);
        int result = system.ioctl(fd, Ioctl.HWPT_INVALIDATE.number(), argument.bytes());
        int handled = argument.word(Uapi.HwptInvalidate.ENTRY_NUM);
        boolean entryRefused =
                result == -Errno.EIO || result == -Errno.EINVAL || result == -Errno.EOPNOTSUPP;
        if (result < 0 && !(entryRefused && count > 0)) {
            check("ioctl(IOMMU_HWPT_INVALIDATE)", result);
        }
        // All of them and an error: the kernel has written nothing, and may have done nothing.
        int before = handled < count ? handled : 0;
        return InvalidationProgress.of(result < 0 ? before : count);
    }

    /**
     * IOMMU_HWPT_INVALIDATE of no entries: whether the kernel takes entries of this type for a
     * nested HWPT.
     *
     * @throws HostException ENOTTY before Linux 6.8; EINVAL if not
     */
    void probeInvalidation(int target, int dataType) throws HostException {
        invalidate(target, dataType, 0, new byte[0]);
    }

    /** Bytes of entries that one {@link #invalidate} takes. */
    public static int maxEntryBytes() {
        return DATA_BYTES;
    }

    /** A fault queue, or a queue of a vIOMMU's events: its object and its file. */
    public record Queue(int id, int fd) {}

    /** IOMMU_FAULT_QUEUE_ALLOC. */
    public synchronized Queue allocFaultQueue() throws HostException {
        begin(Ioctl.FAULT_QUEUE_ALLOC);
        call(Ioctl.FAULT_QUEUE_ALLOC);
        return new Queue(
                argument.word(Uapi.FaultQueueAlloc.OUT_FAULT_ID),
                argument.word(Uapi.FaultQueueAlloc.OUT_FAULT_FD));
    }

    /** IOMMU_VIOMMU_ALLOC on a nest parent. */
    public synchronized int allocViommu(int type, int device, int hwpt) throws HostException {
        begin(Ioctl.VIOMMU_ALLOC)
                .word(Uapi.ViommuAlloc.TYPE, type)
                .word(Uapi.ViommuAlloc.DEV_ID, device)
                .word(Uapi.ViommuAlloc.HWPT_ID, hwpt);
        call(Ioctl.VIOMMU_ALLOC);
        return argument.word(Uapi.ViommuAlloc.OUT_VIOMMU_ID);
    }

    /** IOMMU_VDEVICE_ALLOC: {@code virtId} is the guest's StreamID of the device. */
    public synchronized int allocVdevice(int viommu, int device, long virtId) throws HostException {
        begin(Ioctl.VDEVICE_ALLOC)
                .word(Uapi.VdeviceAlloc.VIOMMU_ID, viommu)
                .word(Uapi.VdeviceAlloc.DEV_ID, device)
                .doubleword(Uapi.VdeviceAlloc.VIRT_ID, virtId);
        call(Ioctl.VDEVICE_ALLOC);
        return argument.word(Uapi.VdeviceAlloc.OUT_VDEVICE_ID);
    }

    /** IOMMU_VEVENTQ_ALLOC. */
    public synchronized Queue allocVeventQueue(int viommu, int type, int depth)
            throws HostException {
        begin(Ioctl.VEVENTQ_ALLOC)
                .word(Uapi.VeventqAlloc.VIOMMU_ID, viommu)
                .word(Uapi.VeventqAlloc.TYPE, type)
                .word(Uapi.VeventqAlloc.DEPTH, depth);
        call(Ioctl.VEVENTQ_ALLOC);
        return new Queue(
                argument.word(Uapi.VeventqAlloc.OUT_VEVENTQ_ID),
                argument.word(Uapi.VeventqAlloc.OUT_VEVENTQ_FD));
    }

    /** Answers a group of page requests. */
    public synchronized void respond(int faultFd, int cookie, boolean resolved)
            throws HostException {
        data.word(Uapi.FaultResponse.COOKIE, cookie)
                .word(
                        Uapi.FaultResponse.CODE,
                        resolved ? Uapi.FaultResponse.SUCCESS : Uapi.FaultResponse.INVALID);
        check(
                "write(page response)",
                system.write(faultFd, data.bytes().asSlice(0, Uapi.FaultResponse.BYTES)));
    }

    /**
     * Reads what waits in a queue.
     *
     * @return a copy, empty if nothing waits
     */
    public synchronized byte[] read(int queueFd) throws HostException {
        int count =
                check("read(queue)", system.read(queueFd, data.bytes().asSlice(0, RECORDS_BYTES)));
        byte[] bytes = new byte[count];
        MemorySegment.copy(data.bytes(), 0, MemorySegment.ofArray(bytes), 0, count);
        return bytes;
    }
}
