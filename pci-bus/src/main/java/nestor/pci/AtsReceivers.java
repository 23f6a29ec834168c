package nestor.pci;

import java.util.ArrayList;
import java.util.List;

/**
 * Who in a function is told of the messages to it, and which invalidations they have still to
 * complete. The lock guards the lists; nothing is called with it held.
 */
final class AtsReceivers {
    /** An Invalidate Request that waits for some of its receivers. */
    private static final class Pending {
        final List<Registered> waiting;
        final Runnable complete;

        Pending(List<Registered> waiting, Runnable complete) {
            this.waiting = new ArrayList<>(waiting);
            this.complete = complete;
        }
    }

    private final class Registered implements AtsPort.Registration {
        final int pasid;
        final AtsEndpoint endpoint;

        Registered(int pasid, AtsEndpoint endpoint) {
            this.pasid = pasid;
            this.endpoint = endpoint;
        }

        boolean isFor(int ofPasid) {
            return pasid == ofPasid || pasid == AtsPort.ALL_PASIDS;
        }

        @Override
        public void close() {
            List<Runnable> completed = new ArrayList<>();
            synchronized (lock) {
                registrations.remove(this);
                for (Pending request : List.copyOf(pending)) {
                    if (takeOff(request, this)) {
                        completed.add(request.complete);
                    }
                }
            }
            completed.forEach(Runnable::run);
        }
    }

    private final Object lock = new Object();
    private final boolean honoursGlobal;
    private final List<Registered> registrations = new ArrayList<>();
    private final List<Pending> pending = new ArrayList<>();
    private boolean enabled;

    /** Whether a translation for every PASID of the function may be cached somewhere. */
    private boolean globalCached;

    /**
     * @param honoursGlobal Global Invalidate Supported
     */
    AtsReceivers(boolean honoursGlobal) {
        this.honoursGlobal = honoursGlobal;
    }

    AtsPort.Registration register(int pasid, AtsEndpoint endpoint) {
        Registered registered = new Registered(pasid, endpoint);
        synchronized (lock) {
            registrations.add(registered);
        }
        return registered;
    }

    void enable() {
        synchronized (lock) {
            enabled = true;
        }
    }

    /**
     * From now on invalidations with a PASID concern those of other PASIDs too.
     *
     * @return whether they did not so far: then a Global entry that is on its way may have missed
     *     one
     */
    boolean globalCached() {
        synchronized (lock) {
            boolean first = !globalCached;
            globalCached = true;
            return first;
        }
    }

    void invalidate(InvalidateRequest request, Runnable complete) {
        InvalidateRequest seen = honoursGlobal ? request : request.withoutGlobal();
        List<Registered> addressed = new ArrayList<>();
        Pending waits;
        synchronized (lock) {
            for (Registered registered : registrations) {
                if (enabled && concerns(seen, registered)) {
                    addressed.add(registered);
                }
            }
            waits = new Pending(addressed, complete);
            if (!addressed.isEmpty()) {
                pending.add(waits);
            }
        }
        if (addressed.isEmpty()) {
            complete.run();
        }
        for (Registered registered : addressed) {
            registered.endpoint.invalidate(seen, () -> completedBy(waits, registered));
        }
    }

    /** A response to a group; its PASID is the group's. */
    void answer(PageResponse response) {
        List<Registered> addressed;
        synchronized (lock) {
            addressed = registrations.stream().filter(r -> r.isFor(response.pasid())).toList();
        }
        addressed.forEach(registered -> registered.endpoint.pageResponse(response));
    }

    /**
     * ATS is disabled: nothing is cached any more, so nothing needs to be waited for.
     *
     * @return what is to be run, without any lock, to tell everybody
     */
    Runnable disable() {
        synchronized (lock) {
            enabled = false;
            globalCached = false;
            List<Registered> all = List.copyOf(registrations);
            List<Pending> over = List.copyOf(pending);
            pending.clear();
            over.forEach(request -> request.waiting.clear());
            return () -> {
                all.forEach(registered -> registered.endpoint.disabled());
                over.forEach(request -> request.complete.run());
            };
        }
    }

    private boolean concerns(InvalidateRequest request, Registered registered) {
        return !request.hasPasid()
                || request.global()
                || globalCached
                || registered.isFor(request.pasid());
    }

    private void completedBy(Pending request, Registered registered) {
        boolean last;
        synchronized (lock) {
            last = takeOff(request, registered);
        }
        if (last) {
            request.complete.run();
        }
    }

    /** Whether {@code registered} was the last that {@code request} waited for. */
    private boolean takeOff(Pending request, Registered registered) {
        return request.waiting.remove(registered)
                && request.waiting.isEmpty()
                && pending.remove(request);
    }
}
