package nestor.iommu;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import java.util.function.IntPredicate;
import nestor.pci.AtsEndpoint;
import nestor.pci.InvalidateRequest;
import nestor.vmm.time.Clock;
import org.jspecify.annotations.Nullable;

/**
 * Sends Invalidate Requests to functions and knows when they have completed (PCIe Base §10.3).
 *
 * <p>Each function has its own ITags, as many as its Invalidate Queue Depth. A request that finds
 * none free waits in line; {@link #isFull} tells the caller when to park its command queue rather
 * than let the line grow. A request that does not complete in time has timed out, and with it those
 * that waited for one of the function's ITags; what the function says of it later is unexpected.
 *
 * <p>Any thread; nobody is called with a lock held. Consumers run on the thread of the last
 * completion, or of the clock.
 */
public final class AtcInvalidator {
    /** §10.3.4: a completion is due after one minute, plus 50 percent at most. */
    public static final long TIMEOUT_NANOS = 60_000_000_000L;

    /** Requests that may wait for an ITag of one function before {@link #isFull}. */
    static final int MAX_WAITING = 64;

    /**
     * What became of the requests that a drain waited for, and of earlier ones that failed when no
     * drain waited for them. A function in neither set has completed all of them.
     *
     * @param timedOut RIDs of functions that did not complete in time
     * @param unsupported RIDs that no function answers to, or that were removed: as if the request
     *     had been completed as UR
     */
    public record Outcome(SortedSet<Integer> timedOut, SortedSet<Integer> unsupported) {}

    private enum End {
        COMPLETED,
        TIMED_OUT,
        UNSUPPORTED
    }

    private static final class Request {
        static final int NO_ITAG = -1;

        final Pool pool;

        /** What to send, but for the ITag. */
        final InvalidateRequest template;

        final List<Drain> drains = new ArrayList<>(1);
        int itag = NO_ITAG;
        long deadlineNanos;
        @Nullable End end;

        Request(Pool pool, InvalidateRequest template) {
            this.pool = pool;
            this.template = template;
        }

        InvalidateRequest message() {
            return new InvalidateRequest(
                    template.rid(),
                    template.pasid(),
                    itag,
                    template.global(),
                    template.iova(),
                    template.sizeLog2());
        }
    }

    /** One function: its ITags, and who waits for one. */
    private static final class Pool {
        final int rid;
        final int depth;
        final @Nullable Request[] byItag;
        final Queue<Request> waiting = new ArrayDeque<>();
        int outstanding;
        boolean sending;

        Pool(int rid, int depth) {
            this.rid = rid;
            this.depth = depth;
            this.byItag = new Request[depth];
        }

        /** Requests that have not ended. */
        List<Request> open() {
            List<Request> open = new ArrayList<>(waiting);
            for (Request request : byItag) {
                if (request != null) {
                    open.add(request);
                }
            }
            return open;
        }

        int freeItag() {
            int itag = 0;
            while (byItag[itag] != null) {
                itag++;
            }
            return itag;
        }
    }

    /** Somebody who waits for all requests of some RIDs sent so far. */
    private static final class Drain {
        final Consumer<Outcome> whenDrained;
        final Outcome outcome = new Outcome(new TreeSet<>(), new TreeSet<>());
        int remaining;

        Drain(Consumer<Outcome> whenDrained) {
            this.whenDrained = whenDrained;
        }

        void await(Request request) {
            request.drains.add(this);
            remaining++;
        }

        void note(int rid, End end) {
            switch (end) {
                case COMPLETED -> {}
                case TIMED_OUT -> outcome.timedOut().add(rid);
                case UNSUPPORTED -> outcome.unsupported().add(rid);
            }
        }
    }

    private final AtsRoute route;
    private final Clock clock;
    private final Clock.Timer timer;
    private final long timeoutNanos;
    private final IntConsumer unexpected;

    private final Object lock = new Object();
    private final Map<Integer, Pool> pools = new HashMap<>();

    /** With an ITag, oldest first, which is also the order of their deadlines. */
    private final Set<Request> sent = new LinkedHashSet<>();

    /** Failures that no drain has been told of, by RID. */
    private final Map<Integer, End> untold = new HashMap<>();

    private boolean timerArmed;
    private @Nullable Listener listener;

    /** Hears of every Invalidate Request before it is sent, with no lock held. */
    @FunctionalInterface
    public interface Listener {
        void invalidates(int rid, int pasid, boolean global, IovaRange range);
    }

