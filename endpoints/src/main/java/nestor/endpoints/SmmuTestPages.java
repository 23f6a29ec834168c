package nestor.endpoints;

import java.util.ArrayDeque;
import java.util.Queue;
import java.util.function.BiConsumer;
import nestor.pci.AtsEndpoint;
import nestor.pci.AtsPort;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;
import nestor.vmm.loop.DeviceLoop;
import org.jspecify.annotations.Nullable;

/**
 * Commands of the test engine that wait for a page. A frame has one page request outstanding at
 * most, a group of its own with the frame's number as index.
 *
 * <p>On the engine's loop, but for the messages, which are posted to it.
 */
final class SmmuTestPages implements AtsEndpoint {
    /** How often in a row a page may be reported present without being so. */
    static final int MAX_FRUITLESS_RESPONSES = 10_000;

    private final AtsPort port;
    private final DeviceLoop loop;
    private final BiConsumer<SmmuTestJob, Boolean> wake;
    private final @Nullable SmmuTestJob[] asleep = new @Nullable SmmuTestJob[SmmuTestFrames.FRAMES];
    private final int[] fruitless = new int[SmmuTestFrames.FRAMES];
    private final long[] missing = new long[SmmuTestFrames.FRAMES];

    /** Jobs that had no credit; the next response may have freed some. */
    private final Queue<SmmuTestJob> starved = new ArrayDeque<>();

    private int outstanding;

    private SmmuTestPages(AtsPort port, DeviceLoop loop, BiConsumer<SmmuTestJob, Boolean> wake) {
        this.port = port;
        this.loop = loop;
        this.wake = wake;
    }

    /**
     * Registered at {@code port}.
     *
     * @param wake told of jobs whose page is there, or will not be
     */
    static SmmuTestPages on(AtsPort port, DeviceLoop loop, BiConsumer<SmmuTestJob, Boolean> wake) {
        SmmuTestPages pages = new SmmuTestPages(port, loop, wake);
        port.register(AtsPort.ALL_PASIDS, pages);
        return pages;
    }

    /** Whether the page that {@code job} failed for is requested, and the job to be woken. */
    boolean request(SmmuTestJob job) {
        int frame = job.frame();
        boolean again = missing[frame] == job.faultAddress();
        fruitless[frame] = again ? fruitless[frame] + 1 : 0;
        missing[frame] = job.faultAddress();
        if (!port.pageRequestsEnabled() || fruitless[frame] > MAX_FRUITLESS_RESPONSES) {
            fruitless[frame] = 0;
            return false;
        }
        // A request that is answered at once is answered after this: by the loop.
        return switch (port.requestPage(
                job.faultRequester(), job.faultAddress(), job.faultAccess(), frame, true)) {
            case SENT -> {
                asleep[frame] = job;
                outstanding++;
                yield true;
            }
            case NO_CREDIT -> outstanding > 0 && starved.add(job);
            case NOT_PERMITTED, GROUP_BUSY -> false;
        };
    }

    /** Forgets who waits, and that anything is outstanding. */
    void forget() {
        for (int frame = 0; frame < asleep.length; frame++) {
            asleep[frame] = null;
            fruitless[frame] = 0;
        }
        starved.clear();
        outstanding = 0;
    }

    @Override
    public void invalidate(InvalidateRequest request, Runnable complete) {
        complete.run();
    }

    @Override
    public void pageResponse(PageResponse response) {
        loop.post(() -> answered(response));
    }

    private void answered(PageResponse response) {
        SmmuTestJob job = asleep[response.prgIndex()];
        if (job == null) {
            return;
        }
        asleep[response.prgIndex()] = null;
        outstanding--;
        wake.accept(job, response.code() == PageResponse.SUCCESS);
        for (int i = starved.size(); i > 0; i--) {
            wake.accept(starved.remove(), true);
        }
    }

    @Override
    public void disabled() {}
}
