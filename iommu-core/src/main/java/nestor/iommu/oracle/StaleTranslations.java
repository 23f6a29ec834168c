package nestor.iommu.oracle;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Predicate;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.iommu.oracle.CurrentTranslation.Mapped;
import nestor.iommu.oracle.CurrentTranslation.NotUsed;
import nestor.iommu.oracle.CurrentTranslation.Refused;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.time.Clock;
import org.jspecify.annotations.Nullable;

/**
 * Which translations caches may hold, and which of them the guest's tables contradict.
 *
 * <p>A translation is held from its first use until an invalidation covers it; what a cache evicts
 * by itself counts as held, since software cannot know. When invalidations complete, those are
 * compared that one of them covered in the other cache only, and some of the others in turn; so is
 * each that a DMA uses. One that is stale is reported if it still is so a window of guest time
 * later, in which drivers may flush lazily, or send the second of two commands. The window passes
 * in steps, so that a pause of the whole machine counts as one.
 *
 * <p>Any thread. Nothing is called with the lock held.
 */
final class StaleTranslations implements CommandObserver {
    /** Steps of the window. */
    static final int STEPS = 8;

    /** Steps after which a requester that shows nothing more is let off. */
    private static final int GIVEN_UP = 4 * STEPS;

    private static final int MAX_MISCONFIGURED = 1024;

    /** What a page permits to execute may be refused to the requester all the same. */
    private static final int JUDGED = Translation.READ | Translation.WRITE;

    private final String name;
    private final OracleSubject subject;
    private final Clock clock;
    private final long stepNanos;
    private final Clock.Timer timer;
    private final Consumer<StaleReport> reports;
    private final OracleCounters counters;

    private final Object lock = new Object();
    private final HeldTranslations held = new HeldTranslations();
    private final Map<Requester, Held> misconfigured = new LinkedHashMap<>();
    private final CommandHistory history = new CommandHistory();
    private boolean timerArmed;
    private long tick;
    private long completions;
    private volatile long epoch;

    StaleTranslations(
            String name,
            OracleSubject subject,
            Clock clock,
            long windowNanos,
            OracleCounters counters,
            Consumer<StaleReport> reports) {
        this.name = name;
        this.subject = subject;
        this.clock = clock;
        this.stepNanos = Math.max(1, windowNanos / STEPS);
        this.timer = clock.newTimer(this::step);
        this.counters = counters;
        this.reports = reports;
    }

    /** Invalidations so far; from before a translation was asked for. */
    long epoch() {
        return epoch;
    }

    /**
     * The IOMMU answered an untranslated request from its IOTLB or its tables.
     *
     * @param sampled {@link #epoch} from before it did
     */
    void used(
            Requester requester, long iova, int access, Translation.Mapping mapping, long sampled) {
        counters.dmas.increment();
        CurrentTranslation now = subject.current(TranslationCache.IOTLB, requester, iova, access);
        if (now instanceof NotUsed) {
            return;
        }
        var key =
                new Held.Key(
                        TranslationCache.IOTLB, requester, mapping.iovaBase(), mapping.sizeLog2());
        @Nullable StaleReport report = null;
        synchronized (lock) {
            if (epoch != sampled) {
                return; // what was used may have been invalidated since
            }
            Held before = held.find(key);
            if (agrees(mapping, iova, now)) {
                misconfigured.remove(requester);
                if (before == null && now instanceof Mapped mapped) {
                    held.hold(new Held(key, mapped.tag(), mapping, iova, clock.nanos()));
                }
            } else if (before != null && isReachable(before, now)) {
                before.iova = iova;
                before.uses++;
                report = judge(before, now, completions);
            } else {
                report = misconfigured(key, mapping, iova, now);
            }
        }
        send(report);
    }