    /** Of the requests that were completed. */
    private final LatencyHistogram latencies = new LatencyHistogram();

    /**
     * An invalidator with nothing outstanding.
     *
     * @param timeoutNanos from sending a request to its time-out, usually {@link #TIMEOUT_NANOS}
     */
    public AtcInvalidator(AtsRoute route, Clock clock, long timeoutNanos) {
        this(route, clock, timeoutNanos, _ -> {});
    }

    /**
     * An invalidator with nothing outstanding.
     *
     * @param timeoutNanos from sending a request to its time-out, usually {@link #TIMEOUT_NANOS}
     * @param unexpected takes the RID of a function that completes a request once more, or after
     *     its time-out; on the thread that completes, with no lock held
     */
    public AtcInvalidator(AtsRoute route, Clock clock, long timeoutNanos, IntConsumer unexpected) {
        this.unexpected = unexpected;
        this.route = route;
        this.clock = clock;
        this.timeoutNanos = timeoutNanos;
        this.timer = clock.newTimer(this::expire);
    }

    /** Who hears of Invalidate Requests; before the machine runs. */
    public void onSend(Listener who) {
        listener = who;
    }

    /**
     * Whether so many requests wait for an ITag of {@code rid} that the caller must not send more;
     * {@link #whenDrained} tells when there is room.
     */
    public boolean isFull(int rid) {
        synchronized (lock) {
            Pool pool = pools.get(rid);
            return pool != null && pool.waiting.size() >= MAX_WAITING;
        }
    }

    /**
     * Sends an Invalidate Request, or has it wait for an ITag.
     *
     * @param pasid or {@link nestor.pci.Requester#NO_PASID}
     * @param global Global Invalidate
     * @param iova aligned to the size
     * @param sizeLog2 12..64
     * @throws IllegalStateException if {@link #isFull}
     */
    public void send(int rid, int pasid, boolean global, long iova, int sizeLog2) {
        var template = new InvalidateRequest(rid, pasid, 0, global, iova, sizeLog2);
        Listener told = listener;
        if (told != null) {
            told.invalidates(rid, pasid, global, IovaRange.block(iova, sizeLog2));
        }
        int depth = route.invalidateQueueDepth(rid);
        Pool pool;
        synchronized (lock) {
            if (isFull(rid)) {
                throw new IllegalStateException("the caller had to park");
            }
            pool = pools.computeIfAbsent(rid, _ -> new Pool(rid, depth));
            pool.waiting.add(new Request(pool, template));
        }
        sendWaiting(pool);
    }

    /**
     * Runs {@code whenDrained} once every request sent so far to one of {@code rids} has ended: at
     * once, on this thread, if all have. A SYNC, a wait descriptor.
     *
     * @param rids asked under a lock: a pure function
     */
    public void whenDrained(IntPredicate rids, Consumer<Outcome> whenDrained) {
        var drain = new Drain(whenDrained);
        synchronized (lock) {
            untold.entrySet()
                    .removeIf(failure -> {
                        boolean told = rids.test(failure.getKey());
                        if (told) {
                            drain.note(failure.getKey(), failure.getValue());
                        }
                        return told;
                    });
            for (Pool pool : pools.values()) {
                if (rids.test(pool.rid)) {
                    pool.open().forEach(drain::await);
                }
            }
            if (drain.remaining > 0) {
                return;
            }
        }
        whenDrained.accept(drain.outcome);
    }

    /**
     * How long completed requests have taken from their sending: element n counts those of {@code
     * 2^n} to {@code 2^(n+1) - 1} nanoseconds.
     */
    public long[] latencies() {
        synchronized (lock) {
            return latencies.snapshot();
        }
    }

    /** The function {@code rid} was unplugged: its requests end as unsupported. */
    public void removed(int rid) {
        List<Drain> drained = new ArrayList<>();
        synchronized (lock) {
            Pool pool = pools.remove(rid);
            if (pool == null) {
                return;
            }
            pool.open().forEach(request -> finish(request, End.UNSUPPORTED, drained));
        }
        tell(drained);
    }

    /** As {@link #removed}, for every function that {@link AtsRoute} does not know any more. */
    public void removeAbsent() {
        List<Integer> rids;
        synchronized (lock) {
            rids = List.copyOf(pools.keySet());
        }
        for (int rid : rids) {
            if (route.endpoint(rid).isEmpty()) {
                removed(rid);
            }
        }
    }

