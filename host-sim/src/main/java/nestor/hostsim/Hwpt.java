package nestor.hostsim;

import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** A page table of hardware's: the host's own over an IOAS, or a guest's stage 1 nested in it. */
final class Hwpt extends HostObject {
    private final Hardware hardware;
    private final @Nullable Ioas ioas;
    private final @Nullable Hwpt parent;
    private final @Nullable Viommu viommu;
    private final @Nullable FaultQueue faults;
    private final int flags;
    private final boolean automatic;

    /** Of a nested one: what its driver makes of the user's data. */
    private final @Nullable Object stage1;

    private boolean tracksDirty;
    private final Set<Long> dirty = new TreeSet<>(Long::compareUnsigned);

    /** Over an IOAS. */
    Hwpt(Hardware hardware, Ioas ioas, int flags, @Nullable FaultQueue faults, boolean automatic) {
        this(hardware, ioas, null, null, flags, faults, automatic, null);
    }

    /** Nested, on a parent or on a vIOMMU. */
    Hwpt(
            Hardware hardware,
            Hwpt parent,
            @Nullable Viommu viommu,
            int flags,
            @Nullable FaultQueue faults,
            Object stage1) {
        this(hardware, null, parent, viommu, flags, faults, false, stage1);
    }

    private Hwpt(
            Hardware hardware,
            @Nullable Ioas ioas,
            @Nullable Hwpt parent,
            @Nullable Viommu viommu,
            int flags,
            @Nullable FaultQueue faults,
            boolean automatic,
            @Nullable Object stage1) {
        this.hardware = hardware;
        this.ioas = ioas;
        this.parent = parent;
        this.viommu = viommu;
        this.flags = flags;
        this.faults = faults;
        this.automatic = automatic;
        this.stage1 = stage1;
        HostObject holds = ioas != null ? ioas : viommu != null ? viommu : parent;
        if (holds != null) {
            holds.hold();
        }
        if (faults != null) {
            faults.hold();
        }
    }

    Hardware hardware() {
        return hardware;
    }

    boolean isNested() {
        return parent != null;
    }

    @Nullable Viommu viommu() {
        return viommu;
    }

    @Nullable FaultQueue faults() {
        return faults;
    }

    @Nullable Object stage1() {
        return stage1;
    }

    boolean has(int flag) {
        return (flags & flag) != 0;
    }

    boolean isAutomatic() {
        return automatic;
    }

    /** The address space at the bottom. */
    Ioas ioas() {
        if (ioas != null) {
            return ioas;
        }
        if (parent == null) {
            throw new IllegalStateException("over nothing");
        }
        return parent.ioas();
    }

    /** The page table over the IOAS: itself, or what it is nested in. */
    Hwpt bottom() {
        return parent == null ? this : parent;
    }

    boolean tracksDirty() {
        return tracksDirty;
    }

    void trackDirty(boolean on) {
        tracksDirty = on;
        if (!on) {
            dirty.clear();
        }
    }

    /** Addresses written while tracking, by 2 KiB. */
    Set<Long> dirty() {
        return dirty;
    }

    void written(long iova) {
        if (tracksDirty) {
            dirty.add(iova >>> 11);
        }
    }

    @Override
    void destroy() throws Refusal {
        super.destroy();
        HostObject holds = ioas != null ? ioas : viommu != null ? viommu : parent;
        if (holds != null) {
            holds.letGo();
        }
        if (faults != null) {
            faults.letGo();
        }
        hardware.forget(this);
    }
}
