package nestor.vmm.time;

import java.util.Objects;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Time from the host's monotonic clock; timers on one daemon thread. */
public final class HostClock implements Clock, AutoCloseable {
    private final long origin = System.nanoTime();
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
        return System.nanoTime() - origin;
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

        HostTimer(Runnable onExpiry) {
            this.onExpiry = Objects.requireNonNull(onExpiry);
        }

        @Override
        public synchronized void arm(long deadlineNanos) {
            cancel();
            if (!executor.isShutdown()) {
                long delay = Math.max(0, deadlineNanos - nanos());
                pending = executor.schedule(this::expire, delay, TimeUnit.NANOSECONDS);
            }
        }

        @Override
        public synchronized void cancel() {
            if (pending != null) {
                pending.cancel(false);
                pending = null;
            }
        }

        @SuppressWarnings("CatchAndPrintStackTrace")
        private void expire() {
            try {
                onExpiry.run();
            } catch (RuntimeException | Error escaped) {
                onEscape.uncaughtException(Thread.currentThread(), escaped);
            }
        }
    }
}
