package nestor.hostsuite;

import static nestor.hostsuite.Expectation.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import nestor.iommufd.HostSystem;
import nestor.iommufd.Ioctl;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.FaultQueueAlloc;
import nestor.iommufd.Uapi.HwptAlloc;
import nestor.iommufd.Uapi.HwptInvalidate;
import nestor.iommufd.Uapi.IoasAlloc;
import nestor.iommufd.Uapi.IoasMap;
import nestor.iommufd.Uapi.IoasUnmap;
import nestor.iommufd.Uapi.VdeviceAlloc;
import nestor.iommufd.Uapi.VeventqAlloc;
import nestor.iommufd.Uapi.ViommuAlloc;

/**
 * An open /dev/iommu for a check, with short words for calls. Results are the kernel's: 0, or an
 * error number negated.
 */
final class HostUnderTest implements Fixture {
    static final int PAGE = 4096;

    /** Where the mock domain's addresses begin. */
    static final long APERTURE = 1L << 24;

    static final long APERTURE_LAST = (1L << 31) - 1;

    final HostSystem system;
    final int fd;
    private final Arena arena = Arena.ofShared();
    private final List<Runnable> before = new ArrayList<>();

    HostUnderTest(HostSystem system) {
        this.system = system;
        fd = system.open(HostSystem.IOMMU);
        assertThat(fd).describedAs("open(" + HostSystem.IOMMU + ")").isNotNegative();
    }

    /** What is done before it is closed. */
    void beforeClose(Runnable step) {
        before.add(step);
    }

    @Override
    public void close() {
        before.forEach(Runnable::run);
        system.close(fd);
        arena.close();
    }

    /** Memory whose address a structure can hold. */
    Struct memory(long sizeBytes) {
        MemorySegment segment = arena.allocate(sizeBytes, PAGE);
        system.expose(segment);
        return new Struct(segment);
    }

    /** A call, and the structure as it came back. */
    record Answer(int result, Struct struct) {
        /** A word of the structure of a call that must have succeeded. */
        int word(int offset) {
            assertThat(result).isZero();
            return struct.word(offset);
        }

        Answer ok() {
            assertThat(result).isZero();
            return this;
        }
    }

    Answer call(Ioctl ioctl, Consumer<Struct> fill) {
        return call(ioctl, ioctl.sizeBytes(), ioctl.sizeBytes(), fill);
    }

    /** With another size than the structure's, in so many bytes of memory. */
    Answer call(Ioctl ioctl, int size, int bytes, Consumer<Struct> fill) {
        Struct struct = memory(Math.max(bytes, 8));
        fill.accept(struct);
        struct.word(0, size);
        return new Answer(system.ioctl(fd, ioctl.number(), struct.bytes()), struct);
    }

    int destroy(int id) {
        return call(Ioctl.DESTROY, s -> s.word(4, id)).result();
    }

    int ioas() {
        return call(Ioctl.IOAS_ALLOC, _ -> {}).word(IoasAlloc.OUT_IOAS_ID);
    }

    static final int READ_WRITE = IoasMap.READABLE | IoasMap.WRITEABLE;

    /** With these flags, wherever they say. */
    Answer map(int ioas, int flags, Struct memory, long length, long iova) {
        return call(
                Ioctl.IOAS_MAP,
                s ->
                        s.word(IoasMap.FLAGS, flags)
                                .word(IoasMap.IOAS_ID, ioas)
                                .doubleword(IoasMap.USER_VA, memory.bytes().address())
                                .doubleword(IoasMap.LENGTH, length)
                                .doubleword(IoasMap.IOVA, iova));
    }

    int mapFixed(int ioas, Struct memory, long length, long iova) {
        return map(ioas, READ_WRITE | IoasMap.FIXED_IOVA, memory, length, iova).result();
    }

    Answer unmap(int ioas, long iova, long length) {
        return call(
                Ioctl.IOAS_UNMAP,
                s ->
                        s.word(IoasUnmap.IOAS_ID, ioas)
                                .doubleword(IoasUnmap.IOVA, iova)
                                .doubleword(IoasUnmap.LENGTH, length));
    }

    /** IOMMU_TEST_CMD. */
    Answer test(int op, int id, Consumer<Struct> fill) {
        return call(
                Ioctl.TEST,
                s -> {
                    s.word(4, op).word(8, id);
                    fill.accept(s);
                });
    }

