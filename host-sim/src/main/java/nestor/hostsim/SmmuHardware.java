package nestor.hostsim;

import static nestor.vmm.register.BitField.bits;

import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nestor.iommu.AccessRights;
import nestor.iommu.Iotlb;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.iommu.format.ContextDescriptor;
import nestor.iommu.format.ContextTableFormat;
import nestor.iommu.host.Stage1;
import nestor.iommufd.Errno;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.ArmSmmuV3;
import nestor.iommufd.Uapi.HwInfo;
import nestor.iommufd.Uapi.HwptAlloc;
import nestor.iommufd.Uapi.HwptInvalidate;
import nestor.iommufd.Uapi.VeventqAlloc;
import nestor.iommufd.Uapi.ViommuAlloc;
import nestor.paging.WalkResult;
import nestor.paging.Walker;
import nestor.pci.Translation;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.register.BitField;
import org.jspecify.annotations.Nullable;

/** An SMMUv3 with both stages, with its driver: it nests through vIOMMUs. */
final class SmmuHardware implements Hardware {
    private static final BitField V = bits(0, 0);
    private static final BitField CONFIG = bits(3, 1);
    private static final BitField S1FMT = bits(5, 4);
    private static final BitField S1CONTEXTPTR = bits(51, 6);
    private static final BitField S1CDMAX = bits(63, 59);
    private static final BitField S1DSS = bits(1, 0);
    private static final BitField EATS = bits(29, 28);
    private static final int ABORT = 0;
    private static final int BYPASS = 4;
    private static final int STAGE1 = 5;
    private static final int DSS_BYPASS = 1;
    private static final int DSS_SSID0 = 2;

    private static final BitField OPCODE = bits(7, 0);
    private static final BitField SSID = bits(31, 12);
    private static final BitField SID = bits(63, 32);
    private static final BitField ASID = bits(63, 48);
    private static final BitField SIZE = bits(5, 0);
    private static final BitField ADDRESS = bits(63, 12);

    private static final int C_BAD_SUBSTREAMID = 0x08;
    private static final int C_BAD_CD = 0x0a;
    private static final int F_TRANSLATION = 0x10;
    private static final int F_ADDR_SIZE = 0x11;
    private static final int F_ACCESS = 0x12;
    private static final int F_PERMISSION = 0x13;

    private static final int IOTLB_ENTRIES = 1024;
    private static final int OUTPUT_BITS = 48;
    private static final int ASIDS = 1 << 16;

    private record Substream(BoundDevice device, int ssid) {}

    private final int[] idr;
    private final int pasidLog2;
    private final SmmuCommandFilter filter;
    private final Iotlb iotlb = new Iotlb(IOTLB_ENTRIES);
    private final Map<Substream, ContextDescriptor> contexts = new HashMap<>();
    private final Map<Viommu, Long> vmids = new HashMap<>();
    private long nextVmid = 1;

    /**
     * By the registers.
     *
     * @param idr SMMU_IDR0 to SMMU_IDR5
     */
    SmmuHardware(int... idr) {
        this.idr = idr.clone();
        this.pasidLog2 = idr[1] >>> 6 & 0x1f; // SSIDSIZE
        this.filter = new SmmuCommandFilter(idr);
    }

    @Override
    public int infoType() {
        return HwInfo.TYPE_ARM_SMMUV3;
    }

