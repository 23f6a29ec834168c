package nestor.hostsim;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import nestor.iommu.IovaRange;
import nestor.iommufd.Errno;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.HwInfo;
import nestor.iommufd.Uapi.HwptAlloc;
import nestor.iommufd.Uapi.HwptInvalidate;
import nestor.iommufd.Uapi.VeventqAlloc;
import nestor.iommufd.Uapi.ViommuAlloc;
import org.jspecify.annotations.Nullable;

/** The IOMMU of the kernel's test module: its caches are words that tests look at. */
final class MockHardware implements Hardware {
    static final int WORDS = 4;

    /** The caches of a nested HWPT. */
    static final class MockStage1 {
        private final int[] iotlb = new int[WORDS];

        MockStage1(int word) {
            Arrays.fill(iotlb, word);
        }

        int[] iotlb() {
            return iotlb;
        }
    }

    private static final long APERTURE_FIRST = 1L << 24;
    private static final long APERTURE_LAST = (1L << 31) - 1;
    private static final int PASID_LOG2 = 20;
    private static final int ALL = 1;

    /** A PASID whose second attachment fails. */
    private static final int TRAP = 1024;

    private boolean trapped;

    @Override
    public int infoType() {
        return HwInfo.TYPE_SELFTEST;
    }

    @Override
    public byte[] info() {
        byte[] bytes = new byte[8];
        new Struct(MemorySegment.ofArray(bytes)).word(4, 0xdeadbeef);
        return bytes;
    }

    @Override
    public int maxPasidLog2(SimulatedDevice device) {
        return device.hasPasids() ? PASID_LOG2 : 0;
    }

    @Override
    public int capabilities(SimulatedDevice device) {
        return device.tracksDirty() ? HwInfo.CAP_DIRTY_TRACKING : 0;
    }

    @Override
    public List<IovaRange> reserved() {
        return List.of(new IovaRange(0, APERTURE_FIRST - 1), new IovaRange(APERTURE_LAST + 1, -1));
    }

    @Override
    public long granule() {
        return 2048;
    }

    @Override
    public void checkPaging(int flags) {}

    @Override
    public boolean nestsDirectly() {
        return true;
    }

    @Override
    public int viommuType() {
        return ViommuAlloc.TYPE_SELFTEST;
    }

    @Override
    public int eventType() {
        return VeventqAlloc.TYPE_SELFTEST;
    }

    @Override
    public Object stage1(int flags, int type, Struct data, int sizeBytes) throws Refusal {
        Refusal.when(type != HwptAlloc.DATA_SELFTEST, Errno.EOPNOTSUPP);
        Refusal.when(sizeBytes < 4 || sizeBytes > 8, Errno.EINVAL);
        return new MockStage1(data.word(0));
    }

    @Override
    public void checkAttach(BoundDevice device, int pasid, Hwpt hwpt) throws Refusal {
        Refusal.when(
                hwpt.bottom().has(HwptAlloc.DIRTY_TRACKING) && !device.device().tracksDirty(),
                Errno.EINVAL);
        if (hwpt.viommu() != null && device.vdevice() == null) {
            throw new Refusal(Errno.ENOENT);
        }
        if (pasid == TRAP) {
            boolean second = trapped;
            trapped = !trapped;
            Refusal.when(second, Errno.ENOMEM);
        }
    }

    @Override
    public void attached(BoundDevice device, int pasid, @Nullable Hwpt hwpt) {}

    @Override
    public void checkInvalidation(HostObject target, int type) throws Refusal {
        Refusal.when(type != HwptInvalidate.DATA_SELFTEST, Errno.EINVAL);
    }

    @Override
    public void checkEntry(HostObject target, int sizeBytes) throws Refusal {
        int known = target instanceof Viommu ? 12 : 8;
        Refusal.when(sizeBytes != known, Errno.EINVAL);
    }

    @Override
    public void invalidate(HostObject target, Struct entry) throws Refusal {
        int flags = entry.word(0);
        Refusal.when((flags & ~ALL) != 0, Errno.EOPNOTSUPP);
        int index = entry.word(target instanceof Viommu ? 8 : 4);
        Refusal.when(index < 0 || index >= WORDS, Errno.EINVAL);
        int[] words = words(target, entry);
        for (int i = 0; i < WORDS; i++) {
            if (i == index || (flags & ALL) != 0) {
                words[i] = 0;
            }
        }
    }

    private static int[] words(HostObject target, Struct entry) throws Refusal {
        if (target instanceof Viommu viommu) {
            Vdevice device = viommu.device(Integer.toUnsignedLong(entry.word(4)));
            Refusal.when(device == null, Errno.EINVAL);
            return device == null ? new int[WORDS] : device.device().device().mockCache();
        }
        if (target instanceof Hwpt hwpt && hwpt.stage1() instanceof MockStage1 stage1) {
            return stage1.iotlb();
        }
        throw new Refusal(Errno.EINVAL);
    }

    @Override
    public void forget(Hwpt hwpt) {}
}
