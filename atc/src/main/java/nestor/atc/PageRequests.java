package nestor.atc;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Stream;
import nestor.pci.AtsEndpoint;
import nestor.pci.AtsPort.PageRequestOutcome;
import nestor.pci.AtsPort;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.vmm.loop.DeviceLoop;
import org.jspecify.annotations.Nullable;

/**
 * The requesting side of the Page Request Interface (PCIe Base 6.0, §10.4): groups of page
 * requests, each answered once.
 *
 * <p>A group may be cut short: the request that uses up the Outstanding Page Request Allocation
 * says L, and the pages behind it are not asked for. Whoever asked requests the translations of all
 * its pages again anyway, for a response carries none, and asks for what is still missing.
 *
 * <p>A function has one of these: the allocation and the PRG indices are the function's. Methods
 * may be called on any thread and never wait; the work is done, and outcomes are told, on the loop.
 */
public final class PageRequests implements AtsEndpoint, AutoCloseable {
    /** Groups that may wait for credit or for an index; more are refused. */
    static final int MAX_WAITING = 1024;

    /**
     * A page to be made accessible.
     *
     * @param iova any address in it
     * @param access {@link nestor.pci.Translation} bits; EXECUTE needs READ beside it
     */
    public record Page(long iova, int access) {}

    /** How a group ended. */
    public enum Outcome {
        /** Request the translations again; they may still lack permissions. */
        SUCCESS,
        /** A page of the group does not exist, or not with that access. */
        INVALID_REQUEST,
        /**
         * The interface failed, with this group or another, and is off until software restarts it.
         */
        RESPONSE_FAILURE,
        /** The function may not send page requests, or not of this requester. */
        NOT_PERMITTED,
        /** Too many groups wait, or the credit is in the hands of others. */
        NO_CREDIT,
        /** Its PASID was stopped. */
        STOPPED,
        /** ATS was disabled, or the function reset. */
        DISABLED
    }

    private final AtsPort port;
    private final DeviceLoop loop;
    private final AtomicLong disables = new AtomicLong();
    private AtsPort.@Nullable Registration registration;

    // The rest belongs to the loop.

    /** By index: those that have one, until their response. */
    private final @Nullable Group[] groups = new @Nullable Group[PageRequest.PRG_INDICES];

    /** Those with members left to send, in order. */
    private final Deque<Group> waiting = new ArrayDeque<>();

    private final List<Stop> stops = new ArrayList<>();
    private int nextIndex;
    private int creditUsed;

    private PageRequests(AtsPort port, DeviceLoop loop) {
        this.port = port;
        this.loop = loop;
    }

    /** Registered at {@code port} for the responses of every PASID. */
    public static PageRequests on(AtsPort port, DeviceLoop loop) {
        PageRequests requests = new PageRequests(port, loop);
        requests.registration = port.register(AtsPort.ALL_PASIDS, requests);
        return requests;
    }

    /** Ends every group as {@link Outcome#DISABLED} and leaves the port. */
    @Override
    public void close() {
        if (registration != null) {
            registration.close();
        }
        disabled();
    }

    /**
     * Requests pages as one group.
     *
     * @param pages at least one
     * @param ended told once, on the loop
     */
    public void request(Requester requester, List<Page> pages, Consumer<Outcome> ended) {
        if (pages.isEmpty()) {
            throw new IllegalArgumentException("a group has a page");
        }
        Group group = new Group(requester, List.copyOf(pages), ended, disables.get());
        loop.post(() -> take(group));
    }

    /**
     * Stops a PASID without a marker (§10.4.1.2): its groups that wait end as {@link
     * Outcome#STOPPED}, those sent are waited for. Until then new ones of it end as STOPPED.
     *
     * @param stopped run on the loop when none of its requests is outstanding
     */
    public void stop(int pasid, Runnable stopped) {
        loop.post(() -> {
            stops.add(new Stop(pasid, stopped));
            end(group -> group.pasid() == pasid && group.sent == 0, Outcome.STOPPED);
        });
    }

    /**
     * Stops a PASID with a Stop Marker (§10.4.1.2): all its groups end as {@link Outcome#STOPPED}
     * at once; the indices of those sent stay taken until their responses come.
     *
     * @param stopped told on the loop what became of the marker
     */
    public void stopWithMarker(Requester requester, Consumer<PageRequestOutcome> stopped) {
        loop.post(() -> {
            end(group -> group.pasid() == requester.pasid(), Outcome.STOPPED);
            stopped.accept(port.stopMarker(requester));
        });
    }

    @Override
    public void pageResponse(PageResponse response) {
        loop.post(() -> answer(response));
    }

    @Override
    public void disabled() {
        long number = disables.incrementAndGet();
        loop.post(() -> endBefore(number));
    }

    /** Nothing of what this holds is a translation. */
    @Override
    public void invalidate(InvalidateRequest request, Runnable complete) {
        complete.run();
    }

    private void take(Group group) {
        if (group.disables != disables.get()) {
            group.end(Outcome.DISABLED);
        } else if (stops.stream().anyMatch(stop -> stop.pasid() == group.pasid())) {
            group.end(Outcome.STOPPED);
        } else if (waiting.size() >= MAX_WAITING) {
            group.end(Outcome.NO_CREDIT);
        } else {
            waiting.add(group);
            send();
        }
    }