    /**
     * A mock device.
     *
     * @param stdev the test module's handle, by which it is destroyed
     * @param hwpt that it is attached to
     * @param id of the device
     */
    record Mock(int stdev, int hwpt, int id) {}

    static final int NO_DIRTY = 1;
    static final int HAS_PASID = 4;

    Mock mock(int pageTable, int flags) {
        Answer answer = test(12, pageTable, s -> s.word(28, flags)).ok();
        return new Mock(answer.word(16), answer.word(20), answer.word(24));
    }

    Mock mock(int pageTable) {
        return mock(pageTable, 0);
    }

    int replace(Mock mock, int pageTable) {
        return test(10, mock.stdev(), s -> s.word(16, pageTable)).result();
    }

    Answer allocHwpt(int device, int pageTable, int flags) {
        return call(
                Ioctl.HWPT_ALLOC,
                s ->
                        s.word(HwptAlloc.FLAGS, flags)
                                .word(HwptAlloc.DEV_ID, device)
                                .word(HwptAlloc.PT_ID, pageTable));
    }

    int hwpt(int device, int pageTable, int flags) {
        return allocHwpt(device, pageTable, flags).word(HwptAlloc.OUT_HWPT_ID);
    }

    static final int IOTLB_DEFAULT = 0xbadbeef;

    /** Nested, with the test module's data. */
    Answer allocNested(int device, int parent, int flags, int fault) {
        Struct data = memory(8).word(0, IOTLB_DEFAULT);
        return call(
                Ioctl.HWPT_ALLOC,
                s ->
                        s.word(HwptAlloc.FLAGS, flags)
                                .word(HwptAlloc.DEV_ID, device)
                                .word(HwptAlloc.PT_ID, parent)
                                .word(HwptAlloc.DATA_TYPE, HwptAlloc.DATA_SELFTEST)
                                .word(HwptAlloc.DATA_LEN, 4)
                                .doubleword(HwptAlloc.DATA_UPTR, data.bytes().address())
                                .word(HwptAlloc.FAULT_ID, fault));
    }

    int nested(int device, int parent) {
        return allocNested(device, parent, 0, 0).word(HwptAlloc.OUT_HWPT_ID);
    }

    Answer invalidate(int target, int type, Struct entries, int length, int count) {
        return call(
                Ioctl.HWPT_INVALIDATE,
                s ->
                        s.word(HwptInvalidate.HWPT_ID, target)
                                .doubleword(HwptInvalidate.DATA_UPTR, entries.bytes().address())
                                .word(HwptInvalidate.DATA_TYPE, type)
                                .word(HwptInvalidate.ENTRY_LEN, length)
                                .word(HwptInvalidate.ENTRY_NUM, count));
    }

    record Queue(int id, int fd) {}

    Queue faultQueue() {
        Answer answer = call(Ioctl.FAULT_QUEUE_ALLOC, _ -> {}).ok();
        return new Queue(
                answer.word(FaultQueueAlloc.OUT_FAULT_ID),
                answer.word(FaultQueueAlloc.OUT_FAULT_FD));
    }

    Answer allocViommu(int type, int device, int hwpt) {
        return call(
                Ioctl.VIOMMU_ALLOC,
                s ->
                        s.word(ViommuAlloc.TYPE, type)
                                .word(ViommuAlloc.DEV_ID, device)
                                .word(ViommuAlloc.HWPT_ID, hwpt));
    }

    int viommu(int device, int hwpt) {
        return allocViommu(ViommuAlloc.TYPE_SELFTEST, device, hwpt).word(ViommuAlloc.OUT_VIOMMU_ID);
    }

    Answer allocVdevice(int viommu, int device, long virtId) {
        return call(
                Ioctl.VDEVICE_ALLOC,
                s ->
                        s.word(VdeviceAlloc.VIOMMU_ID, viommu)
                                .word(VdeviceAlloc.DEV_ID, device)
                                .doubleword(VdeviceAlloc.VIRT_ID, virtId));
    }

    Answer allocVeventQueue(int viommu, int type, int depth) {
        return call(
                Ioctl.VEVENTQ_ALLOC,
                s ->
                        s.word(VeventqAlloc.VIOMMU_ID, viommu)
                                .word(VeventqAlloc.TYPE, type)
                                .word(VeventqAlloc.DEPTH, depth));
    }
}
