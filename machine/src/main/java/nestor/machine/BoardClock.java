package nestor.machine;

import nestor.vmm.time.Clock;
import nestor.vmm.time.HostClock;
import nestor.vmm.time.ManualClock;

/** The time of a board: the host's, or one that only {@link TestDriver} moves. */
final class BoardClock implements Clock, AutoCloseable {
    private final HostClock host;
    private final ManualClock manual = new ManualClock();
    private final boolean stepped;

    BoardClock(Accelerator accelerator, Thread.UncaughtExceptionHandler onEscape) {
        host = new HostClock(onEscape);
        stepped = accelerator == Accelerator.QTEST;
    }

    @Override
    public long nanos() {
        return clock().nanos();
    }

    @Override
    public Timer newTimer(Runnable onExpiry) {
        return clock().newTimer(onExpiry);
    }

    private Clock clock() {
        return stepped ? manual : host;
    }

    /** The clock that is moved by hand; without effect on a board that runs by the host's. */
    ManualClock manual() {
        return manual;
    }

    /** Time stands still, and no timer expires, until {@link #resume}. Any thread. */
    void pause() {
        host.pause();
    }

    /** Time goes on from where it stood. Any thread. */
    void resume() {
        host.resume();
    }

    @Override
    public void close() {
        host.close();
    }
}
