package nestor.iommu.host;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A function of the host that the guest owns: the state machine of each of its PASIDs. Loop only.
 *
 * <p>The new object is complete before the old one is replaced, and the old one ends after that;
 * nothing passes through identity on its way elsewhere. Whatever the host refuses ends up blocked.
 * If it does not even block, the PASID counts as attached still, to nothing that anybody meant, and
 * every further step begins with another attempt.
 */
final class AssignedFunction {
    /** Domains the host would not end; with more of them the guest gets no new ones. */
    private static final int MAX_ORPHANS = 256;

    private static final int EBUSY = 16;

    private final int rid;
    private final HostIommu host;
    private final HostDevice device;

    /** By PASID; what is not in it is blocked. */
    private final Map<Integer, AttachedPasid> attached = new TreeMap<>();

    private final List<NestedDomain> orphans = new ArrayList<>();

    AssignedFunction(int rid, HostIommu host, HostDevice device) {
        this.rid = rid;
        this.host = host;
        this.device = device;
    }

    int rid() {
        return rid;
    }

    HostIommu host() {
        return host;
    }

    HostDevice device() {
        return device;
    }

    /** PASIDs that are not blocked, {@link nestor.pci.Requester#NO_PASID} among them. */
    Set<Integer> pasids() {
        return new TreeSet<>(attached.keySet());
    }

    Stage1Intent bound(int pasid) {
        AttachedPasid now = attached.get(pasid);
        return now == null ? Stage1Intent.BLOCKED : now.intent();
    }

    /**
     * Makes {@code pasid} what {@code intent} says.
     *
     * @throws HostException if the host refused; it is blocked then
     */
    void apply(int pasid, Stage1Intent intent) throws HostException {
        sweep();
        AttachedPasid before = attached.get(pasid);
        boolean stuck = before != null && before.isStuck();
        if (!stuck && bound(pasid).equals(intent)) {
            return;
        }
        try {
            attach(pasid, intent);
            retire(before);
        } catch (HostException e) {
            block(pasid);
            throw e;
        }
    }

    private void attach(int pasid, Stage1Intent intent) throws HostException {
        switch (intent) {
            case Stage1Intent.Blocked _ -> {
                device.block(pasid);
                attached.remove(pasid);
            }
            case Stage1Intent.Bypass _ -> {
                device.bypass(pasid);
                attached.put(pasid, new AttachedPasid(intent, null));
            }
            case Stage1Intent.Nested(Stage1 stage1) -> {
                NestedDomain domain = nest(stage1);
                try {
                    device.attach(pasid, domain);
                } catch (HostException e) {
                    close(domain);
                    throw e;
                }
                attached.put(pasid, new AttachedPasid(intent, domain));
            }
        }
    }

    private NestedDomain nest(Stage1 stage1) throws HostException {
        if (orphans.size() >= MAX_ORPHANS) {
            throw new HostException("ending earlier domains", EBUSY);
        }
        return device.nest(stage1);
    }

    /** Takes a PASID away from whatever it is attached to; {@link AttachedPasid#stick} if not. */
    boolean block(int pasid) {
        AttachedPasid now = attached.get(pasid);
        if (now == null) {
            return true;
        }
        try {
            device.block(pasid);
            attached.remove(pasid);
            retire(now);
            return true;
        } catch (HostException e) {
            now.stick(); // the caller reports what led here, and the next step tries again
            return false;
        }
    }

    private void retire(@Nullable AttachedPasid replaced) {
        NestedDomain domain = replaced == null ? null : replaced.domain();
        if (domain != null) {
            close(domain);
        }
    }

    private void close(NestedDomain domain) {
        try {
            domain.close();
        } catch (HostException e) {
            orphans.add(domain);
        }
    }

    /** Another attempt at what the host refused to end or to block. */
    void sweep() {
        for (int pasid : pasids()) {
            AttachedPasid now = attached.get(pasid);
            if (now != null && now.isStuck()) {
                block(pasid);
            }
        }
        List<NestedDomain> again = List.copyOf(orphans);
        orphans.clear();
        again.forEach(this::close);
    }

    void invalidate(int pasid, HostInvalidation.VtdRange range) {
        AttachedPasid now = attached.get(pasid);
        if (now != null) {
            now.invalidate(range);
        }
    }

    /**
     * Has the host forget what it is to forget. A PASID whose translations it would not forget is
     * blocked.
     *
     * @return those PASIDs
     */
    List<Integer> flush(List<InvalidationProgress.EntryError> errors) {
        List<Integer> refused = new ArrayList<>();
        attached.forEach((pasid, now) -> {
            if (!now.flush(errors)) {
                refused.add(pasid);
            }
        });
        refused.forEach(this::block);
        return refused;
    }

    /** Whether a stage 1 of the guest's translates any of it. */
    boolean isNested() {
        return attached.values().stream().anyMatch(now -> now.domain() != null);
    }

    /**
     * Nothing of it stays attached, and the device goes back.
     *
     * @return domains that the host would not end
     */
    List<NestedDomain> release() {
        pasids().forEach(this::block);
        sweep();
        try {
            device.release();
        } catch (HostException e) {
            sweep(); // the device is gone for us: its descriptor is closed or was never usable
        }
        attached.values().forEach(this::retire);
        attached.clear();
        sweep();
        return List.copyOf(orphans);
    }
}
