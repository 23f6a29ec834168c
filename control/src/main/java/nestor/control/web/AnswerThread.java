package nestor.control.web;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * The thread that makes answers. After each it rests three times as long as the answer took, so
 * that all pages together cost a quarter of a processor at most, whatever they ask.
 */
final class AnswerThread implements Executor {
    static final int REST = 3;
    static final long MAX_REST_NANOS = 200_000_000;

    private final ScheduledExecutorService thread;
    private final LongSupplier nanos;

    /** Guarded by itself: an entry for each session, and one more for each batch of events. */
    private final Queue<Runnable> tasks = new ArrayDeque<>();

    private boolean running;

    /**
     * @param thread one thread
     * @param nanos a clock
     */
    AnswerThread(ScheduledExecutorService thread, LongSupplier nanos) {
        this.thread = thread;
        this.nanos = nanos;
    }

    /**
     * Runs a task after those before it.
     *
     * @throws RejectedExecutionException if the view has been closed
     */
    @Override
    public void execute(Runnable task) {
        synchronized (tasks) {
            if (thread.isShutdown()) {
                throw new RejectedExecutionException("closed");
            }
            tasks.add(task);
            if (running) {
                return;
            }
            running = true;
        }
        schedule(0);
    }

    private void schedule(long delayNanos) {
        var _ = thread.schedule(this::next, delayNanos, TimeUnit.NANOSECONDS);
    }

    private void next() {
        Runnable task;
        synchronized (tasks) {
            task = tasks.poll();
            running = task != null;
        }
        if (task != null) {
            long began = nanos.getAsLong();
            try {
                task.run();
            } finally {
                schedule(Math.min(MAX_REST_NANOS, REST * (nanos.getAsLong() - began)));
            }
        }
    }

    /** Drops what waits. */
    void close() {
        thread.shutdownNow();
    }
}
