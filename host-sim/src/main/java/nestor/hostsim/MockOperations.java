package nestor.hostsim;

import java.lang.foreign.MemorySegment;
import java.util.List;
import nestor.iommu.IovaRange;
import nestor.iommufd.Errno;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.HwptAlloc;

/** IOMMU_TEST_CMD: what the kernel's test module lets a test do and look at. */
final class MockOperations {
    private static final int NO_DIRTY = 1;
    private static final int HAS_PASID = 4;
    private static final int RW_WRITE = 1;
    private static final int NEEDS_PIN_PAGES = 1;

    private final SimulatedHost host;
    private final IommufdFile file;

    MockOperations(SimulatedHost host, IommufdFile file) {
        this.host = host;
        this.file = file;
    }

    void perform(Struct s) throws Refusal {
        int id = s.word(8);
        switch (s.word(4)) {
            case 1 -> {
                long start = s.doubleword(16);
                long last = start + (s.doubleword(24) - 1);
                Refusal.when(Long.compareUnsigned(last, start) < 0, Errno.EOVERFLOW);
                ioas(id).reserve(new IovaRange(start, last));
            }
            case 2 -> device(s, id, 0);
            case 3 -> checkMap(s, id);
            case 5 -> {
                boolean pins = (s.word(20) & NEEDS_PIN_PAGES) != 0;
                MockAccess access = file.add(new MockAccess(file, ioas(id), pins));
                s.word(16, host.install(access));
            }
            case 6 -> access(id).unpin(s.word(16));
            case 7 -> {
                MockAccess access = access(id);
                Refusal.when(!access.pins(), Errno.EOPNOTSUPP);
                access.ioas().pieces(s.doubleword(24), s.doubleword(32));
                s.word(20, access.pin());
            }
            case 8 -> readWrite(s, access(id));
            case 10 ->
                    s.word(16, stdev(id).attach(BoundDevice.NO_PASID, file.pageTable(s.word(16))));
            case 11 -> access(id).replace(ioas(s.word(16)));
            case 12 -> device(s, id, s.word(28));
            case 13 -> dirty(s, id);
            case 14 -> checkWord(iotlb(id), s);
            case 15 -> pageFault(s);
            case 16 -> {
                BoundDevice device = file.get(id, BoundDevice.class, Errno.ENOENT);
                checkWord(device.device().mockCache(), s);
            }
            case 17 -> event(s);
            case 18 -> pasidAttach(s, id);
            case 19 -> pasidReplace(s, id);
            case 20 -> stdev(id).detach(s.word(16));
            case 21 -> pasidCheck(s, id);
            default -> throw new Refusal(Errno.EOPNOTSUPP);
        }
    }

    private Ioas ioas(int id) throws Refusal {
        return file.get(id, Ioas.class, Errno.ENOENT);
    }

    /** By its descriptor, which is what keeps it. */
    private MockAccess access(int fd) throws Refusal {
        if (host.file(fd) instanceof MockAccess access) {
            return access;
        }
        throw new Refusal(Errno.EBADF);
    }

    private BoundDevice stdev(int id) throws Refusal {
        return file.get(id, MockDevice.class, Errno.ENOENT).bound();
    }

    private void device(Struct s, int pageTable, int flags) throws Refusal {
        Refusal.when((flags & ~(NO_DIRTY | HAS_PASID)) != 0, Errno.EOPNOTSUPP);
        HostObject target = file.pageTable(pageTable);
        var device =
                new SimulatedDevice(
                        host,
                        host.mock(),
                        false,
                        (flags & NO_DIRTY) == 0,
                        (flags & HAS_PASID) != 0,
                        null);
        BoundDevice bound = file.bind(device);
        int hwpt;
        try {
            hwpt = bound.attach(BoundDevice.NO_PASID, target);
        } catch (Refusal refusal) {
            file.unbind(bound);
            throw refusal;
        }
        MockDevice handle = file.add(new MockDevice(bound, file));
        s.word(16, handle.id()).word(20, hwpt).word(24, bound.id());
    }

    /** The page table leads where the user's memory is. */
    private void checkMap(Struct s, int id) throws Refusal {
        Hwpt hwpt = file.get(id, Hwpt.class, Errno.ENOENT);
        long iova = s.doubleword(16);
        long length = s.doubleword(24);
        long userVa = s.doubleword(32);
        Refusal.when(hwpt.isNested() || iova % 2048 != 0 || length % 2048 != 0, Errno.EINVAL);
        for (Ioas.Area piece : pieces(hwpt.ioas(), iova, length)) {
            Refusal.when(piece.userVa() != userVa + (piece.range().first() - iova), Errno.EINVAL);
        }
    }