    /** Forgets every request, and whoever waits for one: he is never called. */
    public void reset() {
        synchronized (lock) {
            for (Pool pool : pools.values()) {
                pool.open()
                        .forEach(request -> {
                            request.drains.clear();
                            finish(request, End.UNSUPPORTED, new ArrayList<>());
                        });
            }
            pools.clear();
            untold.clear();
        }
    }

    /** Sends what waits, as far as there are ITags. */
    private void sendWaiting(Pool pool) {
        synchronized (lock) {
            if (pool.sending) {
                return; // whoever sends now looks again before he stops
            }
            pool.sending = true;
        }
        for (Request next = next(pool); next != null; next = next(pool)) {
            Request request = next;
            Optional<AtsEndpoint> endpoint = route.endpoint(pool.rid);
            if (endpoint.isEmpty()) {
                end(request, End.UNSUPPORTED);
            } else {
                endpoint.get().invalidate(request.message(), () -> complete(request));
            }
        }
    }

    private @Nullable Request next(Pool pool) {
        synchronized (lock) {
            Request next = pool.outstanding < pool.depth ? pool.waiting.poll() : null;
            if (next == null) {
                pool.sending = false;
                if (pool.outstanding == 0) {
                    pools.remove(pool.rid, pool);
                }
                return null;
            }
            next.itag = pool.freeItag();
            pool.byItag[next.itag] = next;
            pool.outstanding++;
            next.deadlineNanos = clock.nanos() + timeoutNanos;
            sent.add(next);
            armTimer();
            return next;
        }
    }

    private void complete(Request request) {
        List<Drain> drained = new ArrayList<>();
        @Nullable End before;
        long latencyNanos = 0;
        long count = 0;
        synchronized (lock) {
            before = request.end;
            if (before == null) {
                latencyNanos = clock.nanos() - (request.deadlineNanos - timeoutNanos);
                count = latencies.count(latencies.record(latencyNanos));
                finish(request, End.COMPLETED, drained);
            }
        }
        if (before == null) {
            ItagLatencyEvent.emit(request.pool.rid, latencyNanos, count);
            tell(drained);
            sendWaiting(request.pool);
        } else if (before != End.UNSUPPORTED) {
            unexpected.accept(request.pool.rid);
        }
    }

    private void end(Request request, End end) {
        List<Drain> drained = new ArrayList<>();
        synchronized (lock) {
            finish(request, end, drained);
        }
        tell(drained);
        sendWaiting(request.pool);
    }

    /** A timer that runs on after its request has completed is cheaper than one re-armed. */
    private void armTimer() {
        if (!timerArmed && !sent.isEmpty()) {
            timerArmed = true;
            timer.arm(sent.iterator().next().deadlineNanos);
        }
    }

    private void expire() {
        List<Drain> drained = new ArrayList<>();
        Set<Pool> late = new LinkedHashSet<>();
        synchronized (lock) {
            timerArmed = false;
            while (!sent.isEmpty() && sent.iterator().next().deadlineNanos <= clock.nanos()) {
                Request request = sent.iterator().next();
                late.add(request.pool);
                finish(request, End.TIMED_OUT, drained);
                List.copyOf(request.pool.waiting)
                        .forEach(waiting -> finish(waiting, End.TIMED_OUT, drained));
            }
            armTimer();
        }
        tell(drained);
        late.forEach(this::sendWaiting);
    }

    /** Ends a request, unless it has ended; adds to {@code drained} who waited for it alone. */
    private void finish(Request request, End end, List<Drain> drained) {
        if (request.end != null) {
            return;
        }
        request.end = end;
        Pool pool = request.pool;
        if (request.itag == Request.NO_ITAG) {
            pool.waiting.remove(request);
        } else {
            pool.byItag[request.itag] = null;
            pool.outstanding--;
            sent.remove(request);
        }
        if (request.drains.isEmpty() && end != End.COMPLETED) {
            untold.merge(pool.rid, end, (a, b) -> a == End.TIMED_OUT ? a : b);
        }
        for (Drain drain : request.drains) {
            drain.note(pool.rid, end);
            drain.remaining--;
            if (drain.remaining == 0) {
                drained.add(drain);
            }
        }
    }

    private static void tell(List<Drain> drained) {
        drained.forEach(drain -> drain.whenDrained.accept(drain.outcome));
    }
}
