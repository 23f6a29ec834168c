package nestor.pci;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import nestor.vmm.time.Clock;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link Chaos} does to the ATS and PRI messages of one function.
 *
 * <p>Messages upstream are posted requests, which do not pass each other (PCIe Base §2.4.1): one
 * that is delayed delays those behind it, so that an Invalidate Completion still pushes the page
 * requests before it. Messages that are due run on the sender's thread, others on the clock's; the
 * lock is not held meanwhile.
 */
final class FunctionChaos {
    /** An Invalidate Completion takes so long at most. */
    static final long SLOW_NANOS = 5_000_000;

    /** A page request takes so long at most. */
    static final long LATE_NANOS = 50_000_000;

    /** Completions that are to be reordered wait so long for others. */
    static final long REORDER_NANOS = 1_000_000;

    /** From a message to the reset or the removal in its wake. */
    static final long WAKE_NANOS = 100_000;

    /** Stop Markers of a storm: more than the largest queues of page requests hold (VT-d: 2^14). */
    static final int STORM = 1 << 14;

    /** From one storm to the next: a device asks again for what an overflow has answered. */
    static final long STORM_GAP_NANOS = 1_000_000_000;

    /**
     * What a page request takes until then: functions that ask again as fast as they can have lost
     * patience long before software has emptied the queue.
     */
    static final long CONGESTED_NANOS = 1_000_000;

    /** Messages under way; the function's ITags and its credit are far fewer. */
    private static final int MAX_UNDER_WAY = 4096;

    private static final int REORDERED = 4;

    private record Message(long dueNanos, Runnable arrive) {}

    private final Chaos chaos;
    private final Clock clock;
    private final Clock.Timer arrival;
    private final Clock.Timer reorder;
    private final Clock.Timer reset;
    private final Clock.Timer removal;

    private final Object lock = new Object();
    private final Deque<Message> underWay = new ArrayDeque<>();
    private final List<Runnable> toReorder = new ArrayList<>();

    /**
     * @param flr resets the function
     * @param surpriseRemoval takes it out of its slot
     */
    FunctionChaos(Chaos chaos, Clock clock, Runnable flr, Runnable surpriseRemoval) {
        this.chaos = chaos;
        this.clock = clock;
        this.arrival = clock.newTimer(this::arrive);
        this.reorder = clock.newTimer(this::sendReordered);
        this.reset = clock.newTimer(flr);
        this.removal = clock.newTimer(surpriseRemoval);
    }

    void onChange(Runnable listener) {
        chaos.onChange(listener);
    }

    /** Whether the function answers no ATS and PRI messages, and sends none. */
    boolean isGone() {
        return chaos.has(ChaosKey.DEVTLB_GONE);
    }

    /** An Invalidate Request, and its completion on the way back. */
    void invalidate(AtsReceivers receivers, InvalidateRequest request, Runnable complete) {
        mischief();
        if (chaos.strikes(ChaosKey.ERRATUM_EARLY_COMPLETION, 1)) {
            receivers.invalidate(request, () -> {});
            completed(complete);
        } else {
            receivers.invalidate(request, () -> completed(complete));
        }
    }

    private void completed(Runnable complete) {
        if (chaos.strikes(ChaosKey.DEVTLB_DEAD, 1)) {
            return;
        }
        if (chaos.strikes(ChaosKey.DEVTLB_REORDER, 1)) {
            boolean enough;
            synchronized (lock) {
                toReorder.add(complete);
                enough = toReorder.size() >= REORDERED;
                if (toReorder.size() == 1) {
                    reorder.arm(clock.nanos() + REORDER_NANOS);
                }
            }
            if (enough) {
                sendReordered();
            }
        } else {
            sendCompletion(complete);
        }
    }

    private void sendReordered() {
        List<Runnable> completions;
        synchronized (lock) {
            completions = new ArrayList<>(toReorder);
            toReorder.clear();
        }
        Collections.shuffle(completions, new SplittableRandom(chaos.below(Long.MAX_VALUE)));
        completions.forEach(this::sendCompletion);
    }

    private void sendCompletion(Runnable complete) {
        boolean slow = chaos.strikes(ChaosKey.DEVTLB_SLOW, 1);
        send(slow ? 1 + chaos.below(SLOW_NANOS) : 0, complete);
    }

    /**
     * What precedes a page request.
     *
     * @param idle whether no request of its PASID is outstanding
     * @param upstream sends a message to the agent
     */
    void beforePage(PageRequest request, boolean idle, Consumer<PageRequest> upstream) {
        mischief();
        if (!idle || !request.requester().hasPasid()) {
            return;
        }
        PageRequest marker = PageRequest.stopMarker(unprivileged(request.requester()));
        if (chaos.strikes(ChaosKey.PRQ_STOP_MARKER, 1)) {
            send(0, () -> upstream.accept(marker));
        }
        if (chaos.strikesThenRests(ChaosKey.PRQ_OVERFLOW, 4, clock.nanos(), STORM_GAP_NANOS)) {
            send(
                    0,
                    () -> {
                        for (int i = 0; i < STORM; i++) {
                            upstream.accept(marker);
                        }
                    });
        }
    }

    private static Requester unprivileged(Requester requester) {
        return requester.privileged()
                ? new Requester(requester.rid(), requester.pasid(), false)
                : requester;
    }

    /**
     * How often more than once a group asks for a page. Only its last one: who sends the others
     * counts on the credit for the rest, and a group that is not closed is never answered.
     */
    int copies(PageRequest request) {
        return request.last() && chaos.strikes(ChaosKey.PRQ_DUPLICATE, 1) ? 1 : 0;
    }

    /** Sends a Page Request or Stop Marker. */
    void sendPage(Runnable message) {
        if (chaos.strikes(ChaosKey.PRQ_LATE, 2)) {
            send(1 + chaos.below(LATE_NANOS), message);
        } else {
            boolean congested = chaos.rests(ChaosKey.PRQ_OVERFLOW, clock.nanos());
            send(congested ? CONGESTED_NANOS : 0, message);
        }
    }

    /** Whether more messages may be sent that take no credit. */
    boolean hasRoom() {
        synchronized (lock) {
            return underWay.size() < MAX_UNDER_WAY;
        }
    }

    /** A reset or removal in the wake of a message. */
    private void mischief() {
        if (chaos.strikesOnce(ChaosKey.ERRATUM_FLR, 8)) {
            reset.arm(clock.nanos() + chaos.below(WAKE_NANOS));
        }
        if (chaos.strikesOnce(ChaosKey.SURPRISE_REMOVAL, 8)) {
            removal.arm(clock.nanos() + chaos.below(WAKE_NANOS));
        }
    }

    private void send(long delayNanos, Runnable arrive) {
        synchronized (lock) {
            if (delayNanos > 0 || !underWay.isEmpty()) {
                long due = clock.nanos() + delayNanos;
                if (underWay.isEmpty()) {
                    arrival.arm(due);
                } else {
                    due = Math.max(due, underWay.getLast().dueNanos);
                }
                underWay.add(new Message(due, arrive));
                return;
            }
        }
        arrive.run();
    }

    /** One that arrives stays first meanwhile, so that none passes it. On the clock's thread. */
    private void arrive() {
        for (Message next = due(); next != null; next = due()) {
            next.arrive.run();
            synchronized (lock) {
                underWay.removeFirst();
            }
        }
    }

    private @Nullable Message due() {
        synchronized (lock) {
            Message next = underWay.peekFirst();
            if (next != null && next.dueNanos - clock.nanos() > 0) {
                arrival.arm(next.dueNanos);
                return null;
            }
            return next;
        }
    }
}
