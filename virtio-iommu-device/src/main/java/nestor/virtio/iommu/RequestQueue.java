package nestor.virtio.iommu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.atomic.AtomicBoolean;
import nestor.pci.Quiescence;
import nestor.virtio.DescriptorChain;
import nestor.virtio.DriverLink;
import nestor.virtio.Virtqueue;
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
    private final AddressSpaces spaces;
    private final Quiescence quiescence;
    private final Properties properties;
    private final DriverLink link;
    private final DescriptorChain chain;
    private final MemorySegment request = Arena.ofAuto().allocate(Request.MAX_BYTES, 8);
    private final MemorySegment reply = Arena.ofAuto().allocate(MAX_REPLY_BYTES, 8);

    /** Set while the request in {@link #chain} waits: whether its reply may go. */
    private @Nullable AtomicBoolean parked;

    /**
     * @param index of the request queue
     */
    RequestQueue(
            int index,
            AddressSpaces spaces,
            Quiescence quiescence,
            Properties properties,
            DriverLink link) {
        this.index = index;
        this.spaces = spaces;
        this.quiescence = quiescence;
        this.properties = properties;
        this.link = link;
        this.chain = new DescriptorChain(link.memory());
    }

    void serve(Virtqueue queue) {
        AtomicBoolean released = parked;
        if (released != null) {
            if (!released.get()) {
                return;
            }
            parked = null;
            reply(queue, Status.OK);
        }
        while (queue.next(chain)) {
            serveOne(queue);
            if (parked != null) {
                return;
            }
        }
    }

    private void serveOne(Virtqueue queue) {
        long replyBytes = chain.writableBytes();
        if (chain.readableBytes() < Request.HEAD_BYTES
                || replyBytes < TAIL_BYTES
                || replyBytes > MAX_REPLY_BYTES) {
            queue.complete(chain, 0);
            return;
        }
        int sizeBytes = (int) Math.min(chain.readableBytes(), Request.MAX_BYTES);
        if (!chain.read(
                0, sizeBytes == Request.MAX_BYTES ? request : request.asSlice(0, sizeBytes))) {
            queue.complete(chain, 0);
            return;
        }
        Request decoded = Request.decode(request, sizeBytes);
        if (!isKnown(decoded)) {
            queue.complete(chain, 0);
            return;
        }
        reply.asSlice(0, replyBytes).fill((byte) 0);
        Outcome outcome = apply(decoded, replyBytes - TAIL_BYTES);
        RequestEvent.emit(decoded, outcome.status());
        if (outcome.revokes() && !isQuiescent()) {
            return;
        }
        reply(queue, outcome.status());
    }

    /** Whether the type exists with the features negotiated. */
    private boolean isKnown(Request decoded) {
        return switch (decoded) {
            case Request.Attach _, Request.Detach _ -> true;
            case Request.Map _, Request.Unmap _ -> link.has(Feature.MAP_UNMAP);
            case Request.Probe _ -> link.has(Feature.PROBE);
            case Request.Truncated(int type) ->
                    switch (type) {
                        case Request.MAP, Request.UNMAP -> link.has(Feature.MAP_UNMAP);
                        case Request.PROBE -> link.has(Feature.PROBE);
                        default -> true;
                    };
            case Request.Unknown _ -> false;
        };
    }

    private Outcome apply(Request decoded, long propertyBytes) {
        return switch (decoded) {
            case Request.Attach attach -> spaces.attach(attach, link.features());
            case Request.Detach detach -> spaces.detach(detach);
            case Request.Map map -> spaces.map(map, link.features());
            case Request.Unmap unmap -> spaces.unmap(unmap);
            case Request.Probe probe -> probe(probe, propertyBytes);
            case Request.Truncated _, Request.Unknown _ -> Outcome.failed(Status.INVAL);
        };
    }

    private Outcome probe(Request.Probe probe, long propertyBytes) {
        if (!spaces.hasEndpoint(probe.endpoint())) {
            return Outcome.failed(Status.NOENT);
        }
        if (properties.sizeBytes() > propertyBytes) {
            return Outcome.failed(Status.INVAL);
        }
        properties.copyTo(reply);
        return Outcome.DONE;
    }

    /** Whether no DMA that entered before now is under way; else parks the queue until then. */
    private boolean isQuiescent() {
        AtomicBoolean released = new AtomicBoolean();
        parked = released;
        quiescence.whenQuiescent(() -> {
            released.set(true);
            link.kick(index);
        });
        if (released.get()) {
            parked = null;
            return true;
        }
        return false;
    }

    private void reply(Virtqueue queue, Status status) {
        long replyBytes = chain.writableBytes();
        reply.set(ValueLayout.JAVA_BYTE, replyBytes - TAIL_BYTES, status.value());
        boolean written = chain.write(0, reply.asSlice(0, replyBytes));
        queue.complete(chain, written ? replyBytes : 0);
    }
}
