package nestor.hostsim;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import nestor.iommu.Iotlb;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.iommu.host.Stage1;
import nestor.iommufd.Struct;
import nestor.iommufd.Uapi.FaultResponse;
import nestor.iommufd.Uapi.IrqInfo;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;
import nestor.pci.PciFunction;
import nestor.pci.Quiescence;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * A device that does DMA through its host's IOMMU. {@code pasid} is a PASID or {@link
 * nestor.pci.Requester#NO_PASID}.
 */
public final class SimulatedDevice {
    /** What a PASID was attached to, one after the other. */
    public enum Attachment {
        /** Nothing: requests abort. */
        BLOCKED,
        /** The host's own page table: to a guest, identity. */
        PARENT,
        NESTED
    }

    /** One change of attachment. */
    public record Change(int pasid, Attachment to) {}

    private static final ValueLayout.OfLong DOUBLEWORD =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int ATC_ENTRIES = 256;
    private static final long ATC_TIMEOUT_SECONDS = 1;

    /** No address: the request is aborted. */
    static final long ABORTED = -1;

    private final SimulatedHost host;
    private final Hardware hardware;
    private final boolean ats;
    private final boolean tracksDirty;
    private final boolean pasids;
    private final Map<Integer, Object> keys = new HashMap<>();
    private final List<Change> changes = new ArrayList<>();
    private final List<Integer> pageResponses = new ArrayList<>();
    private final Iotlb atc = new Iotlb(ATC_ENTRIES);
    private final int[] mockCache = {0xbaddad, 0xbaddad, 0xbaddad, 0xbaddad};
    private @Nullable BoundDevice bound;

    /** What is behind it, if it does DMA of its own. */
    private final @Nullable Supplier<PciFunction> maker;

    private @Nullable PhysicalFunction function;
    private @Nullable VfioInterrupts interrupts;
    private final Quiescence dma = new Quiescence();

    SimulatedDevice(
            SimulatedHost host,
            Hardware hardware,
            boolean ats,
            boolean tracksDirty,
            boolean pasids,
            @Nullable Supplier<PciFunction> maker) {
        this.maker = maker;
        this.host = host;
        this.hardware = hardware;
        this.ats = ats;
        this.tracksDirty = tracksDirty;
        this.pasids = pasids;
    }

    Hardware hardware() {
        return hardware;
    }

    boolean tracksDirty() {
        return tracksDirty;
    }

    boolean hasPasids() {
        return pasids;
    }

    int[] mockCache() {
        return mockCache;
    }

    @Nullable BoundDevice bound() {
        return bound;
    }

    /** With a function behind it, that is made now. */
    void bound(@Nullable BoundDevice to) {
        bound = to;
        atc.invalidate(Tags.ALL, IovaRange.ALL);
        if (to != null && maker != null) {
            GuestMemory memory = host.memory().pages();
            function =
                    new PhysicalFunction(
                            maker.get(), memory, new FunctionIommu(this, memory), this::message);
        } else if (to == null && function != null) {
            host.later(function::end);
            function = null;
        }
    }

    @Nullable PhysicalFunction function() {
        return function;
    }

    void interrupts(VfioInterrupts now) {
        interrupts = now;
    }

    /** A message of the function's own. */
    private void message(int rid, long address, int data) {
        boolean msix = data >>> 16 != 0;
        signal(msix ? IrqInfo.INDEX_MSIX : IrqInfo.INDEX_MSI, data & 0xffff);
    }

    private void signal(int index, int vector) {
        synchronized (host) {
            if (interrupts != null) {
                interrupts.signal(index, vector);
                host.notifyAll();
            }
        }
    }

    /** The host's driver wants the device back: the user is asked to give it (VFIO's REQ). */
    public void requestRelease() {
        signal(IrqInfo.INDEX_REQ, 0);
    }

    /** The device has met an error that its host does not handle (VFIO's ERR). */
    public void reportError() {
        signal(IrqInfo.INDEX_ERR, 0);
    }

    Object key(int pasid) {
        return keys.computeIfAbsent(pasid, _ -> new Object());
    }

