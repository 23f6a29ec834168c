package nestor.vmm.time;

/** The machine's time. A constructor argument of whatever needs it; never the host's clock. */
public interface Clock {
    /** Monotonic time in nanoseconds since the machine started. */
    long nanos();

    /**
     * A timer that runs {@code onExpiry} once for each {@link Timer#arm}, on the clock's own thread
     * ({@link HostClock}) or on the thread that advances time ({@link ManualClock}).
     */
    Timer newTimer(Runnable onExpiry);

    /** One-shot timer. Any thread. */
    interface Timer {
        /**
         * Expires at {@code deadlineNanos}, at once if that has passed; replaces an earlier one.
         */
        void arm(long deadlineNanos);

        /** No expiry starts after this returns; one that runs already may still be running. */
        void cancel();
    }
}