    /**
     * Sends what can be sent, in order. What the port answers meanwhile, the loop takes up later.
     */
    private void send() {
        while (!waiting.isEmpty() && advance(waiting.getFirst())) {
            waiting.removeFirst();
        }
        List<Stop> over = stops.stream().filter(stop -> !isUnderWay(stop.pasid())).toList();
        stops.removeAll(over);
        over.forEach(stop -> stop.stopped().run());
    }

    /**
     * Sends members of a group. One that has ended meanwhile, and is open, is closed by its next
     * member, for nothing else brings its response.
     *
     * @return whether there is no more to send
     */
    private boolean advance(Group group) {
        while (!group.closed) {
            long allocation = Integer.toUnsignedLong(port.pageRequestAllocation());
            if (!port.pageRequestsEnabled() || allocation == 0) {
                return refuse(group, Outcome.NOT_PERMITTED);
            }
            if (creditUsed >= allocation || group.index < 0 && !takeIndex(group)) {
                return false;
            }
            boolean last = group.ended || group.isAtLastPage() || creditUsed + 1 >= allocation;
            switch (sendMember(group, last)) {
                case SENT -> {
                    creditUsed++;
                    group.sent++;
                    group.closed = last;
                }
                case GROUP_BUSY -> {
                    group.busyIndices++;
                    if (group.sent > 0 || group.busyIndices == PageRequest.PRG_INDICES) {
                        return refuse(group, Outcome.NO_CREDIT);
                    }
                    releaseIndex(group);
                }
                case NO_CREDIT -> {
                    // Ours comes back with the next response; with none due, it is others' credit.
                    return creditUsed == 0 && refuse(group, Outcome.NO_CREDIT);
                }
                case NOT_PERMITTED -> {
                    return refuse(group, Outcome.NOT_PERMITTED);
                }
            }
        }
        return true;
    }

    private PageRequestOutcome sendMember(Group group, boolean last) {
        Page page = group.pages.get(group.sent);
        return port.requestPage(group.requester, page.iova(), page.access(), group.index, last);
    }

    private boolean refuse(Group group, Outcome outcome) {
        if (group.sent == 0) {
            releaseIndex(group);
        }
        group.end(outcome);
        return true;
    }

    /** The next index, 0..511 around, that no group has. */
    private boolean takeIndex(Group group) {
        for (int n = 0; n < PageRequest.PRG_INDICES; n++) {
            int index = (nextIndex + n) % PageRequest.PRG_INDICES;
            if (groups[index] == null) {
                groups[index] = group;
                group.index = index;
                nextIndex = (index + 1) % PageRequest.PRG_INDICES;
                return true;
            }
        }
        return false;
    }

    private void releaseIndex(Group group) {
        if (group.index >= 0) {
            groups[group.index] = null;
            group.index = -1;
        }
    }

    /** A response that is for no group of ours may still have brought credit. */
    private void answer(PageResponse response) {
        Group group = groups[response.prgIndex()];
        if (group != null && group.sent > 0) {
            creditUsed -= group.sent;
            releaseIndex(group);
            waiting.remove(group);
            group.end(outcome(response.code()));
        }
        send();
    }

    /** Reserved codes mean failure (PCIe Base §10.4.2.1). */
    private static Outcome outcome(int code) {
        return switch (code) {
            case PageResponse.SUCCESS -> Outcome.SUCCESS;
            case PageResponse.INVALID_REQUEST -> Outcome.INVALID_REQUEST;
            default -> Outcome.RESPONSE_FAILURE;
        };
    }

    /** Ends all groups asked for before; the indices of those sent are the function's to free. */
    private void endBefore(long number) {
        end(group -> group.disables < number, Outcome.DISABLED);
    }

    private void end(Predicate<Group> which, Outcome outcome) {
        for (Group group : groups) {
            if (group != null && which.test(group)) {
                group.end(outcome);
            }
        }
        List<Group> unsent =
                waiting.stream().filter(group -> group.sent == 0 && which.test(group)).toList();
        waiting.removeAll(unsent);
        unsent.forEach(group -> refuse(group, outcome));
        send();
    }

    private boolean isUnderWay(int pasid) {
        return Stream.concat(Stream.of(groups), waiting.stream())
                .anyMatch(group -> group != null && group.pasid() == pasid);
    }

    private record Stop(int pasid, Runnable stopped) {}

    /** From {@link #request} to the response. */
    private static final class Group {
        final Requester requester;
        final List<Page> pages;
        final long disables;
        private final Consumer<Outcome> whenEnded;

        int index = -1;
        int sent;
        int busyIndices;

        /** The last member sent said L. */
        boolean closed;

        boolean ended;

        Group(Requester requester, List<Page> pages, Consumer<Outcome> whenEnded, long disables) {
            this.requester = requester;
            this.pages = pages;
            this.whenEnded = whenEnded;
            this.disables = disables;
        }

        int pasid() {
            return requester.pasid();
        }

        boolean isAtLastPage() {
            return sent + 1 == pages.size();
        }

        void end(Outcome outcome) {
            if (!ended) {
                ended = true;
                whenEnded.accept(outcome);
            }
        }
    }
}