    void record(int pasid, @Nullable Hwpt hwpt) {
        Attachment to =
                hwpt == null
                        ? Attachment.BLOCKED
                        : hwpt.isNested() ? Attachment.NESTED : Attachment.PARENT;
        changes.add(new Change(pasid, to));
        dropAtc(BoundDevice.NO_PASID, IovaRange.ALL); // a host does that when it changes a context
    }

    void dropAtc(int pasid, IovaRange range) {
        atc.invalidate(pasid == BoundDevice.NO_PASID ? Tags.ALL : Tags.only(atcTag(pasid)), range);
        PhysicalFunction f = function;
        if (f != null) {
            host.later(() -> invalidate(f, pasid, range));
        }
    }

    /** The host's driver waits until the function has forgotten, up to a limit. */
    private void invalidate(PhysicalFunction f, int pasid, IovaRange range) {
        var done = new CountDownLatch(1);
        long differs = range.first() ^ range.last();
        int sizeLog2 = Math.max(Long.SIZE - Long.numberOfLeadingZeros(differs), 12);
        long base = sizeLog2 == Long.SIZE ? 0 : range.first() & -1L << sizeLog2;
        f.ats()
                .ifPresentOrElse(
                        endpoint ->
                                endpoint.invalidate(
                                        new InvalidateRequest(
                                                f.function().rid(),
                                                pasid == BoundDevice.NO_PASID
                                                        ? Requester.NO_PASID
                                                        : pasid,
                                                0,
                                                false,
                                                base,
                                                sizeLog2),
                                        done::countDown),
                        done::countDown);
        await(done);
        var left = new CountDownLatch(1);
        dma.whenQuiescent(left::countDown);
        await(left);
    }

