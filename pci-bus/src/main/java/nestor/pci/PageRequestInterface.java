package nestor.pci;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntSupplier;
import nestor.pci.AtsPort.PageRequestOutcome;
import org.jspecify.annotations.Nullable;

/**
 * A function's Page Request Interface (PCIe Base §10.4): groups, credit, and the states of the
 * capability's registers.
 *
 * <p>Every group that was opened is answered to the function's receivers exactly once: by its PRG
 * Response, or by a Response Failure made here when the interface stops (disabled, reset, failed).
 * A group whose receivers have been answered that way still counts as outstanding until its
 * response arrives, which is what Stopped tells software; only a reset forgets it.
 *
 * <p>The lock guards the books. Nothing is called with it held.
 */
final class PageRequestInterface {
    /** The way to the translation agent. */
    @FunctionalInterface
    interface Upstream {
        CompletionStatus send(PageRequest request);
    }

    /** Requests of one PRG index, from the first to the response. */
    private static final class Group {
        final int pasid;
        int requests;
        boolean closed;
        boolean answered;

        Group(int pasid) {
            this.pasid = pasid;
        }
    }

    private final PriCapability capability;
    private final IntSupplier rid;
    private final Upstream upstream;
    private final Consumer<PageResponse> answer;

    private final Object lock = new Object();
    private final @Nullable Group[] groups = new @Nullable Group[PageRequest.PRG_INDICES];
    private int outstanding;
    private boolean enabled;
    private long allocation;

    /** From a failed response until software clears Enable. */
    private boolean failed;

    /**
     * @param rid of the function, now
     * @param upstream where requests go
     * @param answer to who is registered for the response's PASID
     */
    PageRequestInterface(
            PriCapability capability,
            IntSupplier rid,
            Upstream upstream,
            Consumer<PageResponse> answer) {
        this.capability = capability;
        this.rid = rid;
        this.upstream = upstream;
        this.answer = answer;
        capability.onAccess(this::written, this::stopped);
    }

    boolean active() {
        synchronized (lock) {
            return mayRequest();
        }
    }

    int allocation() {
        synchronized (lock) {
            return credit();
        }
    }

    /**
     * Sends one member of a group.
     *
     * @param copies what goes before it, if there is credit for all: the same without L
     */
    PageRequestOutcome request(PageRequest request, int copies) {
        int sent = 1;
        synchronized (lock) {
            if (!mayRequest()) {
                return PageRequestOutcome.NOT_PERMITTED;
            }
            Group group = groups[request.prgIndex()];
            int pasid = request.requester().pasid();
            if (group != null && (group.closed || group.answered || group.pasid != pasid)) {
                return PageRequestOutcome.GROUP_BUSY;
            }
            if (outstanding >= credit()) {
                return PageRequestOutcome.NO_CREDIT;
            }
            if (group == null) {
                group = new Group(pasid);
                groups[request.prgIndex()] = group;
            }
            if (outstanding + copies < credit()) {
                sent += copies;
            }
            group.requests += sent;
            group.closed = request.last();
            outstanding += sent;
        }
        for (int copy = 1; copy < sent; copy++) {
            upstream.send(request.withoutLast());
        }
        if (upstream.send(request) != CompletionStatus.SUCCESSFUL) {
            refused(request);
        }
        return PageRequestOutcome.SENT;
    }

    /** Nobody upstream takes page requests. */
    void refused(PageRequest request) {
        if (!request.isStopMarker()) {
            respond(
                    new PageResponse(
                            request.requester().rid(),
                            request.requester().pasid(),
                            request.prgIndex(),
                            PageResponse.RESPONSE_FAILURE));
        }
    }

    /** Whether no group of {@code pasid} is outstanding. */
    boolean isIdle(int pasid) {
        synchronized (lock) {
            for (Group group : groups) {
                if (group != null && group.pasid == pasid) {
                    return false;
                }
            }
            return true;
        }
    }

    /** Gives up on every group, and answers it so. */
    void fail() {
        List<PageResponse> answers;
        synchronized (lock) {
            answers = failures();
        }
        answers.forEach(answer);
    }

