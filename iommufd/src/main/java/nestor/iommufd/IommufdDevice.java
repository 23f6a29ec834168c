package nestor.iommufd;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import nestor.iommu.IovaRange;
import nestor.iommu.host.HostDevice;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostInvalidation;
import nestor.iommu.host.HostReports;
import nestor.iommu.host.InvalidationProgress;
import nestor.iommu.host.NestedDomain;
import nestor.iommu.host.Stage1;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/** A VFIO device that a guest has: nested HWPTs, attachments, and its page requests. */
final class IommufdDevice implements HostDevice {
    private static final int PAGE_LOG2 = 12;

    private final IommufdHost host;
    private final VfioDevice device;
    private final int rid;
    private final boolean pasids;
    private final int vdevice;

    /** Its page requests; a kernel without fault queues has none to report. */
    private final EventQueue faults;

    /** After which nothing is attached. */
    private final Runnable release;

    private volatile @Nullable HostReports reports;

    private IommufdDevice(
            IommufdHost host,
            VfioDevice device,
            int rid,
            boolean pasids,
            int vdevice,
            EventQueue faults,
            Runnable release) {
        this.release = release;
        this.host = host;
        this.device = device;
        this.rid = rid;
        this.pasids = pasids;
        this.vdevice = vdevice;
        this.faults = faults;
    }

    /**
     * @param release detaches whatever is attached
     */
    static IommufdDevice of(
            IommufdHost host, VfioDevice device, int rid, Iommufd.HwInfo info, Runnable release)
            throws HostException {
        Iommufd iommufd = host.iommufd();
        boolean smmu = info.type() == Uapi.HwInfo.TYPE_ARM_SMMUV3;
        EventQueue faults =
                EventQueue.orNone(
                        iommufd,
                        iommufd::allocFaultQueue,
                        "no IOMMU_FAULT_QUEUE_ALLOC (Linux 6.11):"
                                + " no page requests of assigned devices");
        try {
            int vdevice = smmu ? iommufd.allocVdevice(host.viommu(), device.id(), rid) : 0;
            boolean pasids = !smmu && info.maxPasidLog2() != 0;
            return new IommufdDevice(host, device, rid, pasids, vdevice, faults, release);
        } catch (HostException e) {
            faults.end();
            throw e;
        }
    }

    /** A nested HWPT of this device. */
    private record Nested(IommufdDevice owner, int hwpt, Stage1 stage1) implements NestedDomain {
        @Override
        public InvalidationProgress invalidate(List<HostInvalidation.VtdRange> batch)
                throws HostException {
            byte[] bytes = new byte[batch.size() * Uapi.VtdS1Invalidate.BYTES];
            var entries = new Struct(MemorySegment.ofArray(bytes));
            for (int i = 0; i < batch.size(); i++) {
                encode(batch.get(i), entries, (long) i * Uapi.VtdS1Invalidate.BYTES);
            }
            return owner.host
                    .iommufd()
                    .invalidate(
                            hwpt,
                            Uapi.HwptInvalidate.DATA_VTD_S1,
                            Uapi.VtdS1Invalidate.BYTES,
                            bytes);
        }

        /** All ones, at address 0, are everything. */
        private static void encode(HostInvalidation.VtdRange entry, Struct to, long at) {
            IovaRange range = entry.range();
            boolean all = range.equals(IovaRange.ALL);
            long first = range.first() >>> PAGE_LOG2;
            long pages = (range.last() >>> PAGE_LOG2) - first + 1;
            to.doubleword(at + Uapi.VtdS1Invalidate.ADDR, all ? 0 : first << PAGE_LOG2)
                    .doubleword(at + Uapi.VtdS1Invalidate.NPAGES, all ? -1 : pages)
                    .word(
                            at + Uapi.VtdS1Invalidate.FLAGS,
                            entry.leafOnly() ? Uapi.VtdS1Invalidate.LEAF : 0);
        }

        @Override
        public void close() throws HostException {
            owner.host.iommufd().destroy(hwpt);
        }
    }

    @Override
    public NestedDomain nest(Stage1 stage1) throws HostException {
        int fault = faults.isOpen() ? Uapi.HwptAlloc.FAULT_ID_VALID : 0;
        int hwpt =
                switch (stage1) {
                    case Stage1.VtdFirstStage first ->
                            host.iommufd()
                                    .allocHwpt(
                                            device.id(),
                                            host.parent(),
                                            fault | (pasids ? Uapi.HwptAlloc.PASID : 0),
                                            Uapi.HwptAlloc.DATA_VTD_S1,
                                            encode(first),
                                            faults.id());
                    case Stage1.SmmuV3 stream ->
                            host.iommufd()
                                    .allocHwpt(
                                            device.id(),
                                            host.viommu(),
                                            fault,
                                            Uapi.HwptAlloc.DATA_ARM_SMMUV3,
                                            encode(stream),
                                            faults.id());
                };
        return new Nested(this, hwpt, stage1);
    }