    private static void await(CountDownLatch done) {
        try {
            if (!done.await(ATC_TIMEOUT_SECONDS, TimeUnit.SECONDS)) {
                return; // as a host, which reports an invalidation time-out and goes on
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    long enterDma() {
        return dma.enter();
    }

    void exitDma(long ticket) {
        dma.exit(ticket);
    }

    private static long atcTag(int pasid) {
        return pasid + 1L;
    }

    void ended(FaultQueue.Group group, int code) {
        pageResponses.add(code);
        PhysicalFunction f = function;
        if (f != null) {
            int pasid = group.pasid() == BoundDevice.NO_PASID ? Requester.NO_PASID : group.pasid();
            host.later(() -> respond(f, pasid, group.grpid(), code));
        }
    }

    private static void respond(PhysicalFunction f, int pasid, int group, int code) {
        int says =
                code == FaultResponse.SUCCESS ? PageResponse.SUCCESS : PageResponse.INVALID_REQUEST;
        var response = new PageResponse(f.function().rid(), pasid, group, says);
        f.ats().ifPresent(endpoint -> endpoint.pageResponse(response));
    }

    /** Every change of attachment, oldest first. */
    public List<Change> changes() {
        synchronized (host) {
            return List.copyOf(changes);
        }
    }

    /** The guest's stage 1 that {@code pasid} is attached to, as the host was given it. */
    public Optional<Stage1> stage1(int pasid) {
        synchronized (host) {
            BoundDevice device = bound;
            Hwpt hwpt = device == null ? null : device.attached(pasid);
            return hwpt != null && hwpt.stage1() instanceof Stage1 stage1
                    ? Optional.of(stage1)
                    : Optional.empty();
        }
    }

    /** Codes that groups of page requests ended with, oldest first. */
    public List<Integer> pageResponses() {
        synchronized (host) {
            return List.copyOf(pageResponses);
        }
    }

    /** Reads a doubleword; empty if the request is aborted. */
    public OptionalLong load(int pasid, long iova) {
        synchronized (host) {
            Struct at = target(pasid, iova, Translation.READ);
            return at == null
                    ? OptionalLong.empty()
                    : OptionalLong.of(at.bytes().get(DOUBLEWORD, 0));
        }
    }

    /** Writes a doubleword; false if the request is aborted. */
    public boolean store(int pasid, long iova, long value) {
        synchronized (host) {
            Struct at = target(pasid, iova, Translation.WRITE);
            if (at == null) {
                return false;
            }
            at.doubleword(0, value);
            return true;
        }
    }

    /** Where in the process's memory an access ends; null if it is aborted. */
    private @Nullable Struct target(int pasid, long iova, int access) {
        long va = resolve(pasid, iova, access, true);
        try {
            return va == ABORTED ? null : host.memory().at(va, Long.BYTES);
        } catch (Refusal refusal) {
            return null;
        }
    }

    /** Where an access of the function's ends; {@link #ABORTED} if it does not. */
    long physical(int pasid, long iova, int access) {
        synchronized (host) {
            long va = resolve(pasid, iova, access, true);
            host.notifyAll();
            return va;
        }
    }

    /** The same for a Translation Request, of which nothing is reported. */
    long looked(int pasid, long iova, int access) {
        synchronized (host) {
            return resolve(pasid, iova, access, false);
        }
    }

    private long resolve(int pasid, long iova, int access, boolean reports) {
        BoundDevice device = bound;
        Hwpt hwpt = device == null ? null : device.attached(pasid);
        if (device == null) {
            return ABORTED;
        }
        if (hwpt == null && hardware instanceof SmmuHardware) {
            hwpt = device.attached(BoundDevice.NO_PASID);
        }
        if (hwpt == null) {
            return ABORTED;
        }
        long gpa = iova;
        if (hwpt.isNested()) {
            Translation.Mapping mapping = cached(device, hwpt, pasid, iova, access, reports);
            if (mapping == null) {
                return ABORTED;
            }
            gpa = mapping.gpa(iova);
        } else if (pasid != BoundDevice.NO_PASID && device.attached(pasid) == null) {
            return ABORTED; // a substream on a stream without Context descriptors
        }
        return physical(hwpt, gpa, access);
    }

    private Translation.@Nullable Mapping cached(
            BoundDevice device, Hwpt hwpt, int pasid, long iova, int access, boolean reports) {
        Translation.Mapping hit = ats ? atc.lookup(atcTag(pasid), iova) : null;
        if (hit != null && (access & ~hit.access()) == 0) {
            return hit;
        }
        Translation.Mapping mapping =
                switch (hardware) {
                    case MockHardware _ -> null;
                    case VtdHardware vtd -> vtd.translate(hwpt, iova, access);
                    case SmmuHardware smmu ->
                            smmu.translate(device, hwpt, pasid, iova, access, reports);
                };
        if (mapping != null && ats) {
            atc.insert(atcTag(pasid), atc.epoch(), mapping);
        }
        return mapping;
    }

    private static long physical(Hwpt hwpt, long gpa, int access) {
        Ioas.Area area = hwpt.ioas().area(gpa);
        boolean writes = (access & Translation.WRITE) != 0;
        if (area == null || writes && !area.writeable()) {
            return ABORTED;
        }
        if (writes) {
            hwpt.bottom().written(gpa);
        }
        return area.va(gpa);
    }

    /**
     * Asks for a page (PRI).
     *
     * @return false if nobody takes the request
     */
    public boolean requestPage(int pasid, int group, long iova, int permissions) {
        synchronized (host) {
            return queue(pasid, group, List.of(new FaultQueue.Page(permissions, iova)));
        }
    }

    private boolean queue(int pasid, int group, List<FaultQueue.Page> pages) {
        BoundDevice device = bound;
        Hwpt hwpt = device == null ? null : device.attached(pasid);
        if (hwpt == null && device != null && hardware instanceof SmmuHardware) {
            hwpt = device.attached(BoundDevice.NO_PASID);
        }
        if (device == null || hwpt == null || hwpt.faults() == null) {
            return false;
        }
        hwpt.faults().add(device, pasid, group, pages);
        host.notifyAll();
        return true;
    }

    /** A group of the function's; one that nobody takes is answered at once. */
    void requestPages(int pasid, int group, List<FaultQueue.Page> pages) {
        PhysicalFunction f;
        synchronized (host) {
            f = queue(pasid, group, pages) ? null : function;
        }
        if (f != null) {
            int of = pasid == BoundDevice.NO_PASID ? Requester.NO_PASID : pasid;
            respond(f, of, group, FaultResponse.INVALID);
        }
    }
}
