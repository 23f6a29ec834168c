package nestor.atc;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEndpoint;
import nestor.pci.AtsEntry;
import nestor.pci.AtsPort;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;
import nestor.pci.Quiescence;
import nestor.pci.Requester;
import org.jspecify.annotations.Nullable;

/**
 * An Address Translation Cache (PCIe Base 6.0, §10.1.2, §10.2, §10.3): translations come in by
 * Translation Completions only, and go out by invalidation, eviction or reset.
 *
 * <p>An access that rests on a cached translation is bracketed, so that an invalidation completes
 * after it:
 *
 * <pre>{@code
 * long ticket = atc.enter();
 * try {
 *     AtcEntry entry = atc.lookup(requester, iova, Translation.READ);
 *     ... at most 4 KiB by DmaPort.readTranslated(requester, entry.translate(iova), dst)
 * } finally {
 *     atc.exit(ticket);
 * }
 * }</pre>
 *
 * <p>Each PASID is a space that {@link #start} opens and {@link #stop} empties and closes; requests
 * without PASID are a space of their own, always open. Thread-safe. {@link #lookup}, {@link #enter}
 * and {@link #exit} take no lock and allocate nothing; no lock is held while the port or a
 * completion is called.
 */
public final class Atc implements AtsEndpoint, AutoCloseable {
    /** PASIDs have 20 bits (§6.20). */
    private static final int PASIDS = 1 << 20;

    private final AtcOptions options;
    private final AtsPort port;
    private final OvertakenPolicy overtakenPolicy;
    private final AtcTable table;
    private final Quiescence accesses = new Quiescence();
    private final AtcCounters counters = new AtcCounters();

    /** Guards changes of the table, the log and the spaces. A leaf: nothing is called under it. */
    private final Object lock = new Object();

    private final InvalidationLog invalidations = new InvalidationLog();
    private final BitSet started = new BitSet();
    private volatile long disables;
    private AtsPort.@Nullable Registration registration;

    /** What becomes of a completion that an invalidation overtook; tests show what else happens. */
    enum OvertakenPolicy {
        DROP,
        CACHE_ALL_THE_SAME
    }

    Atc(AtcOptions options, AtsPort port, OvertakenPolicy overtakenPolicy) {
        this.options = options;
        this.port = port;
        this.overtakenPolicy = overtakenPolicy;
        this.table = new AtcTable(options.capacity(), options.ways());
    }

    /** An empty cache, registered at {@code port} for the messages of every PASID. */
    public static Atc on(AtsPort port, AtcOptions options) {
        Atc atc = new Atc(options, port, OvertakenPolicy.DROP);
        atc.registration = port.register(AtsPort.ALL_PASIDS, atc);
        return atc;
    }

    /** Empties the cache and leaves the port. */
    @Override
    public void close() {
        if (registration != null) {
            registration.close();
        }
        reset();
    }

    public AtcOptions options() {
        return options;
    }

    /** Opens the space of a PASID; what an open one holds stays. */
    public void start(int pasid) {
        if (pasid < 0 || pasid >= PASIDS) {
            throw new IllegalArgumentException("no such PASID: " + pasid);
        }
        synchronized (lock) {
            started.set(pasid);
        }
    }

    /** Whether translations of the PASID are cached. */
    public boolean isStarted(int pasid) {
        synchronized (lock) {
            return pasid == Requester.NO_PASID || pasid >= 0 && started.get(pasid);
        }
    }

    /**
     * Closes the space of a PASID and drops what it holds, global entries included, and its
     * completions under way. The PASID's page requests are {@link PageRequests}'s to end.
     */
    public void stop(int pasid) {
        synchronized (lock) {
            if (pasid >= 0) {
                started.clear(pasid);
            }
            drop(pasid, 0, Long.SIZE);
        }
    }

    /** Drops everything, and closes the spaces of all PASIDs. */
    public void reset() {
        synchronized (lock) {
            started.clear();
            drop(InvalidationLog.EVERY_SPACE, 0, Long.SIZE);
        }
    }

    /** Marks the start of an access that may use translations looked up from now on. */
    public long enter() {
        return accesses.enter();
    }

    /** Marks the end of the access that got {@code ticket}, its last byte moved. */
    public void exit(long ticket) {
        accesses.exit(ticket);
    }

    /**
     * The cached translation of {@code iova}, if it permits all of {@code access}. It may say
     * {@link AtcEntry#untranslatedOnly}. Valid until the access's {@link #exit}.
     */
    public @Nullable AtcEntry lookup(Requester requester, long iova, int access) {
        AtcEntry entry = table.find(requester.pasid(), privileged(requester), iova);
        if (entry == null) {
            counters.misses.increment();
            return null;
        }
        if (!entry.permits(access)) {
            counters.permissionMisses.increment();
            return null;
        }
        counters.hits.increment();
        return entry;
    }

    /** What is cached for {@code iova}, whatever it permits, for a look that is no access. */
    public Optional<AtcEntry> peek(Requester requester, long iova) {
        return Optional.ofNullable(table.peek(requester.pasid(), privileged(requester), iova));
    }

    /**
     * Sends one Translation Request and caches what comes, unless an invalidation, {@link #stop} or
     * {@link #disabled} overtakes it.
     *
     * @param bytes at least 1; the request is widened to whole Smallest Translation Units, and
     *     shortened to what one request can ask for
     * @param access without {@code WRITE} the request says No Write
     * @return the completion, whatever became of its entries
     */
    public AtsCompletion request(Requester requester, long iova, long bytes, int access) {
        return fetch(requester, iova, bytes, access).completion();
    }