    /** The request's tables are others than the caches think: so is its configuration. */
    private @Nullable StaleReport misconfigured(
            Held.Key key, Translation.Mapping mapping, long iova, CurrentTranslation now) {
        Held seen = misconfigured.get(key.requester());
        if (seen == null) {
            if (misconfigured.size() >= MAX_MISCONFIGURED) {
                return null;
            }
            seen = new Held(key, 0, mapping, iova, clock.nanos());
            misconfigured.put(key.requester(), seen);
        }
        seen.uses++;
        if (!isOverdue(seen, now, completions)) {
            return null;
        }
        misconfigured.remove(key.requester());
        OracleSubject.CommandNames names = subject.commandNames();
        String missing = names.configuration() + (held.evicted() ? " or " + names.iotlb() : "");
        return report(seen, "configuration", missing);
    }

    /** A function got a translation. */
    void answered(Requester requester, long iova, Translation.Mapping mapping, long sampled) {
        CurrentTranslation now =
                subject.current(TranslationCache.ATC, requester, iova, mapping.access() & JUDGED);
        if (!(now instanceof Mapped mapped) || !agrees(mapping, iova, now)) {
            return; // it has changed meanwhile, and whoever changed it is not through
        }
        CurrentTranslation both =
                subject.current(TranslationCache.IOTLB, requester, iova, mapping.access() & JUDGED);
        var key =
                new Held.Key(
                        TranslationCache.ATC, requester, mapping.iovaBase(), mapping.sizeLog2());
        synchronized (lock) {
            if (epoch == sampled) {
                held.replace(key);
                held.hold(new Held(key, mapped.tag(), mapping, iova, clock.nanos()));
                holdInIotlb(requester, both, iova, mapping.access());
            }
        }
    }

    /** What an ATC was told may be in the IOTLB as well (IHI 0070, §3.9.1; VT-d, §6.2.4). */
    private void holdInIotlb(Requester requester, CurrentTranslation now, long iova, int access) {
        if (!(now instanceof Mapped mapped)) {
            return;
        }
        Translation.Mapping block = mapped.mapping();
        var key =
                new Held.Key(TranslationCache.IOTLB, requester, block.iovaBase(), block.sizeLog2());
        if (held.find(key) == null) {
            var mapping =
                    new Translation.Mapping(
                            block.iovaBase(), block.sizeLog2(), block.gpaBase(), access);
            held.hold(new Held(key, mapped.tag(), mapping, iova, clock.nanos()));
        }
    }

    /** A translated request: by which cached translation is for the function to know. */
    void usedTranslated(Requester requester, long gpa) {
        counters.dmas.increment();
        synchronized (lock) {
            for (Held entry : held.stale()) {
                long offset = gpa - entry.mapping.gpaBase();
                if (isAtc(entry)
                        && entry.key.requester().rid() == requester.rid()
                        && IovaRange.block(0, entry.key.sizeLog2()).contains(offset)) {
                    entry.uses++;
                }
            }
        }
    }

    @Override
    public void command(String text) {
        synchronized (lock) {
            history.add(clock.nanos(), text);
        }
    }

    @Override
    public void invalidated(Tags tags, IovaRange range) {
        drop(
                TranslationCache.IOTLB,
                entry -> tags.matches(entry.tag) && range.overlaps(entry.range),
                range);
    }

    @Override
    public void atcInvalidated(int rid, int pasid, boolean global, IovaRange range) {
        boolean every = global || pasid == Requester.NO_PASID;
        drop(
                TranslationCache.ATC,
                entry ->
                        entry.key.requester().rid() == rid
                                && (every || entry.key.requester().pasid() == pasid)
                                && range.overlaps(entry.range),
                range);
    }

    private void drop(TranslationCache cache, Predicate<Held> covered, IovaRange range) {
        synchronized (lock) {
            epoch = epoch + 1;
            held.drop(cache, covered, range, history.count() - 1);
        }
    }

    @Override
    public void completed() {
        List<Held> turn;
        synchronized (lock) {
            completions++;
            turn = held.turn();
        }
        counters.completions.increment();
        compare(turn);
    }

    /** A step of the window is over. */
    private void step() {
        List<Held> turn;
        synchronized (lock) {
            tick++;
            timerArmed = false;
            turn = held.suspects();
        }
        compare(turn);
        synchronized (lock) {
            misconfigured.values().removeIf(seen -> tick - seen.staleTick > GIVEN_UP);
            if (!misconfigured.isEmpty() || !held.stale().isEmpty()) {
                arm();
            }
        }
    }

