package nestor.control.web;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import nestor.trace.TraceRecord;

/** What waits for one page; the oldest makes room for the newest. Any thread. */
final class EventRing {
    /** Bound on what waits. */
    static final int CAPACITY = 1024;

    /** Bound on what is sent in one message. */
    static final int BATCH = 256;

    private final Deque<TraceRecord> waiting = new ArrayDeque<>();
    private final Runnable onFlush;
    private long dropped;

    /** The last slot of {@link Density} that the page has heard of; on the thread that answers. */
    private long toldUpTo;

    /**
     * @param onFlush called when there may be something to send; must not wait
     */
    EventRing(Runnable onFlush) {
        this.onFlush = onFlush;
    }

    synchronized void add(TraceRecord item) {
        if (waiting.size() >= CAPACITY) {
            waiting.removeFirst();
            dropped++;
        }
        waiting.addLast(item);
    }

    void flush() {
        onFlush.run();
    }

    /** The oldest, at most {@link #BATCH}. */
    synchronized List<TraceRecord> take() {
        List<TraceRecord> batch = new ArrayList<>();
        while (batch.size() < BATCH && !waiting.isEmpty()) {
            batch.add(waiting.removeFirst());
        }
        return batch;
    }

    long toldUpTo() {
        return toldUpTo;
    }

    void toldUpTo(long slot) {
        toldUpTo = slot;
    }

    synchronized void clear() {
        waiting.clear();
    }

    synchronized boolean isEmpty() {
        return waiting.isEmpty();
    }

    /** How many have been forgotten so far. */
    synchronized long dropped() {
        return dropped;
    }
}
