package nestor.vtd;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import nestor.iommu.IovaRange;
import nestor.iommu.host.HostDevice;
import nestor.iommu.host.HostException;
import nestor.iommu.host.NestedDomain;
import org.jspecify.annotations.Nullable;

/**
 * A function of the host that the guest owns, with what its PASIDs are attached to. Whatever the
 * host refuses ends up blocked; nothing passes through identity on its way elsewhere. Loop only.
 */
final class AssignedFunction {
    private final int rid;
    private final HostDevice device;

    /** By PASID; what is not in it is blocked. */
    private final Map<Integer, PasidBinding> bindings = new TreeMap<>();

    AssignedFunction(int rid, HostDevice device) {
        this.rid = rid;
        this.device = device;
    }

    int rid() {
        return rid;
    }

    /** PASIDs that are not blocked, {@link nestor.pci.Requester#NO_PASID} among them. */
    Set<Integer> bound() {
        return bindings.keySet();
    }

    PasidBinding.Intent intent(int pasid) {
        PasidBinding binding = bindings.get(pasid);
        return binding == null ? PasidBinding.Intent.BLOCKED : binding.intent();
    }

    /**
     * Makes {@code pasid} what {@code intent} says.
     *
     * @throws HostException if the host refused; it is blocked then
     */
    void apply(int pasid, PasidBinding.Intent intent) throws HostException {
        PasidBinding before = bindings.get(pasid);
        PasidBinding.Intent was = intent(pasid);
        if (was.passes() == intent.passes() && Objects.equals(was.stage1(), intent.stage1())) {
            if (before != null) {
                bindings.put(pasid, before.as(intent));
            }
            return;
        }
        try {
            attach(pasid, intent);
        } catch (HostException e) {
            block(pasid);
            throw e;
        } finally {
            if (before != null) {
                close(before.domain());
            }
        }
    }

    private void attach(int pasid, PasidBinding.Intent intent) throws HostException {
        if (intent.stage1() != null) {
            NestedDomain domain = device.nest(intent.stage1());
            try {
                device.attach(pasid, domain);
            } catch (HostException e) {
                block(pasid); // before its old domain is closed
                close(domain);
                throw e;
            }
            bindings.put(pasid, new PasidBinding(intent, domain));
        } else if (intent.passes()) {
            device.bypass(pasid);
            bindings.put(pasid, new PasidBinding(intent, null));
        } else {
            device.block(pasid);
            bindings.remove(pasid);
        }
    }

    private void block(int pasid) {
        bindings.remove(pasid);
        try {
            device.block(pasid);
        } catch (HostException e) {
            // The host does not even block: the caller reports what led here.
        }
    }

    private static void close(@Nullable NestedDomain domain) {
        if (domain == null) {
            return;
        }
        try {
            domain.close();
        } catch (HostException e) {
            // Still attached, as blocking failed; the host frees it with the device.
        }
    }

    void invalidate(Predicate<PasidBinding.Intent> concerned, IovaRange range, boolean leafOnly) {
        for (PasidBinding binding : bindings.values()) {
            if (concerned.test(binding.intent())) {
                binding.invalidate(range, leafOnly);
            }
        }
    }

    /**
     * Has the host forget what it is to forget. A PASID whose translations it would not forget is
     * blocked.
     *
     * @return those PASIDs
     */
    List<Integer> flush() {
        List<Integer> refused = new ArrayList<>();
        bindings.forEach((pasid, binding) -> {
            if (!binding.flush()) {
                refused.add(pasid);
            }
        });
        for (int pasid : refused) {
            PasidBinding binding = bindings.get(pasid);
            block(pasid);
            close(binding == null ? null : binding.domain());
        }
        return refused;
    }
}