    private void compare(List<Held> entries) {
        for (Held entry : entries) {
            long iova;
            synchronized (lock) {
                if (entry.gone) {
                    continue;
                }
                iova = entry.iova;
            }
            counters.compared.increment();
            CurrentTranslation now =
                    subject.current(
                            entry.key.cache(),
                            entry.key.requester(),
                            iova,
                            entry.mapping.access() & JUDGED);
            @Nullable StaleReport report;
            synchronized (lock) {
                report =
                        entry.gone || entry.iova != iova
                                ? null
                                : judge(entry, now, completions - 1);
            }
            send(report);
        }
    }

    private @Nullable StaleReport judge(Held entry, CurrentTranslation now, long since) {
        if (!isReachable(entry, now) || agrees(entry.mapping, entry.iova, now)) {
            held.agrees(entry);
            return null;
        }
        held.isStale(entry);
        if (!isOverdue(entry, now, since)) {
            return null;
        }
        held.forget(entry);
        OracleSubject.CommandNames names = subject.commandNames();
        boolean iotlb = entry.key.cache() == TranslationCache.IOTLB;
        return report(entry, entry.key.cache().name(), iotlb ? names.iotlb() : names.atc());
    }

    /** Whether it is stale for a window, and something was completed since. */
    private boolean isOverdue(Held entry, CurrentTranslation now, long since) {
        if (!entry.isStale()) {
            entry.staleTick = tick;
            entry.staleCompletions = since;
            entry.staleCommand = history.count() - 1;
            entry.staleNanos = clock.nanos();
            entry.current = text(entry, now);
            arm();
        }
        return tick - entry.staleTick >= STEPS && completions > entry.staleCompletions;
    }

    /** An entry of another tag is nothing that this request can meet. */
    private static boolean isReachable(Held entry, CurrentTranslation now) {
        return switch (now) {
            case NotUsed _ -> false;
            case Mapped mapped -> isAtc(entry) || mapped.tags().hold(entry.tag);
            case Refused refused -> isAtc(entry) || refused.tags().hold(entry.tag);
        };
    }

    private static boolean isAtc(Held entry) {
        return entry.key.cache() == TranslationCache.ATC;
    }

    private static boolean agrees(Translation.Mapping mapping, long iova, CurrentTranslation now) {
        return switch (now) {
            case NotUsed _ -> true;
            case Mapped mapped -> mapped.mapping().gpa(iova) == mapping.gpa(iova);
            case Refused _ -> false;
        };
    }

    private static String text(Held entry, CurrentTranslation now) {
        return switch (now) {
            case NotUsed _ -> "not used";
            case Mapped mapped -> "0x%x".formatted(mapped.mapping().gpa(entry.iova));
            case Refused refused -> refused.reason();
        };
    }

    private StaleReport report(Held entry, String cache, String missing) {
        boolean covered = entry.coveredBy != Held.NEVER;
        return new StaleReport(
                name,
                cache,
                entry.key.requester(),
                entry.iova,
                entry.mapping,
                entry.current,
                entry.cachedNanos,
                entry.staleNanos,
                clock.nanos(),
                entry.uses,
                missing,
                covered ? Optional.of(history.text(entry.coveredBy)) : Optional.empty(),
                history.around(covered ? entry.coveredBy : entry.staleCommand));
    }

    private void arm() {
        if (!timerArmed) {
            timerArmed = true;
            timer.arm(clock.nanos() + stepNanos);
        }
    }

    private void send(@Nullable StaleReport report) {
        if (report != null) {
            reports.accept(report);
        }
    }

    /** The function's ATC is empty: ATS was disabled, or the function was reset. */
    void atsDisabled(int rid) {
        drop(
                TranslationCache.ATC,
                entry ->
                        entry.key.cache() == TranslationCache.ATC
                                && entry.key.requester().rid() == rid,
                IovaRange.ALL);
    }

    @Override
    public void reset() {
        synchronized (lock) {
            epoch = epoch + 1;
            held.clear();
            misconfigured.clear();
        }
    }

    /** Translations that are stale now, and whose window is not over. */
    int pending() {
        synchronized (lock) {
            return held.stale().size();
        }
    }
}
