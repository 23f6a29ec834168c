package nestor.testkit;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import nestor.hostsim.SimulatedDevice;
import nestor.hostsim.SimulatedDevice.Attachment;
import nestor.hostsim.SimulatedHost;
import nestor.iommu.host.HostException;
import nestor.iommufd.IommufdHost;
import nestor.paging.Permissions;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.testkit.ModelDriver.QueuedRequest;
import nestor.vmm.memory.GuestAccessException;
import org.jspecify.annotations.Nullable;

/**
 * A guest, the host that its function is assigned from, and what the function's DMA must see. The
 * function does DMA with every PASID after each call that the host is asked, and after each step of
 * the guest's. At any time it sees what its PASID was bound to before the step, or is after it, or
 * is aborted; after the step it sees what the guest means, or it is aborted and the guest was told.
 *
 * <p>The address that it uses is that of a page of RAM too, with a value of its own: a function
 * that passes untranslated shows.
 */
final class AssignedWorld {
    static final int PASIDS = 7;

    private static final String PATH = "/dev/vfio/devices/vfio0";
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;
    private static final long IDENTITY = 0xbad;
    private static final long[] VALUES = {0x1111, 0x2222};

    final AssignedGuest guest;
    final HostCalls calls;
    final SimulatedDevice device;
    private final SimulatedHost kernel = new SimulatedHost();
    private final long iova;
    private @Nullable IommufdHost host;
    private boolean assigned;
    private boolean mayBypass;

    /** By PASID: the space it is bound to. */
    private final Map<Integer, Integer> bound = new HashMap<>();

    private final Set<Integer> unmapped = new HashSet<>();

    /** By PASID: what its DMA may see besides being aborted. */
    private final Map<Integer, Set<Long>> allowed = new HashMap<>();

    /** PASIDs that may be aborted, or of which something may be cached: the guest knows. */
    private final Set<Integer> told = new TreeSet<>();

    private int requests;

    AssignedWorld(AssignedGuest guest) {
        this.guest = guest;
        this.device = guest.device(kernel, PATH);
        this.iova = guest.page(2);
        this.calls = new HostCalls(kernel);
        store(iova, IDENTITY);
        for (int space = 0; space < VALUES.length; space++) {
            store(guest.page(space), VALUES[space]);
            map(space);
        }
        calls.afterEachCall(this::probe);
    }

    private void store(long gpa, long value) {
        try {
            guest.memory().setLongLe(gpa, value);
        } catch (GuestAccessException e) {
            throw new AssertionError(e);
        }
    }

