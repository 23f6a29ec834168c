package nestor.testkit;

import static nestor.testkit.AssignedWorld.check;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import nestor.pci.PageResponse;
import nestor.testkit.ModelDriver.QueuedRequest;
import nestor.vmm.memory.GuestMemory;

/**
 * What must hold of every IOMMU model whose guest has a function of its host's, written once: each
 * scenario on a host that does what it is asked, and with each of its calls failing once. The host
 * is simulated, and reached as a kernel is.
 *
 * @see AssignedWorld
 */
public final class AssignedScenarios {
    private static final int EIO = 5;
    private static final int ENOMEM = 12;
    private static final int EBUSY = 16;
    private static final int EINVAL = 22;
    private static final int ENOSPC = 28;

    /**
     * Error numbers that calls fail with, taking turns: each call with one of them, or with as many
     * as {@code -Dnestor.errnos=5} says.
     */
    private static final List<Integer> ERRNOS = List.of(EINVAL, ENOMEM, EIO, EBUSY, ENOSPC);

    private static final int ERRNOS_A_CALL = Integer.getInteger("nestor.errnos", 1);

    /** Longer than a guest has for a page. */
    private static final long TOO_LATE_NANOS = 11_000_000_000L;

    /** More groups of page requests than some guest's queue has room for. */
    private static final int GROUPS = 12;

    private AssignedScenarios() {}

