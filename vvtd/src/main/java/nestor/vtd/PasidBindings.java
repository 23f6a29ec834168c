package nestor.vtd;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import nestor.iommu.IovaRange;
import nestor.iommu.host.HostDevice;
import nestor.iommu.host.HostException;
import nestor.iommu.host.Stage1;
import nestor.paging.X86Paging;
import nestor.pci.AddressType;
import nestor.pci.Requester;
import nestor.vtd.config.ConfigFault;
import nestor.vtd.config.RemappingStructures;
import nestor.vtd.config.RequesterConfig;
import nestor.vtd.event.FaultReason;

/**
 * What the host translates for assigned functions. An invalidation of the context or PASID cache
 * tells that entries may have changed; each (function, PASID) in its scope is then compared with
 * what the host has been told. Without caching mode a driver does not tell of entries that become
 * present: a machine with assigned functions needs {@link VtdProperty#CACHING_MODE}.
 *
 * <p>The host can nest a guest's first stage, and pass requests through; it cannot walk a guest's
 * second stage, so entries with one are blocked there. What the host refuses is blocked too, and
 * recorded as if the entry were not present. Loop only.
 */
final class PasidBindings {
    /** PASIDs of one function that are bound at a time. */
    static final int MAX_BINDINGS = 1 << 12;

    /** Present entries of one function that one invalidation looks at. */
    private static final int MAX_EXAMINED = 1 << 14;

    private final Translator translator;
    private final RemappingStructures structures;
    private final Map<Integer, AssignedFunction> functions = new HashMap<>();

    PasidBindings(Translator translator) {
        this.translator = translator;
        this.structures = translator.structures();
    }

    void assign(int rid, HostDevice device) {
        functions.put(rid, new AssignedFunction(rid, device));
        reconcile(function -> function == rid);
    }

    /** The function is the guest's no more: nothing of it stays bound. */
    void unassign(int rid) {
        AssignedFunction function = functions.remove(rid);
        if (function != null) {
            Set.copyOf(function.bound())
                    .forEach(pasid -> apply(function, pasid, PasidBinding.Intent.BLOCKED));
        }
    }

    /** Compares everything of functions that {@code rids} accepts. */
    void reconcile(IntPredicate rids) {
        for (AssignedFunction function : functions.values()) {
            if (rids.test(function.rid())) {
                reconcile(function, _ -> true);
            }
        }
    }

    /** Compares every PASID that is, or was, of {@code did}. */
    void reconcileDomain(int did) {
        for (AssignedFunction function : functions.values()) {
            reconcile(function, intent -> intent.did() == did);
        }
    }

    private void reconcile(AssignedFunction function, Predicate<PasidBinding.Intent> scope) {
        Map<Integer, PasidBinding.Intent> wanted = new TreeMap<>();
        wanted.put(Requester.NO_PASID, intent(function.rid(), Requester.NO_PASID));
        Translator.Settings settings = translator.settings();
        if (settings.enabled()) {
            int[] examined = new int[1];
            structures.forEachPasid(
                    settings.root(),
                    function.rid(),
                    pasid -> {
                        PasidBinding.Intent intent = intent(function.rid(), pasid);
                        if (!intent.isBlocked()) {
                            wanted.put(pasid, intent);
                        }
                        return wanted.size() < MAX_BINDINGS && ++examined[0] < MAX_EXAMINED;
                    });
        }
        Set<Integer> all = new TreeSet<>(function.bound());
        all.addAll(wanted.keySet());
        for (int pasid : all) {
            PasidBinding.Intent intent = wanted.getOrDefault(pasid, PasidBinding.Intent.BLOCKED);
            if (scope.test(intent) || scope.test(function.intent(pasid))) {
                apply(function, pasid, intent);
            }
        }
    }

    /** Compares one PASID of every function, as a PASID-selective invalidation does. */
    void reconcilePasid(int did, int pasid) {
        for (AssignedFunction function : functions.values()) {
            reconcile(function, did, pasid, pasid);
            reconcile(function, did, pasid, Requester.NO_PASID);
        }
    }

    private void reconcile(AssignedFunction function, int did, int entry, int pasid) {
        PasidBinding.Intent now = intent(function.rid(), pasid);
        PasidBinding.Intent before = function.intent(pasid);
        boolean full = before.isBlocked() && function.bound().size() >= MAX_BINDINGS;
        if (now.isOf(did, entry) || before.isOf(did, entry)) {
            apply(function, pasid, full ? PasidBinding.Intent.BLOCKED : now);
        }
    }

    private PasidBinding.Intent intent(int rid, int pasid) {
        Translator.Settings settings = translator.settings();
        if (!settings.enabled()) {
            return pasid == Requester.NO_PASID
                    ? PasidBinding.Intent.UNTRANSLATED
                    : PasidBinding.Intent.BLOCKED;
        }
        var requester = new Requester(rid, pasid, false);
        return switch (structures.resolve(settings.root(), requester)) {
            case RemappingStructures.Result.Failed _ -> PasidBinding.Intent.BLOCKED;
            case RemappingStructures.Result.Configured(RequesterConfig config) ->
                    switch (config.type()) {
                        case FIRST_STAGE ->
                                PasidBinding.Intent.nested(
                                        config.domainId(), config.pasid(), firstStage(config));
                        case PASS_THROUGH ->
                                PasidBinding.Intent.bypass(config.domainId(), config.pasid());
                        case SECOND_STAGE, NESTED, RESERVED -> PasidBinding.Intent.BLOCKED;
                    };
        };
    }

    private static Stage1.VtdFirstStage firstStage(RequesterConfig config) {
        X86Paging first = config.first();
        if (first == null) {
            throw new IllegalStateException("a first stage without its format");
        }
        long flags = config.supervisor() ? Stage1.VtdFirstStage.SUPERVISOR_REQUESTS : 0;
        flags |= first.writeProtect() ? Stage1.VtdFirstStage.WRITE_PROTECT : 0;
        return new Stage1.VtdFirstStage(first.root(), first.levels() == 5 ? 57 : 48, flags);
    }

    private void apply(AssignedFunction function, int pasid, PasidBinding.Intent intent) {
        try {
            function.apply(pasid, intent);
        } catch (HostException e) {
            refused(function, pasid);
        }
    }

    private void refused(AssignedFunction function, int pasid) {
        translator.record(
                new ConfigFault(FaultReason.PASID_ENTRY_NOT_PRESENT, false),
                new Requester(function.rid(), pasid, false),
                AddressType.UNTRANSLATED,
                0,
                0);
    }

    /** First-stage translations of a PASID in a domain are to be forgotten, at the next flush. */
    void invalidate(int did, int pasid, IovaRange range, boolean leafOnly) {
        for (AssignedFunction function : functions.values()) {
            function.invalidate(intent -> intent.isOf(did, pasid), range, leafOnly);
        }
    }

    /** Everything of a domain is to be forgotten, at the next flush. */
    void invalidateDomain(int did) {
        for (AssignedFunction function : functions.values()) {
            function.invalidate(intent -> intent.did() == did, IovaRange.ALL, false);
        }
    }

    /** Everything is to be forgotten, at the next flush. */
    void invalidateAll() {
        for (AssignedFunction function : functions.values()) {
            function.invalidate(_ -> true, IovaRange.ALL, false);
        }
    }

    /** The host forgets what it was to forget; before a wait descriptor completes. */
    void flush() {
        for (AssignedFunction function : functions.values()) {
            function.flush().forEach(pasid -> refused(function, pasid));
        }
    }
}