    static byte[] encode(Stage1.VtdFirstStage stage1) {
        byte[] bytes = new byte[Uapi.VtdS1.BYTES];
        new Struct(MemorySegment.ofArray(bytes))
                .doubleword(Uapi.VtdS1.FLAGS, stage1.flags())
                .doubleword(Uapi.VtdS1.PGTBL_ADDR, stage1.tableGpa())
                .word(Uapi.VtdS1.ADDR_WIDTH, stage1.inputBits());
        return bytes;
    }

    private static byte[] encode(Stage1.SmmuV3 stage1) {
        byte[] bytes = new byte[Uapi.ArmSmmuV3.BYTES];
        new Struct(MemorySegment.ofArray(bytes))
                .doubleword(Uapi.ArmSmmuV3.STE0, stage1.ste0())
                .doubleword(Uapi.ArmSmmuV3.STE1, stage1.ste1());
        return bytes;
    }

    @Override
    public void attach(int pasid, NestedDomain domain) throws HostException {
        if (!(domain instanceof Nested nested) || nested.owner != this) {
            throw new HostException("attaching what is not this device's", Errno.EINVAL);
        }
        device.attach(pasid, nested.hwpt);
    }

    @Override
    public void block(int pasid) throws HostException {
        device.detach(pasid);
    }

    @Override
    public void bypass(int pasid) throws HostException {
        device.attach(pasid, host.parent());
    }

    @Override
    public void report(HostReports newReports) {
        reports = newReports;
    }

    @Override
    public void respond(int cookie, boolean resolved) throws HostException {
        faults.respond(cookie, resolved);
    }

    EventQueue faults() {
        return faults;
    }

    /** Nobody is told of more, and nothing stays attached. */
    @Override
    public void release() {
        reports = null;
        if (vdevice != 0) {
            host.iommufd().destroyLater(vdevice);
        }
        release.run();
        faults.end();
        host.released(rid);
    }

    void event(Struct records, int at) {
        HostReports to = reports;
        if (to != null) {
            to.event(
                    new HostReports.SmmuV3Event(
                            records.doubleword(at),
                            records.doubleword(at + 8),
                            records.doubleword(at + 16),
                            records.doubleword(at + 24)));
        }
    }

    void pollFaults() throws HostException {
        byte[] bytes = faults.next();
        take(new Struct(MemorySegment.ofArray(bytes)), bytes.length);
    }

    /** Groups come whole; the last record of one says so. */
    private void take(Struct records, int sizeBytes) throws HostException {
        List<HostReports.Page> pages = new ArrayList<>();
        for (int at = 0; at < sizeBytes; at += Uapi.PageFault.BYTES) {
            int perm = records.word(at + Uapi.PageFault.PERM);
            int access = (perm & Uapi.PageFault.READ) != 0 ? Translation.READ : 0;
            access |= (perm & Uapi.PageFault.WRITE) != 0 ? Translation.WRITE : 0;
            access |= (perm & Uapi.PageFault.EXEC) != 0 ? Translation.EXECUTE : 0;
            boolean privileged = (perm & Uapi.PageFault.PRIV) != 0;
            pages.add(
                    new HostReports.Page(
                            records.doubleword(at + Uapi.PageFault.ADDR), access, privileged));
            int flags = records.word(at + Uapi.PageFault.FLAGS);
            if ((flags & Uapi.PageFault.LAST_PAGE) != 0) {
                boolean has = (flags & Uapi.PageFault.PASID_VALID) != 0;
                int pasid = has ? records.word(at + Uapi.PageFault.PASID) : Requester.NO_PASID;
                int cookie = records.word(at + Uapi.PageFault.COOKIE);
                deliver(new HostReports.PageGroup(pasid, cookie, pages));
                pages.clear();
            }
        }
    }

    private void deliver(HostReports.PageGroup group) throws HostException {
        HostReports to = reports;
        if (to != null) {
            to.pageGroup(group);
            return;
        }
        try {
            respond(group.cookie(), false);
        } catch (HostException e) {
            // EINVAL: the kernel has answered it, as it was detached meanwhile.
            if (e.errno() != Errno.EINVAL) {
                throw e;
            }
        }
    }
}
