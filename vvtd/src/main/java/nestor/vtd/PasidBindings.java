package nestor.vtd;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import nestor.iommu.IovaRange;
import nestor.iommu.host.HostBinding;
import nestor.iommu.host.HostException;
import nestor.iommu.host.Stage1;
import nestor.iommu.host.Stage1Intent;
import nestor.paging.X86Paging;
import nestor.pci.AddressType;
import nestor.pci.Requester;
import nestor.vtd.config.ConfigFault;
import nestor.vtd.config.RemappingStructures;
import nestor.vtd.config.RequesterConfig;
import nestor.vtd.event.FaultReason;

/**
 * What the guest's structures mean for assigned functions. An invalidation of the context or PASID
 * cache tells that entries may have changed; each (function, PASID) in its scope is then read again
 * and stated to the {@link HostBinding}. Without caching mode a driver does not tell of entries
 * that become present: a machine with assigned functions needs {@link VtdProperty#CACHING_MODE}.
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

    private static final int NO_DID = -1;

    /**
     * What an entry says.
     *
     * @param did of the entry, or {@link #NO_DID}
     * @param pasid whose entry it is
     */
    private record Entry(int did, int pasid, Stage1Intent intent) {
        /** Nothing is let through: the state of what has never been mentioned. */
        static final Entry BLOCKED = new Entry(NO_DID, 0, Stage1Intent.BLOCKED);

        /** The unit is off. */
        static final Entry UNTRANSLATED = new Entry(NO_DID, 0, Stage1Intent.BYPASS);

        boolean isBlocked() {
            return intent.equals(Stage1Intent.BLOCKED);
        }

        boolean isOf(int domain, int entry) {
            return did == domain && pasid == entry;
        }
    }

    private final Translator translator;
    private final RemappingStructures structures;
    private final HostBinding host;

    /** By function and PASID: the entries that are bound. */
    private final Map<Integer, Map<Integer, Entry>> bound = new HashMap<>();

    PasidBindings(Translator translator, HostBinding host) {
        this.translator = translator;
        this.structures = translator.structures();
        this.host = host;
    }

    /** The function is assigned from now on. */
    void assigned(int rid) {
        bound.put(rid, new TreeMap<>());
        reconcile(function -> function == rid);
    }

    /** The function is the guest's no more. */
    void unassigned(int rid) {
        bound.remove(rid);
    }

    /** Compares everything of functions that {@code rids} accepts. */
    void reconcile(IntPredicate rids) {
        for (int rid : bound.keySet()) {
            if (rids.test(rid)) {
                reconcile(rid, _ -> true);
            }
        }
    }

    /** Compares every PASID that is, or was, of {@code did}. */
    void reconcileDomain(int did) {
        for (int rid : bound.keySet()) {
            reconcile(rid, entry -> entry.did() == did);
        }
    }

    private Map<Integer, Entry> entries(int rid) {
        return bound.getOrDefault(rid, Map.of());
    }

    private Entry entry(int rid, int pasid) {
        return entries(rid).getOrDefault(pasid, Entry.BLOCKED);
    }

    private void reconcile(int rid, Predicate<Entry> scope) {
        Map<Integer, Entry> wanted = new TreeMap<>();
        wanted.put(Requester.NO_PASID, read(rid, Requester.NO_PASID));
        Translator.Settings settings = translator.settings();
        if (settings.enabled()) {
            int[] examined = new int[1];
            structures.forEachPasid(
                    settings.root(),
                    rid,
                    pasid -> {
                        Entry entry = read(rid, pasid);
                        if (!entry.isBlocked()) {
                            wanted.put(pasid, entry);
                        }
                        return wanted.size() < MAX_BINDINGS && ++examined[0] < MAX_EXAMINED;
                    });
        }
        Set<Integer> all = new TreeSet<>(entries(rid).keySet());
        all.addAll(wanted.keySet());
        for (int pasid : all) {
            Entry entry = wanted.getOrDefault(pasid, Entry.BLOCKED);
            if (scope.test(entry) || scope.test(entry(rid, pasid))) {
                apply(rid, pasid, entry);
            }
        }
    }

    /** Compares one PASID of every function, as a PASID-selective invalidation does. */
    void reconcilePasid(int did, int pasid) {
        for (int rid : bound.keySet()) {
            reconcile(rid, did, pasid, pasid);
            reconcile(rid, did, pasid, Requester.NO_PASID);
        }
    }

    private void reconcile(int rid, int did, int entryPasid, int pasid) {
        Entry now = read(rid, pasid);
        Entry before = entry(rid, pasid);
        boolean full = before.isBlocked() && entries(rid).size() >= MAX_BINDINGS;
        if (now.isOf(did, entryPasid) || before.isOf(did, entryPasid)) {
            apply(rid, pasid, full ? Entry.BLOCKED : now);
        }
    }

    private Entry read(int rid, int pasid) {
        Translator.Settings settings = translator.settings();
        if (!settings.enabled()) {
            return pasid == Requester.NO_PASID ? Entry.UNTRANSLATED : Entry.BLOCKED;
        }
        var requester = new Requester(rid, pasid, false);
        return switch (structures.resolve(settings.root(), requester)) {
            case RemappingStructures.Result.Failed _ -> Entry.BLOCKED;
            case RemappingStructures.Result.Configured(RequesterConfig config) ->
                    switch (config.type()) {
                        case FIRST_STAGE ->
                                new Entry(
                                        config.domainId(),
                                        config.pasid(),
                                        new Stage1Intent.Nested(firstStage(config)));
                        case PASS_THROUGH ->
                                new Entry(config.domainId(), config.pasid(), Stage1Intent.BYPASS);
                        case SECOND_STAGE, NESTED, RESERVED -> Entry.BLOCKED;
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

    private void apply(int rid, int pasid, Entry entry) {
        Map<Integer, Entry> entries = bound.get(rid);
        if (entries == null) {
            return;
        }
        try {
            host.intend(rid, pasid, entry.intent());
            if (entry.isBlocked()) {
                entries.remove(pasid);
            } else {
                entries.put(pasid, entry);
            }
        } catch (HostException e) {
            refused(rid, pasid);
        }
    }

    private void refused(int rid, int pasid) {
        Map<Integer, Entry> entries = bound.get(rid);
        if (entries != null) {
            entries.remove(pasid);
        }
        translator.record(
                new ConfigFault(FaultReason.PASID_ENTRY_NOT_PRESENT, false),
                new Requester(rid, pasid, false),
                AddressType.UNTRANSLATED,
                0,
                0);
    }

    private void forEach(Predicate<Entry> concerned, BiConsumer<Integer, Integer> action) {
        bound.forEach((rid, entries) ->
                entries.forEach((pasid, entry) -> {
                    if (concerned.test(entry)) {
                        action.accept(rid, pasid);
                    }
                }));
    }

    /** First-stage translations of a PASID in a domain are to be forgotten, at the next flush. */
    void invalidate(int did, int pasid, IovaRange range, boolean leafOnly) {
        forEach(
                entry -> entry.isOf(did, pasid),
                (rid, at) -> host.invalidate(rid, at, range, leafOnly));
    }

    /** Everything of a domain is to be forgotten, at the next flush. */
    void invalidateDomain(int did) {
        forEach(
                entry -> entry.did() == did,
                (rid, at) -> host.invalidate(rid, at, IovaRange.ALL, false));
    }

    /** Everything is to be forgotten, at the next flush. */
    void invalidateAll() {
        forEach(_ -> true, (rid, at) -> host.invalidate(rid, at, IovaRange.ALL, false));
    }

    /**
     * The host forgets what it was to forget; before a wait descriptor completes.
     *
     * @return what hardware did not carry out
     */
    List<HostBinding.HardwareError> flush() {
        HostBinding.Flushed flushed = host.flush();
        for (HostBinding.Refused refused : flushed.blocked()) {
            refused(refused.rid(), refused.pasid());
        }
        return flushed.errors();
    }
}
