package nestor.vmm.time;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Time from the host's monotonic clock, less what it stood still; timers on one daemon thread. */
public final class HostClock implements Clock, AutoCloseable {
    private static final long RUNNING = -1;

    private volatile long origin = System.nanoTime();
    private volatile long pausedAt = RUNNING;

    /** Timers that struck while the clock stood still. */
    private final List<HostTimer> held = new ArrayList<>();

    private final ScheduledThreadPoolExecutor executor;

    /**
     * Starts at zero.
     *
     * @param onEscape told of an exception that escapes a timer's task: a bug of ours
     */
    public HostClock(Thread.UncaughtExceptionHandler onEscape) {
        executor =
                new ScheduledThreadPoolExecutor(
                        1,
                        task ->
                                Thread.ofPlatform()
                                        .daemon()
                                        .name("nestor-clock")
                                        .uncaughtExceptionHandler(onEscape)
                                        .unstarted(task));
        executor.setRemoveOnCancelPolicy(true);
        this.onEscape = onEscape;
    }

    private final Thread.UncaughtExceptionHandler onEscape;

    @Override
    public long nanos() {
        long at = pausedAt;
        return at == RUNNING ? System.nanoTime() - origin : at;
    }

    /** Time stands still, and no timer expires, until {@link #resume}. Any thread. */
    public synchronized void pause() {
        if (pausedAt == RUNNING) {
            pausedAt = nanos();
        }
    }

    /** Time goes on from where it stood. Any thread. */
    public void resume() {
        List<HostTimer> due;
        synchronized (this) {
            if (pausedAt == RUNNING) {
                return;
            }
            origin = System.nanoTime() - pausedAt;
            pausedAt = RUNNING;
            due = List.copyOf(held);
            held.clear();
        }
        due.forEach(HostTimer::schedule);
    }

    private synchronized boolean hold(HostTimer timer) {
        return pausedAt != RUNNING && held.add(timer);
    }

    @Override
    public Timer newTimer(Runnable onExpiry) {
        return new HostTimer(onExpiry);
    }

    @Override
    public void close() {
        executor.shutdownNow();
    }

    private final class HostTimer implements Timer {
        private final Runnable onExpiry;
        private @Nullable ScheduledFuture<?> pending;
        private boolean armed;
        private long deadline;

        HostTimer(Runnable onExpiry) {
            this.onExpiry = Objects.requireNonNull(onExpiry);
        }

        @Override
        public synchronized void arm(long deadlineNanos) {
            cancel();
            armed = true;
            deadline = deadlineNanos;
            schedule();
        }

        private synchronized void schedule() {
            if (armed && !executor.isShutdown()) {
                long delay = Math.max(0, deadline - nanos());
                pending = executor.schedule(this::expire, delay, TimeUnit.NANOSECONDS);
            }
        }

        @Override
        public synchronized void cancel() {
            armed = false;
            if (pending != null) {
                pending.cancel(false);
                pending = null;
            }
        }

        /** Whether the deadline has come; a pause of the clock may have moved it. */
        private synchronized boolean isDue() {
            if (!armed || hold(this)) {
                return false;
            }
            if (deadline - nanos() > 0) {
                schedule();
                return false;
            }
            armed = false;
            return true;
        }

        @SuppressWarnings("CatchAndPrintStackTrace")
        private void expire() {
            if (!isDue()) {
                return;
            }
            try {
                onExpiry.run();
            } catch (RuntimeException | Error escaped) {
                onEscape.uncaughtException(Thread.currentThread(), escaped);
            }
        }
    }
}