    /** RAM of which only the pages touched cost anything: there are many guests. */
    public static GuestMemory ram(long sizeBytes) {
        try {
            return GuestMemory.shared(List.of(new GuestMemory.Range(0, sizeBytes)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Every scenario by its name. */
    private static Map<String, Consumer<AssignedWorld>> scenarios() {
        Map<String, Consumer<AssignedWorld>> all = new LinkedHashMap<>();
        all.put("aPasidIsBoundReboundAndUnbound", AssignedScenarios::bindAndRebind);
        all.put("theContextChangesWhilePasidsAreBound", AssignedScenarios::changeContext);
        all.put("aProcessDiesWhileDmaFlies", AssignedScenarios::processDeath);
        all.put("aPageRequestIsAnsweredOnce", AssignedScenarios::answerOnce);
        all.put("aFunctionIsPulledWithPageRequests", AssignedScenarios::pull);
        all.put("theGuestResetsTheIommu", AssignedScenarios::reset);
        all.put("aFunctionComesAndGoes", AssignedScenarios::comeAndGo);
        return all;
    }

    /**
     * Each scenario without failures, by its name.
     *
     * @param guests makes a guest for each run
     */
    public static Map<String, Runnable> all(Supplier<? extends AssignedGuest> guests) {
        Map<String, Runnable> all = new LinkedHashMap<>();
        scenarios().forEach((name, scenario) -> all.put(name, () -> run(guests, scenario)));
        return all;
    }

    /** Calls of the host that the scenario took. */
    private static int run(
            Supplier<? extends AssignedGuest> guests, Consumer<AssignedWorld> scenario) {
        try (AssignedGuest guest = guests.get()) {
            var world = new AssignedWorld(guest);
            scenario.accept(world);
            check(guest.takeRefusal() == AssignedGuest.Refusal.NONE, "nothing was refused");
            world.end();
            return world.calls.counted();
        }
    }

    /**
     * Each scenario, with each of its host calls failing once, by its name. How many there are is
     * counted first.
     *
     * @return runs that each took
     */
    public static Map<String, Supplier<Integer>> failing(Supplier<? extends AssignedGuest> guests) {
        Map<String, Supplier<Integer>> all = new LinkedHashMap<>();
        scenarios().forEach((name, scenario) -> all.put(name, () -> sweep(guests, scenario)));
        return all;
    }

    private static int sweep(
            Supplier<? extends AssignedGuest> guests, Consumer<AssignedWorld> scenario) {
        int calls = run(guests, scenario);
        for (int call = 0; call < calls; call++) {
            for (int i = 0; i < ERRNOS_A_CALL; i++) {
                int errno = ERRNOS.get((ERRNOS_A_CALL * call + i) % ERRNOS.size());
                fail(guests, scenario, call, errno);
            }
        }
        return calls * ERRNOS_A_CALL;
    }

    private static void fail(
            Supplier<? extends AssignedGuest> guests,
            Consumer<AssignedWorld> scenario,
            int call,
            int errno) {
        try (AssignedGuest guest = guests.get()) {
            var world = new AssignedWorld(guest);
            world.calls.failAt(call, errno);
            try {
                scenario.accept(world);
                if (world.calls.counted() > call) { // or it fails as the function goes
                    world.assign();
                    world.recover();
                    world.bind(1, 0);
                    world.bind(2, 1);
                }
                world.end();
            } catch (AssertionError e) {
                List<String> lines = world.calls.take();
                throw new AssertionError(
                        "with errno %d of call %d, after:%n%s"
                                .formatted(errno, call, String.join("\n", lines)),
                        e);
            }
        }
    }

    private static void bindAndRebind(AssignedWorld world) {
        world.assign();
        world.attach();
        world.bind(1, 0);
        world.bind(2, 1);
        world.bind(1, 1);
        world.unbind(1);
        world.bind(1, 0);
        world.unmap(0);
        world.remap(0);
        world.unbind(2);
        world.unbind(1);
        world.detach();
    }

    private static void changeContext(AssignedWorld world) {
        world.assign();
        world.attach();
        world.bind(1, 0);
        world.bind(2, 1);
        world.changeContext();
        world.bind(3, 0);
        world.changeContext();
        world.unbind(3);
        world.detach();
    }

    private static void processDeath(AssignedWorld world) {
        world.assign();
        world.attach();
        for (int pasid = 1; pasid <= 4; pasid++) {
            world.bind(pasid, 0);
        }
        world.bind(5, 1);
        world.unmap(0);
        for (int pasid = 1; pasid <= 4; pasid++) {
            world.unbind(pasid);
        }
        world.unbind(5);
        world.remap(0);
    }

    /** Whatever the guest does: twice, too late, or with more requests than it has room for. */
    private static void answerOnce(AssignedWorld world) {
        world.assign();
        world.attach();
        world.bind(1, 0);
        world.requestPage(1, 1);
        world.poll();
        world.answer(PageResponse.SUCCESS).ifPresent(world::answerAgain);
        world.checkAnswered();
        world.requestPage(1, 2);
        world.poll();
        Optional<QueuedRequest> late = world.guest.takePageRequest();
        world.guest.advance(TOO_LATE_NANOS);
        world.checkAnswered();
        late.ifPresent(world::answerAgain);
        world.checkAnswered();
        for (int group = 0; group < GROUPS; group++) {
            world.requestPage(1, group);
        }
        world.poll();
        while (world.answer(PageResponse.INVALID_REQUEST).isPresent()) {
            world.poll();
        }
        world.guest.advance(TOO_LATE_NANOS);
        world.checkAnswered();
    }

    private static void pull(AssignedWorld world) {
        world.assign();
        world.attach();
        world.bind(1, 0);
        world.bind(2, 1);
        world.requestPage(1, 1);
        world.poll();
        world.answer(PageResponse.SUCCESS);
        world.requestPage(1, 2);
        world.requestPage(2, 3);
        world.poll();
        world.requestPage(2, 4);
        world.unassign();
        world.checkNothingLeft();
    }

    private static void reset(AssignedWorld world) {
        world.assign();
        world.attach();
        world.bind(1, 0);
        world.bind(2, 1);
        world.requestPage(1, 1);
        world.poll();
        world.reset();
        world.attach();
        world.bind(1, 1);
        world.unbind(1);
    }

    private static void comeAndGo(AssignedWorld world) {
        for (int i = 0; i < 3; i++) {
            world.assign();
            world.attach();
            world.bind(1, i % 2);
            world.unassign();
            world.checkNothingLeft();
        }
    }
}
