package nestor.vmm.time;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;

/** Virtual time: stands still until a test advances it. Timers run inside {@link #advance}. */
public final class ManualClock implements Clock {
    private long now;
    private final List<ManualTimer> armed = new ArrayList<>();

    @Override
    public synchronized long nanos() {
        return now;
    }

    @Override
    public Timer newTimer(Runnable onExpiry) {
        return new ManualTimer(onExpiry);
    }

    /** Moves time forward, running each timer that falls due at its own deadline, in order. */
    public void advance(long nanos) {
        long target = nanos() + nanos;
        for (ManualTimer due = nextDue(target); due != null; due = nextDue(target)) {
            due.onExpiry.run();
        }
        synchronized (this) {
            now = target;
        }
    }

    /** When the next timer expires; empty if none is armed. */
    public synchronized OptionalLong deadline() {
        return armed.stream().mapToLong(timer -> timer.deadline).min();
    }

    private synchronized @org.jspecify.annotations.Nullable ManualTimer nextDue(long target) {
        ManualTimer due =
                armed.stream()
                        .filter(timer -> timer.deadline <= target)
                        .min(Comparator.comparingLong(timer -> timer.deadline))
                        .orElse(null);
        if (due != null) {
            armed.remove(due);
            now = Math.max(now, due.deadline);
        }
        return due;
    }

    private final class ManualTimer implements Timer {
        private final Runnable onExpiry;
        private long deadline;

        ManualTimer(Runnable onExpiry) {
            this.onExpiry = onExpiry;
        }

        @Override
        public void arm(long deadlineNanos) {
            synchronized (ManualClock.this) {
                armed.remove(this);
                deadline = deadlineNanos;
                armed.add(this);
            }
        }

        @Override
        public void cancel() {
            synchronized (ManualClock.this) {
                armed.remove(this);
            }
        }
    }
}
