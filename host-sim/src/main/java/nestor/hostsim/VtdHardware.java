package nestor.hostsim;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import nestor.iommu.AccessRights;
import nestor.iommu.Iotlb;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.iommu.host.Stage1;
import nestor.iommufd.Errno;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.HwInfo;
import nestor.iommufd.Uapi.HwptAlloc;
import nestor.iommufd.Uapi.HwptInvalidate;
import nestor.iommufd.Uapi.VtdS1;
import nestor.iommufd.Uapi.VtdS1Invalidate;
import nestor.paging.WalkResult;
import nestor.paging.Walker;
import nestor.paging.X86Paging;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/** A VT-d unit in scalable mode that nests, with its driver. */
final class VtdHardware implements Hardware {
    private static final int IOTLB_ENTRIES = 1024;
    private static final int HOST_BITS = 46;
    private static final int WIDTH_4_LEVELS = 48;
    private static final int WIDTH_5_LEVELS = 57;
    private static final int FIVE_LEVELS = 5;

    private final long cap;
    private final long ecap;
    private final boolean fiveLevels;
    private final boolean supervisor;
    private final boolean extendedAccessed;
    private final int pasidLog2;
    private final boolean nests;
    private final Iotlb iotlb = new Iotlb(IOTLB_ENTRIES);
    private final Map<Hwpt, Long> tags = new HashMap<>();
    private final Map<Hwpt, Set<BoundDevice>> users = new HashMap<>();
    private long nextTag = 1;

    /**
     * By the unit's registers.
     *
     * @param cap CAP_REG
     * @param ecap ECAP_REG
     */
    VtdHardware(long cap, long ecap) {
        this.cap = cap;
        this.ecap = ecap;
        this.fiveLevels = (cap >>> 60 & 1) != 0; // FS5LP
        this.supervisor = (ecap >>> 31 & 1) != 0; // SRS
        this.extendedAccessed = (ecap >>> 34 & 1) != 0; // EAFS
        this.nests = (ecap >>> 26 & 1) != 0; // NEST
        this.pasidLog2 = (ecap >>> 40 & 1) != 0 ? (int) (ecap >>> 35 & 0x1f) + 1 : 0; // PASID, PSS
    }

    @Override
    public int infoType() {
        return HwInfo.TYPE_INTEL_VTD;
    }

    @Override
    public byte[] info() {
        byte[] bytes = new byte[HwInfo.VTD_BYTES];
        new Struct(MemorySegment.ofArray(bytes))
                .doubleword(HwInfo.VTD_CAP_REG, cap)
                .doubleword(HwInfo.VTD_ECAP_REG, ecap);
        return bytes;
    }

    @Override
    public int maxPasidLog2(SimulatedDevice device) {
        return device.hasPasids() ? pasidLog2 : 0;
    }

    @Override
    public int capabilities(SimulatedDevice device) {
        return device.tracksDirty() ? HwInfo.CAP_DIRTY_TRACKING : 0;
    }

    /** The window of interrupt messages, and what is beyond the width of addresses. */
    @Override
    public List<IovaRange> reserved() {
        return List.of(
                new IovaRange(0xfee0_0000L, 0xfeef_ffffL), new IovaRange(1L << WIDTH_4_LEVELS, -1));
    }

    @Override
    public long granule() {
        return 4096;
    }

    @Override
    public void checkPaging(int flags) throws Refusal {
        Refusal.when((flags & HwptAlloc.NEST_PARENT) != 0 && !nests, Errno.EOPNOTSUPP);
    }

    @Override
    public boolean nestsDirectly() {
        return nests;
    }

    @Override
    public int viommuType() {
        return 0;
    }

    @Override
    public int eventType() {
        return 0;
    }

    @Override
    public Object stage1(int flags, int type, Struct data, int sizeBytes) throws Refusal {
        Refusal.when(!nests || type != HwptAlloc.DATA_VTD_S1, Errno.EOPNOTSUPP);
        Refusal.when(sizeBytes != VtdS1.BYTES, Errno.EINVAL);
        return new Stage1.VtdFirstStage(
                data.doubleword(VtdS1.PGTBL_ADDR),
                data.word(VtdS1.ADDR_WIDTH),
                data.doubleword(VtdS1.FLAGS));
    }