    /** Sends a Stop Marker: no group, no credit, no answer. */
    PageRequestOutcome stopMarker(PageRequest marker) {
        if (!active()) {
            return PageRequestOutcome.NOT_PERMITTED;
        }
        upstream.send(marker);
        return PageRequestOutcome.SENT;
    }

    /** A PRG Response arrives. */
    void respond(PageResponse response) {
        List<PageResponse> answers = new ArrayList<>();
        synchronized (lock) {
            Group group = groups[response.prgIndex()];
            if (group == null || !matches(group, response)) {
                if (enabled) {
                    capability.setUnexpectedIndex();
                }
                return;
            }
            groups[response.prgIndex()] = null;
            outstanding -= group.requests;
            if (group.answered) {
                return;
            }
            boolean failure = isFailure(response.code());
            int code = failure ? PageResponse.RESPONSE_FAILURE : response.code();
            answers.add(response(group, response.prgIndex(), code));
            if (failure) {
                capability.setResponseFailure();
                failed = true;
                answers.addAll(failures());
            }
        }
        answers.forEach(answer);
    }

    /** Function Level Reset, and every reset that includes it: registers are fresh already. */
    void reset() {
        List<PageResponse> answers;
        synchronized (lock) {
            enabled = false;
            failed = false;
            allocation = 0;
            answers = forget();
        }
        answers.forEach(answer);
    }

    /**
     * Control or Allocation was written. Allocation changes only while Enable is clear. Reset acts
     * if Enable is clear after the write that sets it (§10.5.2.2: clear, or being cleared).
     */
    private void written() {
        List<PageResponse> answers = List.of();
        synchronized (lock) {
            boolean before = enabled;
            enabled = capability.enable();
            if (before && capability.allocation() != allocation) {
                PciTrace.misused(
                        rid.getAsInt(),
                        "Outstanding Page Request Allocation is written while Enable is set",
                        "§10.5.2.5");
            }
            if (before) {
                capability.allocation(allocation);
            } else {
                allocation = capability.allocation();
            }
            boolean reset = capability.takeReset();
            if (reset && enabled) {
                PciTrace.misused(
                        rid.getAsInt(), "PRI Reset is written while Enable is set", "§10.5.2.2");
            }
            if (!enabled) {
                failed = false;
                answers = reset ? forget() : failures();
            }
        }
        answers.forEach(answer);
    }

    private boolean stopped() {
        synchronized (lock) {
            return !enabled && outstanding == 0;
        }
    }

    private boolean mayRequest() {
        return enabled && !failed && !capability.responseFailed();
    }

    private int credit() {
        return (int) Math.min(allocation, capability.options().capacity());
    }

    /**
     * Whether a response belongs to the group with its index. One with another PASID does not; one
     * without, where PRG Response PASID Required says there must be one, does only if it reports a
     * failure: an agent whose page request queue is off fails requests without looking further.
     */
    private boolean matches(Group group, PageResponse response) {
        if (response.pasid() != Requester.NO_PASID) {
            return response.pasid() == group.pasid;
        }
        return group.pasid == Requester.NO_PASID
                || !capability.options().responsePasidRequired()
                || isFailure(response.code());
    }

    /** Response Failure; the reserved codes mean the same (§10.4.2.1). */
    private static boolean isFailure(int code) {
        return code != PageResponse.SUCCESS && code != PageResponse.INVALID_REQUEST;
    }

    private List<PageResponse> forget() {
        List<PageResponse> answers = failures();
        for (int index = 0; index < groups.length; index++) {
            groups[index] = null;
        }
        outstanding = 0;
        return answers;
    }

    /** Gives up on every group: what its receivers are told. */
    private List<PageResponse> failures() {
        List<PageResponse> answers = new ArrayList<>();
        for (int index = 0; index < groups.length; index++) {
            Group group = groups[index];
            if (group != null && !group.answered) {
                group.answered = true;
                answers.add(response(group, index, PageResponse.RESPONSE_FAILURE));
            }
        }
        return answers;
    }

    private PageResponse response(Group group, int index, int code) {
        return new PageResponse(rid.getAsInt(), group.pasid, index, code);
    }
}
