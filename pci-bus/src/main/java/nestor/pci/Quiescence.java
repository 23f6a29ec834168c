package nestor.pci;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Tells when every DMA that was under way has left: what a completed invalidation promises.
 *
 * <p>{@link #enter} and {@link #exit} cost one atomic addition each, on a counter that few threads
 * share, and allocate nothing. DMAs count in one of two phases. A waiter first lets the idle phase
 * run empty (a DMA may have read the phase number just before it changed), then makes it the
 * current one, and waits for the other to run empty: new DMAs cannot hold a waiter up.
 *
 * <p>Any thread.
 */
public final class Quiescence {
    private static final int STRIPES = 16;

    /** Counters of one stripe are a cache line apart from the next. */
    private static final int STRIPE_LONGS = 16;

    private static final int PHASE_LONGS = STRIPE_LONGS / 2;

    private final AtomicLongArray counters = new AtomicLongArray(STRIPES * STRIPE_LONGS);
    private volatile int phase;

    /** Whether {@link #exit} has somebody to look after. */
    private volatile boolean waiting;

    private final Object lock = new Object();
    private List<Runnable> queued = new ArrayList<>();
    private List<Runnable> draining = List.of();
    private boolean phaseTurned;

    /**
     * Marks the start of a DMA. What the DMA reads afterwards is at least as new as what was
     * written before any {@link #whenQuiescent} that does not wait for it.
     *
     * @return a ticket for {@link #exit}
     */
    public long enter() {
        int stripe = (int) Thread.currentThread().threadId() & STRIPES - 1;
        int counter = stripe * STRIPE_LONGS + phase * PHASE_LONGS;
        counters.getAndIncrement(counter);
        return counter;
    }

    /** Marks the end of the DMA that got {@code ticket}; may run tasks that waited for it. */
    public void exit(long ticket) {
        counters.getAndDecrement((int) ticket);
        if (waiting) {
            advance();
        }
    }

    /**
     * Runs {@code task} once every DMA that has entered before this call has left: at once, on this
     * thread, if none is under way; else on the thread of the last one to leave.
     */
    public void whenQuiescent(Runnable task) {
        synchronized (lock) {
            queued.add(task);
            waiting = true;
        }
        advance();
    }

    private void advance() {
        List<Runnable> ready = new ArrayList<>();
        synchronized (lock) {
            while (drained()) {
                ready.addAll(draining);
                draining = queued;
                queued = new ArrayList<>();
                phaseTurned = false;
                if (draining.isEmpty()) {
                    waiting = false;
                    break;
                }
            }
        }
        ready.forEach(Runnable::run);
    }

    /** Whether the tasks of {@code draining} may run; turns the phase on the way. */
    private boolean drained() {
        if (draining.isEmpty()) {
            return true;
        }
        if (!phaseTurned) {
            int idle = 1 - phase;
            if (!isEmpty(idle)) {
                return false;
            }
            phase = idle;
            phaseTurned = true;
        }
        return isEmpty(1 - phase);
    }

    private boolean isEmpty(int ofPhase) {
        for (int stripe = 0; stripe < STRIPES; stripe++) {
            if (counters.get(stripe * STRIPE_LONGS + ofPhase * PHASE_LONGS) != 0) {
                return false;
            }
        }
        return true;
    }
}