    @Override
    public byte[] info() {
        byte[] bytes = new byte[HwInfo.SMMUV3_BYTES];
        var struct = new Struct(MemorySegment.ofArray(bytes));
        for (int i = 0; i < idr.length; i++) {
            struct.word(HwInfo.SMMUV3_IDR + 4L * i, idr[i]);
        }
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

    /** The window of software-mapped MSIs, and what is beyond the width of addresses. */
    @Override
    public List<IovaRange> reserved() {
        return List.of(
                new IovaRange(0x800_0000L, 0x80f_ffffL), new IovaRange(1L << OUTPUT_BITS, -1));
    }

    @Override
    public long granule() {
        return 4096;
    }

    @Override
    public void checkPaging(int flags) throws Refusal {
        boolean parent = (flags & HwptAlloc.NEST_PARENT) != 0;
        Refusal.when(parent && (idr[0] & 0b11) != 0b11, Errno.EOPNOTSUPP);
    }

    @Override
    public boolean nestsDirectly() {
        return false;
    }

    @Override
    public int viommuType() {
        return (idr[0] & 0b11) == 0b11 ? ViommuAlloc.TYPE_ARM_SMMUV3 : 0;
    }

    @Override
    public int eventType() {
        return VeventqAlloc.TYPE_ARM_SMMUV3;
    }

    @Override
    public Object stage1(int flags, int type, Struct data, int sizeBytes) throws Refusal {
        Refusal.when((flags & ~HwptAlloc.FAULT_ID_VALID) != 0, Errno.EOPNOTSUPP);
        Refusal.when(type != HwptAlloc.DATA_ARM_SMMUV3, Errno.EINVAL);
        Refusal.when(sizeBytes != ArmSmmuV3.BYTES, Errno.EINVAL);
        long ste0 = data.doubleword(ArmSmmuV3.STE0);
        long ste1 = data.doubleword(ArmSmmuV3.STE1);
        var known = Stage1.SmmuV3.of(ste0, ste1, true);
        Refusal.when(known.ste0() != ste0 || known.ste1() != ste1, Errno.EIO);
        int config = V.isSet(ste0) ? CONFIG.getInt(ste0) : ABORT;
        Refusal.when(config != ABORT && config != BYPASS && config != STAGE1, Errno.EIO);
        Refusal.when(EATS.getInt(ste1) > 1, Errno.EIO);
        return known;
    }

    private static int config(Hwpt hwpt) {
        return hwpt.stage1() instanceof Stage1.SmmuV3(long ste0, _) && V.isSet(ste0)
                ? CONFIG.getInt(ste0)
                : ABORT;
    }

    @Override
    public void checkAttach(BoundDevice device, int pasid, Hwpt hwpt) throws Refusal {
        Refusal.when(hwpt.isNested() && pasid != BoundDevice.NO_PASID, Errno.EINVAL);
        boolean translates = hwpt.isNested() && config(hwpt) == STAGE1;
        Refusal.when(translates && device.vdevice() == null, Errno.ENOENT);
    }

    @Override
    public void attached(BoundDevice device, int pasid, @Nullable Hwpt hwpt) {
        contexts.keySet().removeIf(substream -> substream.device() == device);
    }

    @Override
    public void checkInvalidation(HostObject target, int type) throws Refusal {
        Refusal.when(!(target instanceof Viommu), Errno.EOPNOTSUPP);
        Refusal.when(type != HwptInvalidate.DATA_ARM_SMMUV3, Errno.EINVAL);
    }

    /** The driver's copy of the entries wants at least one. */
    @Override
    public void checkProbe() throws Refusal {
        throw new Refusal(Errno.EINVAL);
    }

    @Override
    public void checkEntry(HostObject target, int sizeBytes) throws Refusal {
        Refusal.when(sizeBytes != 16, Errno.EINVAL);
    }

    @Override
    public void invalidate(HostObject target, Struct entry) throws Refusal {
        if (target instanceof Viommu viommu) {
            filter.check(entry.doubleword(0), entry.doubleword(8));
            command(viommu, entry.doubleword(0), entry.doubleword(8));
        }
    }

    /** The guest's VMID does not count, its StreamID is one of its devices'. */
    private void command(Viommu viommu, long word0, long word1) throws Refusal {
        int asid = ASID.getInt(word0);
        switch (OPCODE.getInt(word0)) {
            case 0x05 -> {
                BoundDevice device = device(viommu, word0);
                contexts.remove(new Substream(device, SSID.getInt(word0)));
            }
            case 0x06 -> {
                BoundDevice device = device(viommu, word0);
                contexts.keySet().removeIf(substream -> substream.device() == device);
            }
            case 0x10, 0x30 -> drop(new Tags(vmid(viommu), -ASIDS), IovaRange.ALL);
            case 0x11 -> drop(Tags.only(vmid(viommu) | asid), IovaRange.ALL);
            case 0x12 -> drop(Tags.only(vmid(viommu) | asid), covered(word1));
            case 0x13 -> drop(new Tags(vmid(viommu), -ASIDS), covered(word1));
            case 0x40 -> {
                int size = SIZE.getInt(word1);
                boolean ssv = (word0 >>> 11 & 1) != 0;
                device(viommu, word0)
                        .device()
                        .dropAtc(
                                ssv ? SSID.getInt(word0) : BoundDevice.NO_PASID,
                                IovaRange.block(ADDRESS.getInPlace(word1), 12 + size));
            }
            default -> throw new Refusal(Errno.EIO);
        }
    }

    private static BoundDevice device(Viommu viommu, long word0) throws Refusal {
        Vdevice device = viommu.device(SID.get(word0));
        if (device == null) {
            throw new Refusal(Errno.EIO);
        }
        return device.device();
    }

    /** A range of RIL, or the page: generously. */
    private static IovaRange covered(long word1) {
        long granule = word1 >>> 10 & 3;
        return granule == 0 ? IovaRange.block(ADDRESS.getInPlace(word1), 12) : IovaRange.ALL;
    }

    private void drop(Tags tags, IovaRange range) {
        iotlb.invalidate(tags, range);
    }

    private long vmid(Viommu viommu) {
        return vmids.computeIfAbsent(viommu, _ -> nextVmid++ * ASIDS);
    }

    Translation.@Nullable Mapping translate(
            BoundDevice device, Hwpt hwpt, int pasid, long iova, int access, boolean reports) {
        Viommu viommu = hwpt.viommu();
        if (viommu == null || !(hwpt.stage1() instanceof Stage1.SmmuV3(long ste0, long ste1))) {
            return null;
        }
        Viommu told = reports ? viommu : null;
        var identity = new Translation.Mapping(0, 64, 0, Translation.READ | Translation.WRITE);
        if (config(hwpt) == BYPASS) {
            return pasid == BoundDevice.NO_PASID ? identity : null;
        }
        if (config(hwpt) != STAGE1) {
            return null;
        }
        int dss = S1DSS.getInt(ste1);
        if (pasid == BoundDevice.NO_PASID && dss == DSS_BYPASS) {
            return identity;
        }
        if (pasid == BoundDevice.NO_PASID && dss != DSS_SSID0) {
            return null;
        }
        int ssid = Math.max(pasid, 0);
        var substream = new Substream(device, ssid);
        ContextDescriptor context = contexts.get(substream);
        if (context == null) {
            context = read(hwpt, ste0, ssid);
            if (context == null || !context.valid() || !context.hasLegalRanges(OUTPUT_BITS)) {
                boolean beyond = ssid >>> S1CDMAX.getInt(ste0) != 0;
                event(told, device, pasid, beyond ? C_BAD_SUBSTREAMID : C_BAD_CD, iova, access);
                return null;
            }
            contexts.put(substream, context);
        }
        return walk(vmid(viommu), told, device, hwpt, context, pasid, iova, access);
    }

    private static @Nullable ContextDescriptor read(Hwpt hwpt, long ste0, int ssid) {
        var format =
                new ContextTableFormat(
                        S1CONTEXTPTR.getInPlace(ste0), S1FMT.getInt(ste0), S1CDMAX.getInt(ste0));
        if (ssid >>> format.s1CdMax() != 0) {
            return null;
        }
        var tables = new IoasTables(hwpt.ioas());
        try {
            long at;
            if (format.isTwoLevel()) {
                long level1 = tables.descriptor(format.level1(ssid));
                if (!ContextTableFormat.isValid(level1, OUTPUT_BITS)) {
                    return null;
                }
                at = format.entry(level1, ssid);
            } else {
                at = format.entry(ssid);
            }
            return ContextDescriptor.decode(
                    tables.descriptor(at),
                    tables.descriptor(at + 8),
                    tables.descriptor(at + 16),
                    tables.descriptor(at + 24));
        } catch (GuestAccessException e) {
            return null;
        }
    }

    private Translation.@Nullable Mapping walk(
            long vmid,
            @Nullable Viommu told,
            BoundDevice device,
            Hwpt hwpt,
            ContextDescriptor context,
            int pasid,
            long iova,
            int access) {
        long tag = vmid | context.asid();
        Translation.Mapping hit = iotlb.lookup(tag, iova);
        if (hit != null && (access & ~hit.access()) == 0) {
            return hit;
        }
        if (ContextDescriptor.isUpper(iova) || context.range0().disabled()) {
            event(told, device, pasid, F_TRANSLATION, iova, access);
            return null;
        }
        WalkResult result =
                new Walker(new IoasTables(hwpt.ioas()))
                        .walk(
                                context.stage1OfTtb0(OUTPUT_BITS),
                                iova,
                                AccessRights.needed(access, false));
        return switch (result) {
            case WalkResult.Fault fault -> {
                switch (fault.kind()) {
                    case INPUT_RANGE, TRANSLATION, RESERVED ->
                            event(told, device, pasid, F_TRANSLATION, iova, access);
                    case ADDRESS_SIZE -> event(told, device, pasid, F_ADDR_SIZE, iova, access);
                    case ACCESS_FLAG -> event(told, device, pasid, F_ACCESS, iova, access);
                    case PERMISSION -> event(told, device, pasid, F_PERMISSION, iova, access);
                    case EXTERNAL_ABORT, UPDATE_FAILED -> {} // stage 2's: the host's own affair
                }
                yield null;
            }
            case WalkResult.Mapping leaf -> {
                var mapping =
                        new Translation.Mapping(
                                iova & -1L << leaf.sizeLog2(),
                                leaf.sizeLog2(),
                                leaf.output(),
                                AccessRights.granted(leaf.permissions(), false));
                iotlb.insert(tag, iotlb.epoch(), mapping);
                yield mapping;
            }
        };
    }

    /** To the guest, under its number of the stream. */
    private static void event(
            @Nullable Viommu told,
            BoundDevice device,
            int pasid,
            int number,
            long iova,
            int access) {
        VeventQueue queue = told == null ? null : told.events();
        Vdevice vdevice = device.vdevice();
        if (queue == null || vdevice == null) {
            return;
        }
        byte[] bytes = new byte[32];
        long dw0 = number | vdevice.virtId() << 32;
        if (pasid != BoundDevice.NO_PASID) {
            dw0 |= 1L << 11 | (long) pasid << 12;
        }
        boolean reads = (access & Translation.WRITE) == 0;
        new Struct(MemorySegment.ofArray(bytes))
                .doubleword(0, dw0)
                .doubleword(8, (reads ? 1L << 35 : 0) | 2L << 40)
                .doubleword(16, iova);
        queue.add(bytes);
    }

    @Override
    public void forget(Hwpt hwpt) {}
}