    private static List<Ioas.Area> pieces(Ioas ioas, long iova, long length) throws Refusal {
        try {
            return ioas.pieces(iova, length);
        } catch (Refusal refusal) {
            throw new Refusal(Errno.EINVAL);
        }
    }

    private void readWrite(Struct s, MockAccess access) throws Refusal {
        long iova = s.doubleword(16);
        long length = s.doubleword(24);
        Struct user = host.memory().at(s.doubleword(32), length);
        boolean writes = (s.word(40) & RW_WRITE) != 0;
        long at = 0;
        for (Ioas.Area piece : access.ioas().pieces(iova, length)) {
            long bytes = piece.range().last() - piece.range().first() + 1;
            Refusal.when(writes && !piece.writeable(), Errno.EPERM);
            MemorySegment mapped = host.memory().at(piece.userVa(), bytes).bytes();
            MemorySegment mine = user.bytes().asSlice(at, bytes);
            (writes ? mapped : mine).copyFrom(writes ? mine : mapped);
            at += bytes;
        }
    }

    private void dirty(Struct s, int id) throws Refusal {
        Hwpt hwpt = file.get(id, Hwpt.class, Errno.ENOENT);
        Refusal.when(!hwpt.has(HwptAlloc.DIRTY_TRACKING), Errno.EOPNOTSUPP);
        long iova = s.doubleword(24);
        long page = s.doubleword(40);
        long pages = page == 0 ? 0 : s.doubleword(32) / page;
        Struct bits = host.memory().at(s.doubleword(48), (pages + 7) / 8);
        int count = 0;
        for (long n = 0; n < pages; n++) {
            if ((bits.octet(n / 8) >>> (int) (n % 8) & 1) != 0) {
                hwpt.written(iova + n * page);
                count++;
            }
        }
        s.doubleword(56, count);
    }

    private int[] iotlb(int id) throws Refusal {
        Hwpt hwpt = file.get(id, Hwpt.class, Errno.ENOENT);
        if (hwpt.stage1() instanceof MockHardware.MockStage1 stage1) {
            return stage1.iotlb();
        }
        throw new Refusal(Errno.EINVAL);
    }

    private static void checkWord(int[] words, Struct s) throws Refusal {
        int index = s.word(16);
        Refusal.when(
                index < 0 || index >= words.length || words[index] != s.word(20), Errno.EINVAL);
    }

    private void pageFault(Struct s) throws Refusal {
        BoundDevice device = file.get(s.word(16), BoundDevice.class, Errno.ENOENT);
        int pasid = s.word(20) == 0 ? BoundDevice.NO_PASID : s.word(20);
        Hwpt hwpt = device.attached(pasid);
        if (hwpt == null || hwpt.faults() == null) {
            throw new Refusal(Errno.EINVAL);
        }
        var page = new FaultQueue.Page(s.word(28), s.doubleword(32));
        hwpt.faults().add(device, pasid, s.word(24), List.of(page));
    }

    private void event(Struct s) throws Refusal {
        BoundDevice device = file.get(s.word(16), BoundDevice.class, Errno.ENOENT);
        Vdevice vdevice = device.vdevice();
        Hwpt attached = device.attached(BoundDevice.NO_PASID);
        if (vdevice == null || attached == null || attached.viommu() != vdevice.viommu()) {
            throw new Refusal(Errno.ENOENT);
        }
        VeventQueue queue = vdevice.viommu().events();
        if (queue == null) {
            throw new Refusal(Errno.EOPNOTSUPP);
        }
        byte[] bytes = new byte[4];
        new Struct(MemorySegment.ofArray(bytes)).word(0, (int) vdevice.virtId());
        queue.add(bytes);
    }

    private void pasidAttach(Struct s, int id) throws Refusal {
        BoundDevice device = stdev(id);
        Refusal.when(device.attached(s.word(16)) != null, Errno.EBUSY);
        HostObject target = file.pageTable(s.word(20));
        device.attach(s.word(16), target);
    }

    private void pasidReplace(Struct s, int id) throws Refusal {
        BoundDevice device = stdev(id);
        Refusal.when(device.attached(s.word(16)) == null, Errno.EINVAL);
        device.attach(s.word(16), file.pageTable(s.word(20)));
    }

    /** The HWPT of a PASID; 0 for none. */
    private void pasidCheck(Struct s, int id) throws Refusal {
        Hwpt hwpt = stdev(id).attached(s.word(16));
        int expected = s.word(20);
        Refusal.when(expected != (hwpt == null ? 0 : hwpt.id()), Errno.EINVAL);
    }
}
