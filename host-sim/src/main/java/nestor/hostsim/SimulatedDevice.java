package nestor.hostsim;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import nestor.iommu.Iotlb;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.iommu.host.Stage1;
import nestor.iommufd.Struct;
import nestor.pci.Translation;
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

    SimulatedDevice(
            SimulatedHost host,
            Hardware hardware,
            boolean ats,
            boolean tracksDirty,
            boolean pasids) {
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

    void bound(@Nullable BoundDevice to) {
        bound = to;
        atc.invalidate(Tags.ALL, IovaRange.ALL);
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
        atc.invalidate(Tags.ALL, IovaRange.ALL); // a host does that when it changes a context
    }

    void dropAtc(int pasid, IovaRange range) {
        atc.invalidate(pasid == BoundDevice.NO_PASID ? Tags.ALL : Tags.only(atcTag(pasid)), range);
    }

    private static long atcTag(int pasid) {
        return pasid + 1L;
    }

    void ended(int code) {
        pageResponses.add(code);
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
        BoundDevice device = bound;
        Hwpt hwpt = device == null ? null : device.attached(pasid);
        if (device == null) {
            return null;
        }
        if (hwpt == null && hardware instanceof SmmuHardware) {
            hwpt = device.attached(BoundDevice.NO_PASID);
        }
        if (hwpt == null) {
            return null;
        }
        long gpa = iova;
        if (hwpt.isNested()) {
            Translation.Mapping mapping = cached(device, hwpt, pasid, iova, access);
            if (mapping == null) {
                return null;
            }
            gpa = mapping.gpa(iova);
        } else if (pasid != BoundDevice.NO_PASID && device.attached(pasid) == null) {
            return null; // a substream on a stream without Context descriptors
        }
        return physical(hwpt, gpa, access);
    }

    private Translation.@Nullable Mapping cached(
            BoundDevice device, Hwpt hwpt, int pasid, long iova, int access) {
        Translation.Mapping hit = ats ? atc.lookup(atcTag(pasid), iova) : null;
        if (hit != null && (access & ~hit.access()) == 0) {
            return hit;
        }
        Translation.Mapping mapping =
                switch (hardware) {
                    case MockHardware _ -> null;
                    case VtdHardware vtd -> vtd.translate(hwpt, iova, access);
                    case SmmuHardware smmu -> smmu.translate(device, hwpt, pasid, iova, access);
                };
        if (mapping != null && ats) {
            atc.insert(atcTag(pasid), atc.epoch(), mapping);
        }
        return mapping;
    }

    private static @Nullable Struct physical(Hwpt hwpt, long gpa, int access) {
        Ioas.Area area = hwpt.ioas().area(gpa);
        boolean writes = (access & Translation.WRITE) != 0;
        if (area == null || writes && !area.writeable()) {
            return null;
        }
        if (writes) {
            hwpt.bottom().written(gpa);
        }
        try {
            return hwpt.ioas().memory().at(area.va(gpa), Long.BYTES);
        } catch (Refusal refusal) {
            return null;
        }
    }

    /**
     * Asks for a page (PRI).
     *
     * @return false if nobody takes the request
     */
    public boolean requestPage(int pasid, int group, long iova, int permissions) {
        synchronized (host) {
            BoundDevice device = bound;
            Hwpt hwpt = device == null ? null : device.attached(pasid);
            if (hwpt == null && device != null && hardware instanceof SmmuHardware) {
                hwpt = device.attached(BoundDevice.NO_PASID);
            }
            if (device == null || hwpt == null || hwpt.faults() == null) {
                return false;
            }
            hwpt.faults().add(device, pasid, group, permissions, iova);
            return true;
        }
    }
}
