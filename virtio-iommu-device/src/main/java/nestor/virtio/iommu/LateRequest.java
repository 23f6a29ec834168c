package nestor.virtio.iommu;

import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.vmm.time.Clock;
import org.jspecify.annotations.Nullable;

/**
 * With {@link ChaosKey#INVALIDATION_SLOW}, a request that takes access away and is carried out
 * later; no driver relies on when, before it has the reply (§5.13.6.4, §5.13.6.6). Loop only.
 */
final class LateRequest {
    /** From the driver's notification to what it asked for. */
    static final long SLOW_NANOS = 5_000_000;

    /** One request in so many; some drivers poll for the reply with interrupts off. */
    private static final int SLOW = 8;

    private final Chaos chaos;
    private final Clock clock;
    private final Clock.Timer timer;
    private @Nullable Request waiting;
    private long dueNanos;

    /**
     * @param serve has the queue served again
     */
    LateRequest(Chaos chaos, Clock clock, Runnable serve) {
        this.chaos = chaos;
        this.clock = clock;
        this.timer = clock.newTimer(serve);
    }

    /** Whether {@code request} is to wait; then {@link #take} gives it back. */
    boolean delays(Request request) {
        boolean revokes =
                switch (request) {
                    case Request.Detach _, Request.Unmap _, TableRequest.Invalidate _ -> true;
                    default -> false;
                };
        if (!revokes || !chaos.strikes(ChaosKey.INVALIDATION_SLOW, SLOW)) {
            return false;
        }
        waiting = request;
        dueNanos = clock.nanos() + 1 + chaos.below(SLOW_NANOS);
        timer.arm(dueNanos);
        return true;
    }

    boolean isWaiting() {
        return waiting != null;
    }

    /** The request that waited; null if it is not due yet. */
    @Nullable Request take() {
        if (dueNanos - clock.nanos() > 0) {
            timer.arm(dueNanos);
            return null;
        }
        Request request = waiting;
        waiting = null;
        return request;
    }
}