    /** As {@link #request}; the result can tell whether it was overtaken since. */
    public Fetched fetch(Requester requester, long iova, long bytes, int access) {
        if (bytes < 1) {
            throw new IllegalArgumentException("no translations of " + bytes + " bytes");
        }
        int unitLog2 = port.smallestUnitLog2();
        long first = AtcEntry.base(iova, unitLog2);
        long size = Math.max(bytes + (iova - first), bytes);
        if (Long.compareUnsigned(first + (size - 1), first) < 0) {
            size = -first; // to the end of the address space
        }
        long epoch = epoch();
        counters.requests.increment();
        AtsCompletion completion = port.requestTranslation(requester, first, size, access);
        List<AtcEntry> entries =
                switch (completion) {
                    case AtsCompletion.Failed _ -> List.of();
                    case AtsCompletion.Entries(List<AtsEntry> values) ->
                            ranges(requester, first, unitLog2, values);
                };
        cache(entries, iova, epoch);
        return new Fetched(completion, entries, epoch);
    }

    /**
     * Where the entries of a completion lie: one after the other (§10.2.3). An entry smaller than
     * the Smallest Translation Unit is none, nor is what follows it.
     */
    private static List<AtcEntry> ranges(
            Requester requester, long first, int unitLog2, List<AtsEntry> values) {
        List<AtcEntry> entries = new ArrayList<>(values.size());
        long at = first;
        for (AtsEntry value : values) {
            int sizeLog2 = value.sizeLog2();
            if (sizeLog2 < unitLog2) {
                break;
            }
            long base = AtcEntry.base(at, sizeLog2);
            entries.add(
                    new AtcEntry(requester.pasid(), privileged(requester), base, sizeLog2, value));
            at = sizeLog2 == Long.SIZE ? 0 : base + (1L << sizeLog2);
            if (at == 0) {
                break;
            }
        }
        return entries;
    }

    /** The earliest addresses last, for they are needed first if not all find room. */
    private void cache(List<AtcEntry> entries, long iova, long epoch) {
        synchronized (lock) {
            for (AtcEntry entry : entries.reversed()) {
                if (mayChange(entry, epoch)) {
                    put(entry, iova);
                }
            }
        }
    }

    /** The number of invalidations so far: what {@link #update} and its caller agree upon. */
    public long epoch() {
        return invalidations.epoch();
    }

    /**
     * Caches a translation from a completion that the caller has received itself.
     *
     * @param epoch {@link #epoch} from before the Translation Request was sent
     * @return whether it is cached: not if it was overtaken, permits nothing, or is of a PASID that
     *     is not started, or of a size without a class
     */
    public boolean update(AtcEntry entry, long epoch) {
        synchronized (lock) {
            return mayChange(entry, epoch) && put(entry, entry.iovaBase());
        }
    }

    private boolean mayChange(AtcEntry entry, long epoch) {
        if (overtakenPolicy == OvertakenPolicy.DROP && invalidations.overtook(entry, epoch)) {
            counters.staleDrops.increment();
            return false;
        }
        return isStarted(entry.pasid());
    }

    /** News of a range replaces all that was known of it, also news that nothing is permitted. */
    private boolean put(AtcEntry entry, long iova) {
        if (!entry.usable()) {
            table.removeCompeting(entry);
            return false;
        }
        AtcEntry part = options.fit(entry, entry.contains(iova) ? iova : entry.iovaBase());
        if (options.capacity() == 0 || !options.admits(part.sizeLog2())) {
            return false;
        }
        table.removeCompeting(entry);
        if (table.insert(part)) {
            counters.evictions.increment();
        }
        return true;
    }

    /**
     * Whether an invalidation came since {@code epoch} that covers the entry. Asked between {@link
     * #enter} and an access that uses a completion without having cached it.
     */
    boolean isOvertaken(AtcEntry entry, long epoch) {
        synchronized (lock) {
            return invalidations.overtook(entry, epoch);
        }
    }

    /**
     * Removes the covered entries, then completes when the accesses that use them are done. Waits
     * for nothing else, least of all for this function's own requests (§10.3.3).
     */
    @Override
    public void invalidate(InvalidateRequest request, Runnable complete) {
        boolean everySpace = !request.hasPasid() || request.global() && options.globalInvalidate();
        int pasid = everySpace ? InvalidationLog.EVERY_SPACE : request.pasid();
        synchronized (lock) {
            drop(pasid, request.iova(), request.sizeLog2());
        }
        counters.invalidation(pasid, request.sizeLog2());
        accesses.whenQuiescent(complete);
    }

    private void drop(int pasid, long iova, int sizeLog2) {
        invalidations.add(pasid, iova, sizeLog2);
        table.invalidate(pasid, iova, sizeLog2);
    }

    /** No business of the cache: {@link PageRequests} takes the responses. */
    @Override
    public void pageResponse(PageResponse response) {}

    @Override
    public void disabled() {
        synchronized (lock) {
            disables = disables + 1;
            drop(InvalidationLog.EVERY_SPACE, 0, Long.SIZE);
        }
    }

    /** How often {@link #disabled} was called: who began before the last time has lost. */
    long disables() {
        return disables;
    }

    public AtcStatistics statistics() {
        return counters.snapshot();
    }

    /** Sets that changes have looked into. */
    long probes() {
        synchronized (lock) {
            return table.probes();
        }
    }

    private static boolean privileged(Requester requester) {
        return requester.privileged() && requester.hasPasid();
    }

    /**
     * What a Translation Request brought.
     *
     * @param entries where its data entries lie, in address order; none if it failed
     * @param epoch from before it was sent
     */
    public record Fetched(AtsCompletion completion, List<AtcEntry> entries, long epoch) {}
}