    private void map(int space) {
        guest.tables(space).map(iova, guest.page(space), 12, READ_WRITE);
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    private Set<Long> meant(int pasid) {
        Integer space = bound.get(pasid);
        return space == null || unmapped.contains(space) ? Set.of() : Set.of(VALUES[space]);
    }

    private void probe() {
        for (int pasid = 1; pasid <= PASIDS; pasid++) {
            OptionalLong seen = device.load(pasid, iova);
            if (seen.isPresent()) {
                long value = seen.getAsLong();
                check(
                        allowed.getOrDefault(pasid, Set.of()).contains(value),
                        "DMA of PASID %d sees 0x%x".formatted(pasid, value));
            }
        }
        OptionalLong plain = device.load(Requester.NO_PASID, iova);
        check(
                mayBypass || plain.isEmpty() || plain.getAsLong() != IDENTITY,
                "DMA without PASID passes untranslated");
    }

    /** Something the guest does about {@code pasids}; then all of them are as it means. */
    private void step(Runnable action, Runnable meaning, Set<Integer> pasids) {
        for (int pasid : pasids) {
            allow(pasid, meant(pasid));
        }
        meaning.run();
        for (int pasid : pasids) {
            allow(pasid, meant(pasid));
        }
        action.run();
        AssignedGuest.Refusal refusal = guest.takeRefusal();
        if (refusal != AssignedGuest.Refusal.NONE) {
            told.addAll(all());
        }
        if (refusal == AssignedGuest.Refusal.NOT_FORGOTTEN) {
            action.run();
            check(guest.takeRefusal() == AssignedGuest.Refusal.NONE, "a second refusal");
        }
        pasids.forEach(pasid -> allowed.put(pasid, new HashSet<>(meant(pasid))));
        probe();
        all().forEach(this::settle);
    }

    private void allow(int pasid, Set<Long> values) {
        allowed.computeIfAbsent(pasid, _ -> new HashSet<>()).addAll(values);
    }

    /** It works; or it is aborted, and the guest was told. */
    private void settle(int pasid) {
        OptionalLong seen = device.load(pasid, iova);
        Set<Long> now = seen.isPresent() ? Set.of(seen.getAsLong()) : Set.of();
        boolean known = now.isEmpty() && told.contains(pasid);
        check(
                known || now.equals(meant(pasid)),
                "PASID %d is to see %s, sees %s, and nobody was told"
                        .formatted(pasid, meant(pasid), now));
    }

    private static Set<Integer> all() {
        Set<Integer> all = new TreeSet<>();
        for (int pasid = 1; pasid <= PASIDS; pasid++) {
            all.add(pasid);
        }
        return all;
    }

    /** Opens the host and gives the function to the guest; again, if the host failed. */
    void assign() {
        for (int attempt = 0; !assigned; attempt++) {
            int files = kernel.openFiles();
            int objects = kernel.objects();
            try {
                open().add(guest.rid(), PATH);
                guest.assign(open());
                assigned = true;
            } catch (HostException e) {
                check(attempt == 0, "a second refusal: " + e);
                if (host == null) {
                    check(kernel.openFiles() == files, "files are left");
                    check(kernel.objects() == objects, "objects are left");
                }
            }
        }
        check(guest.takeRefusal() == AssignedGuest.Refusal.NONE, "nothing was asked for yet");
    }

    private IommufdHost open() throws HostException {
        IommufdHost now = host;
        if (now == null) {
            now = IommufdHost.open(calls.system(), guest.memory());
            host = now;
        }
        return now;
    }

    void unassign() {
        step(guest::unassign, bound::clear, all());
        assigned = false;
        told.clear();
    }

    void attach() {
        step(guest::attach, () -> {}, all());
        mayBypass = false;
    }

    void detach() {
        step(guest::detach, bound::clear, all());
    }

    void changeContext() {
        step(guest::changeContext, () -> {}, all());
    }

    void bind(int pasid, int space) {
        step(() -> guest.bind(pasid, space), () -> bound.put(pasid, space), Set.of(pasid));
    }

    void unbind(int pasid) {
        step(() -> guest.unbind(pasid), () -> bound.remove(pasid), Set.of(pasid));
    }

    /** The page goes from an address space, and from the caches of all PASIDs that have it. */
    void unmap(int space) {
        Set<Integer> users = new TreeSet<>(bound.keySet());
        users.removeIf(pasid -> bound.getOrDefault(pasid, -1) != space);
        guest.tables(space).unmap(iova);
        step(
                () -> users.forEach(pasid -> guest.invalidate(pasid, iova)),
                () -> unmapped.add(space),
                users);
    }

    /** The page comes back: nothing of it is cached. */
    void remap(int space) {
        unmapped.remove(space);
        bound.keySet().forEach(pasid -> allow(pasid, meant(pasid)));
        map(space);
    }

    void reset() {
        mayBypass |= guest.resetsToBypass();
        step(guest::reset, bound::clear, all());
    }

    /** Whatever went wrong before, it works from here on. */
    void recover() {
        Map<Integer, Integer> meant = new HashMap<>(bound);
        attach();
        meant.forEach(this::bind);
        told.clear();
        all().forEach(this::settle);
    }

    /** The function asks for a page, if what it is attached to takes requests. */
    void requestPage(int pasid, int group) {
        if (device.requestPage(pasid, group, iova + 0x5000, 1)) {
            requests++;
        }
    }

    /** Takes what the host reports to the guest; again, if the host failed. */
    void poll() {
        for (int attempt = 0; attempt < 2; attempt++) {
            try {
                if (host != null) {
                    host.poll();
                }
                guest.takeRefusal(); // hardware's own faults, if anything: there was no request
                return;
            } catch (HostException e) {
                check(attempt == 0, "a second refusal: " + e);
            }
        }
    }

    /** The guest answers the oldest page request, if it got one. */
    Optional<QueuedRequest> answer(int code) {
        Optional<QueuedRequest> request = guest.takePageRequest();
        request.ifPresent(last -> guest.respond(last, code));
        guest.takeRefusal();
        return request;
    }

    /** Once more, or too late. */
    void answerAgain(QueuedRequest last) {
        guest.respond(last, PageResponse.SUCCESS);
        guest.takeRefusal();
    }

    /** Each group has had its answer, unless the host kept one from it. */
    void checkAnswered() {
        int answers = device.pageResponses().size();
        check(
                answers == requests || calls.hasFailed() && answers < requests,
                "%d answers to %d groups".formatted(answers, requests));
    }

    /** Whether the host has what it had before there was a function. */
    void checkNothingLeft() {
        check(kernel.objects() == 1, "objects besides the IOAS: " + (kernel.objects() - 1));
        check(kernel.openFiles() == 1, "files besides /dev/iommu: " + (kernel.openFiles() - 1));
        int answers = device.pageResponses().size();
        check(answers == requests, "%d answers to %d groups".formatted(answers, requests));
    }

    /** The function goes, and the host is closed: nothing is left of either. */
    void end() {
        if (assigned) {
            unassign();
        }
        checkNothingLeft();
        if (host != null) {
            host.close();
        }
        check(kernel.objects() == 0, "objects are left");
        check(kernel.openFiles() == 0, "files are left");
        if (!guest.resetsToBypass()) {
            check(
                    device.changes().stream().noneMatch(at -> at.to() == Attachment.PARENT),
                    "the function was passed through");
        }
    }
}
