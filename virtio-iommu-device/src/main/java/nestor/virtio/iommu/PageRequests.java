package nestor.virtio.iommu;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import nestor.iommu.AtsRoute;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.virtio.iommu.TableRequest.ResponseCode;
import org.jspecify.annotations.Nullable;

/**
 * Page Request Groups (PCIe Base §10.4) on their way to the driver and back. A group is reported
 * once it is complete, so that the driver never has part of one; every group that came in is
 * answered, by the driver or here. Any thread; endpoints are called with no lock held.
 */
final class PageRequests {
    /** Requests that are not reported yet. */
    static final int MAX_HELD = 1024;

    /** Groups, those included that the driver has to answer. */
    static final int MAX_GROUPS = 4096;

    private enum State {
        /** The last request has not come. */
        OPEN,
        /** Waits for the driver's buffers. */
        QUEUED,
        /** Reported. */
        TOLD
    }

    private static final class Group {
        final int endpoint;
        final int pasid;
        final int index;
        final Deque<PageRequest> untold = new ArrayDeque<>();
        State state = State.OPEN;

        /** Whether a request of it did not fit. */
        boolean spilled;

        Group(PageRequest first) {
            this.endpoint = first.requester().rid();
            this.pasid = first.requester().pasid();
            this.index = first.prgIndex();
        }

        PageResponse response(int code) {
            return new PageResponse(endpoint, pasid, index, code);
        }
    }

    private final AtsRoute route;
    private final Object lock = new Object();
    private final Map<Integer, Group> groups = new HashMap<>();
    private final Deque<Group> queued = new ArrayDeque<>();
    private int held;
    private @Nullable Runnable kick;

    PageRequests(AtsRoute route) {
        this.route = route;
    }

    /**
     * Takes requests from now on.
     *
     * @param newKick has the event queue served
     */
    void start(Runnable newKick) {
        synchronized (lock) {
            kick = newKick;
        }
    }

    /** Fails what is open, and takes no more. */
    void stop() {
        List<PageResponse> answers = new ArrayList<>();
        synchronized (lock) {
            kick = null;
            groups.values()
                    .forEach(group -> answers.add(group.response(PageResponse.RESPONSE_FAILURE)));
            groups.clear();
            queued.clear();
            held = 0;
        }
        answers.forEach(this::answer);
    }

    /**
     * Takes a request. One too many makes its group end as an invalid request: an endpoint that is
     * told to try again would do so at once.
     *
     * @return false if page requests are not taken at all
     */
    boolean take(PageRequest request) {
        PageResponse answer = null;
        Runnable serve = null;
        synchronized (lock) {
            if (kick == null) {
                return false;
            }
            if (request.isStopMarker()) {
                return true; // needs no answer, and no report has room for it
            }
            Group group = group(request);
            if (group == null) {
                answer = request.last() ? spilled(request) : null;
            } else {
                if (held < MAX_HELD) {
                    group.untold.add(request);
                    held++;
                } else {
                    group.spilled = true;
                }
                if (request.last() && group.spilled) {
                    remove(group);
                    answer = group.response(PageResponse.INVALID_REQUEST);
                } else if (request.last()) {
                    group.state = State.QUEUED;
                    queued.add(group);
                    serve = kick;
                }
            }
        }
        if (answer != null) {
            answer(answer);
        }
        if (serve != null) {
            serve.run();
        }
        return true;
    }

    private static PageResponse spilled(PageRequest request) {
        return new Group(request).response(PageResponse.INVALID_REQUEST);
    }

    /** The open group of a request; null if there are too many. */
    private @Nullable Group group(PageRequest request) {
        int key = key(request.requester().rid(), request.prgIndex());
        Group group = groups.get(key);
        if (group != null
                && group.state == State.OPEN
                && group.pasid == request.requester().pasid()) {
            return group;
        }
        if (group != null) {
            remove(group); // the endpoint was reset meanwhile: it uses its index again
        }
        if (groups.size() >= MAX_GROUPS) {
            return null;
        }
        Group opened = new Group(request);
        groups.put(key, opened);
        return opened;
    }

    private static int key(int endpoint, int index) {
        return endpoint * PageRequest.PRG_INDICES + index;
    }

    private void remove(Group group) {
        groups.remove(key(group.endpoint, group.index));
        queued.remove(group);
        held -= group.untold.size();
    }

    /** The next request to report; null if there is none. */
    @Nullable PageRequest next() {
        synchronized (lock) {
            Group group = queued.peek();
            return group == null ? null : group.untold.peek();
        }
    }

    /** {@code request}, which was next, is reported. */
    void told(PageRequest request) {
        synchronized (lock) {
            Group group = queued.peek();
            if (group == null || !request.equals(group.untold.peek())) {
                return; // it left meanwhile
            }
            group.untold.remove();
            held--;
            if (group.untold.isEmpty()) {
                queued.remove();
                group.state = State.TOLD;
            }
        }
    }

    /** {@code request}, which was next, cannot be reported: its group fails. */
    void fail(PageRequest request) {
        PageResponse answer;
        synchronized (lock) {
            Group group = queued.peek();
            if (group == null || !request.equals(group.untold.peek())) {
                return;
            }
            remove(group);
            answer = group.response(PageResponse.RESPONSE_FAILURE);
        }
        answer(answer);
    }

    /** The driver's answer; false if there is no such group to answer. */
    boolean respond(TableRequest.PageResponse request, ResponseCode code) {
        PageResponse answer;
        synchronized (lock) {
            if (request.group() < 0
                    || request.group() >= PageRequest.PRG_INDICES
                    || request.endpoint() < 0
                    || request.endpoint() > 0xffff) {
                return false;
            }
            Group group = groups.get(key(request.endpoint(), request.group()));
            if (group == null
                    || group.state != State.TOLD
                    || request.hasPasid() && request.pasid() != group.pasid) {
                return false;
            }
            remove(group);
            answer =
                    group.response(
                            switch (code) {
                                case SUCCESS -> PageResponse.SUCCESS;
                                case INVALID -> PageResponse.INVALID_REQUEST;
                                case FAILURE -> PageResponse.RESPONSE_FAILURE;
                            });
        }
        answer(answer);
        return true;
    }

    /**
     * An endpoint has left the tables its requests are about. That of a function as a whole fails
     * them, which stops the function; that of one PASID must not stop the others.
     */
    void left(int endpoint, int pasid) {
        boolean whole = pasid == Requester.NO_PASID;
        int code = whole ? PageResponse.RESPONSE_FAILURE : PageResponse.INVALID_REQUEST;
        List<PageResponse> answers = new ArrayList<>();
        synchronized (lock) {
            for (Iterator<Group> all = groups.values().iterator(); all.hasNext(); ) {
                Group group = all.next();
                if (group.endpoint == endpoint && (whole || group.pasid == pasid)) {
                    all.remove();
                    queued.remove(group);
                    held -= group.untold.size();
                    answers.add(group.response(code));
                }
            }
        }
        answers.forEach(this::answer);
    }

    private void answer(PageResponse response) {
        route.endpoint(response.rid()).ifPresent(endpoint -> endpoint.pageResponse(response));
    }
}
