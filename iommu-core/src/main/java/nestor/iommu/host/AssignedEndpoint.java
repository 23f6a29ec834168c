package nestor.iommu.host;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import nestor.pci.AtsEndpoint;
import nestor.pci.CompletionStatus;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.TranslationAgent;
import nestor.vmm.time.Clock;

/**
 * An assigned function as the guest's IOMMU sees it. Its groups of page requests get a Page Request
 * Group index of the guest's, and the guest's answer goes back with the host's cookie; each group
 * is answered once: by the guest, or here if the IOMMU does not take it, if no answer comes in time
 * or if the function goes. Any thread; no lock is held while others are called.
 */
final class AssignedEndpoint implements AtsEndpoint, HostReports {
    /** How long a guest may take for a page. */
    static final long TIMEOUT_NANOS = 10_000_000_000L;

    private record Waiting(int pasid, int cookie, long deadline) {}

    private final int rid;
    private final HostDevice device;
    private final TranslationAgent agent;
    private final HostEvents events;
    private final HostBinding binding;
    private final Clock clock;
    private final Clock.Timer timer;
    private final Object lock = new Object();
    private final Map<Integer, Waiting> groups = new HashMap<>();
    private int nextIndex;
    private boolean gone;

    AssignedEndpoint(
            int rid,
            HostDevice device,
            TranslationAgent agent,
            HostEvents events,
            HostBinding binding,
            Clock clock) {
        this.rid = rid;
        this.device = device;
        this.agent = agent;
        this.events = events;
        this.binding = binding;
        this.clock = clock;
        this.timer = clock.newTimer(this::expire);
    }

    @Override
    public void event(SmmuV3Event event) {
        events.fault(rid, event);
    }

    @Override
    public void pageGroup(PageGroup group) {
        long deadline = clock.nanos() + TIMEOUT_NANOS;
        int index = take(group, deadline);
        if (index < 0) {
            respond(group.cookie(), false);
            return;
        }
        arm();
        int left = group.pages().size();
        for (Page page : group.pages()) {
            left--;
            var requester = new Requester(rid, group.pasid(), page.privileged());
            var request = new PageRequest(requester, page.iova(), page.access(), index, left == 0);
            if (agent.requestPage(request) != CompletionStatus.SUCCESSFUL) {
                answer(index, group.pasid(), false);
                return;
            }
        }
    }

    /** The index of a group that waits from now on; -1 if it cannot. */
    private int take(PageGroup group, long deadline) {
        synchronized (lock) {
            if (gone || group.pages().isEmpty() || groups.size() >= PageRequest.PRG_INDICES) {
                return -1;
            }
            // The least recently used one: a late answer must not meet another group.
            while (groups.containsKey(nextIndex)) {
                nextIndex = (nextIndex + 1) % PageRequest.PRG_INDICES;
            }
            int index = nextIndex;
            nextIndex = (nextIndex + 1) % PageRequest.PRG_INDICES;
            groups.put(index, new Waiting(group.pasid(), group.cookie(), deadline));
            return index;
        }
    }

    /**
     * What the host is to forget is sent with the rest of the batch, before the invalidation that
     * the guest waits for completes: nothing is left to wait for here.
     */
    @Override
    public void invalidate(InvalidateRequest request, Runnable complete) {
        binding.invalidate(request);
        complete.run();
    }

    /** An answer without PASID is one to a group with PASID too, if its PPR bit says so. */
    @Override
    public void pageResponse(PageResponse response) {
        answer(response.prgIndex(), response.pasid(), response.code() == PageResponse.SUCCESS);
    }

    private void answer(int index, int pasid, boolean resolved) {
        Waiting waiting;
        synchronized (lock) {
            waiting = groups.get(index);
            if (waiting == null || pasid != Requester.NO_PASID && pasid != waiting.pasid) {
                return;
            }
            groups.remove(index);
        }
        respond(waiting.cookie, resolved);
    }

    private void expire() {
        long now = clock.nanos();
        List<Waiting> late = new ArrayList<>();
        synchronized (lock) {
            groups.values().removeIf(waiting -> waiting.deadline <= now && late.add(waiting));
        }
        arm();
        late.forEach(waiting -> respond(waiting.cookie, false));
    }

    /** Wakes up when the first of those that wait is late. */
    private void arm() {
        OptionalLong first;
        synchronized (lock) {
            first = groups.values().stream().mapToLong(Waiting::deadline).min();
        }
        first.ifPresent(timer::arm);
    }

    private void respond(int cookie, boolean resolved) {
        try {
            device.respond(cookie, resolved);
        } catch (HostException e) {
            // The host answered it itself when what it was about was detached.
        }
    }

    @Override
    public void disabled() {
        List<Waiting> open;
        synchronized (lock) {
            gone = true;
            open = List.copyOf(groups.values());
            groups.clear();
        }
        timer.cancel();
        open.forEach(waiting -> respond(waiting.cookie, false));
    }
}