    /** Field values are looked at only now. */
    @Override
    public void checkAttach(BoundDevice device, int pasid, Hwpt hwpt) throws Refusal {
        if (hwpt.stage1() instanceof Stage1.VtdFirstStage(_, int bits, long flags)) {
            boolean width = bits == WIDTH_4_LEVELS || bits == WIDTH_5_LEVELS && fiveLevels;
            Refusal.when(!width, Errno.EINVAL);
            Refusal.when((flags & VtdS1.SRE) != 0 && !supervisor, Errno.EINVAL);
            Refusal.when((flags & VtdS1.EAFE) != 0 && !extendedAccessed, Errno.EINVAL);
        }
    }

    @Override
    public void attached(BoundDevice device, int pasid, @Nullable Hwpt hwpt) {
        if (hwpt != null) {
            users.computeIfAbsent(hwpt, _ -> new HashSet<>()).add(device);
        }
    }

    @Override
    public void checkInvalidation(HostObject target, int type) throws Refusal {
        Refusal.when(target instanceof Viommu, Errno.EOPNOTSUPP);
        Refusal.when(type != HwptInvalidate.DATA_VTD_S1, Errno.EINVAL);
    }

    @Override
    public void checkEntry(HostObject target, int sizeBytes) throws Refusal {
        Refusal.when(sizeBytes != VtdS1Invalidate.BYTES, Errno.EINVAL);
    }

    @Override
    public void invalidate(HostObject target, Struct entry) throws Refusal {
        int flags = entry.word(VtdS1Invalidate.FLAGS);
        Refusal.when(
                (flags & ~VtdS1Invalidate.LEAF) != 0 || entry.word(VtdS1Invalidate.RESERVED) != 0,
                Errno.EOPNOTSUPP);
        long address = entry.doubleword(VtdS1Invalidate.ADDR);
        long pages = entry.doubleword(VtdS1Invalidate.NPAGES);
        Refusal.when((address & 0xfff) != 0 || pages == -1 && address != 0, Errno.EINVAL);
        if (pages != 0 && target instanceof Hwpt hwpt) {
            drop(hwpt, pages == -1 ? IovaRange.ALL : range(address, pages));
        }
    }

    private static IovaRange range(long address, long pages) {
        long last = address + (pages << 12) - 1;
        boolean wraps = pages >>> 52 != 0 || Long.compareUnsigned(last, address) < 0;
        return wraps ? IovaRange.ALL : new IovaRange(address, last);
    }

    /** With the Device-TLBs behind it. */
    private void drop(Hwpt hwpt, IovaRange range) {
        iotlb.invalidate(Tags.only(tag(hwpt)), range);
        for (BoundDevice device : users.getOrDefault(hwpt, Set.of())) {
            device.device().dropAtc(BoundDevice.NO_PASID, range);
        }
    }

    private long tag(Hwpt hwpt) {
        return tags.computeIfAbsent(hwpt, _ -> nextTag++);
    }

    Translation.@Nullable Mapping translate(Hwpt hwpt, long iova, int access) {
        Translation.Mapping hit = iotlb.lookup(tag(hwpt), iova);
        if (hit != null && (access & ~hit.access()) == 0) {
            return hit;
        }
        if (!(hwpt.stage1() instanceof Stage1.VtdFirstStage(long root, int bits, long flags))) {
            return null;
        }
        var format =
                new X86Paging(
                        bits == WIDTH_5_LEVELS ? FIVE_LEVELS : FIVE_LEVELS - 1,
                        root,
                        HOST_BITS,
                        true,
                        X86Paging.ExecuteDisable.ENABLED,
                        (flags & VtdS1.WPE) != 0,
                        false);
        WalkResult result =
                new Walker(new IoasTables(hwpt.ioas()))
                        .walk(format, iova, AccessRights.needed(access, false));
        if (!(result instanceof WalkResult.Mapping leaf)) {
            return null;
        }
        var mapping =
                new Translation.Mapping(
                        iova & -1L << leaf.sizeLog2(),
                        leaf.sizeLog2(),
                        leaf.output(),
                        AccessRights.granted(leaf.permissions(), false));
        iotlb.insert(tag(hwpt), iotlb.epoch(), mapping);
        return mapping;
    }

    @Override
    public void forget(Hwpt hwpt) {
        drop(hwpt, IovaRange.ALL);
        tags.remove(hwpt);
        users.remove(hwpt);
    }
}
