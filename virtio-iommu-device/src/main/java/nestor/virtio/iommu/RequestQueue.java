package nestor.virtio.iommu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import nestor.iommu.oracle.CommandObserver;
import nestor.pci.Chaos;
import nestor.virtio.DescriptorChain;
import nestor.virtio.DriverLink;
import nestor.virtio.Virtqueue;
import nestor.vmm.time.Clock;
import org.jspecify.annotations.Nullable;

/**
 * The request queue (§5.13.6). Requests are served in order; the reply to one that took access away
 * waits until the DMAs that may still use it have left, and the queue waits with it.
 *
 * <p>A request of unknown type, or without room for the status, is returned with length 0 and
 * nothing written. Every other one is answered over the whole device-writable part, status in the
 * last four bytes and zeros before it, because drivers take any other length for success. Loop
 * only.
 */
final class RequestQueue {
    private static final int TAIL_BYTES = 4;

    /** Device-writable bytes beyond this are no request: PROBE has {@code probe_size + 4}. */
    private static final int MAX_REPLY_BYTES = 4096;

    private final int index;
    private final TableProfile profile;
    private final Requests requests;
    private final Revocation revocation;
    private final RequestCounters counters;
    private final DriverLink link;
    private final Negotiated features;
    private @Nullable CommandObserver observer;
    private final LateRequest late;
    private final Returns returns;
    private DescriptorChain chain;
    private final MemorySegment request = Arena.ofAuto().allocate(Request.MAX_BYTES, 8);
    private final MemorySegment reply = Arena.ofAuto().allocate(MAX_REPLY_BYTES, 8);

    /** Takes access away for good. */
    interface Revocation {
        /**
         * Runs {@code done} with the status to reply once nobody uses what was revoked before. Now,
         * or later on any thread.
         */
        void whenDone(Consumer<Status> done);
    }

    /** Set while the request in {@link #chain} waits: what to reply, once that is known. */
    private @Nullable AtomicReference<@Nullable Status> parked;

    /**
     * @param index of the request queue
     */
    RequestQueue(
            int index,
            TableProfile profile,
            Requests requests,
            Revocation revocation,
            RequestCounters counters,
            DriverLink link,
            Chaos chaos,
            Clock clock) {
        this.index = index;
        this.profile = profile;
        this.requests = requests;
        this.revocation = revocation;
        this.counters = counters;
        this.link = link;
        this.features = profile.negotiated(link.features());
        this.chain = new DescriptorChain(link.memory());
        this.returns = new Returns(chaos, link.memory());
        this.late = new LateRequest(chaos, clock, () -> link.kick(index));
    }

    /** Who hears of requests; null for nobody. */
    void observe(@Nullable CommandObserver commandObserver) {
        observer = commandObserver;
    }

    void serve(Virtqueue queue) {
        resume(queue);
        while (!isWaiting() && queue.next(chain)) {
            serveOne(queue);
        }
        returns.flush(queue);
    }

    private boolean isWaiting() {
        return parked != null || late.isWaiting();
    }

    /** Goes on with the request in {@link #chain} that waits, if it needs to wait no longer. */
    private void resume(Virtqueue queue) {
        AtomicReference<@Nullable Status> waiting = parked;
        if (waiting != null) {
            Status released = waiting.get();
            if (released != null) {
                parked = null;
                completed();
                reply(queue, released);
            }
        } else if (late.isWaiting()) {
            Request due = late.take();
            if (due != null) {
                apply(queue, due);
            }
        }
    }

    private void serveOne(Virtqueue queue) {
        long replyBytes = chain.writableBytes();
        if (chain.readableBytes() < Request.HEAD_BYTES
                || replyBytes < TAIL_BYTES
                || replyBytes > MAX_REPLY_BYTES) {
            giveBack(queue, 0);
            return;
        }
        int sizeBytes = (int) Math.min(chain.readableBytes(), Request.MAX_BYTES);
        if (!chain.read(
                0, sizeBytes == Request.MAX_BYTES ? request : request.asSlice(0, sizeBytes))) {
            giveBack(queue, 0);
            return;
        }
        Request decoded = Request.decode(profile, request, sizeBytes);
        if (!Requests.isKnown(decoded, features)) {
            giveBack(queue, 0);
        } else if (!late.delays(decoded)) {
            apply(queue, decoded);
        }
    }

    private void apply(Virtqueue queue, Request decoded) {
        long replyBytes = chain.writableBytes();
        counters.request(decoded);
        if (observer != null) {
            observer.command(RequestText.of(decoded));
        }
        reply.asSlice(0, replyBytes).fill((byte) 0);
        Outcome outcome = requests.apply(decoded, features, reply, replyBytes - TAIL_BYTES);
        VirtioIommuTrace.request(decoded, outcome.status());
        Status status = outcome.revokes() ? revoked(outcome.status()) : outcome.status();
        if (status != null) {
            reply(queue, status);
        }
    }

    /** The status to reply, if what was revoked is out of use; else parks the queue until then. */
    private @Nullable Status revoked(Status status) {
        var waiting = new AtomicReference<@Nullable Status>();
        parked = waiting;
        revocation.whenDone(end -> {
            waiting.set(status == Status.OK ? end : status);
            link.kick(index);
        });
        Status released = waiting.get();
        if (released != null) {
            parked = null;
            completed();
        }
        return released;
    }

    private void completed() {
        if (observer != null) {
            observer.completed();
        }
    }

    private void reply(Virtqueue queue, Status status) {
        long replyBytes = chain.writableBytes();
        reply.set(ValueLayout.JAVA_BYTE, replyBytes - TAIL_BYTES, status.value());
        boolean written = chain.write(0, reply.asSlice(0, replyBytes));
        giveBack(queue, written ? replyBytes : 0);
    }

    private void giveBack(Virtqueue queue, long writtenBytes) {
        chain = returns.add(queue, chain, writtenBytes);
    }
}
