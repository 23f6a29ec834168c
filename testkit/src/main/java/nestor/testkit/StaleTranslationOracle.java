package nestor.testkit;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import nestor.iommu.IovaRange;
import nestor.pci.Requester;

/**
 * Judges whether DMA ever uses a translation that an invalidation, observed complete, had covered.
 *
 * <p>It keeps the history of every (requester, 4 KiB page): what its translation was and from when
 * to when, which invalidations covered it, when each was submitted and observed complete, and when
 * each DMA entered and committed. A test tells it these as they happen; time is the order of the
 * calls. A commit is stale if its translation was overwritten before a covering invalidation was
 * submitted that had completed by then. A fault is spurious if the page was mapped during all of
 * the access. An invalidation is lost if it has not completed although no DMA is under way.
 */
public final class StaleTranslationOracle {
    /** What an unmapped page translates to. */
    public static final long UNMAPPED = -1;

    private static final long NOT_YET = Long.MAX_VALUE;
    private static final int PAGE_LOG2 = 12;

    /** An invalidation that was submitted. */
    public static final class Invalidation {
        private final Predicate<Requester> requesters;
        private final IovaRange range;
        private final long submitted;
        private long completed = NOT_YET;

        private Invalidation(Predicate<Requester> requesters, IovaRange range, long submitted) {
            this.requesters = requesters;
            this.range = range;
            this.submitted = submitted;
        }
    }

    /** An access to one page that is under way. */
    public static final class Access {
        private final Page page;
        private final long entered;

        private Access(Page page, long entered) {
            this.page = page;
            this.entered = entered;
        }
    }

    private record Page(Requester requester, long iova) {}

    /** A translation from {@code written} until just before {@code overwritten}. */
    private record Value(long gpa, long written, long overwritten) {}

    private final Map<Page, List<Value>> histories = new HashMap<>();
    private final List<Invalidation> invalidations = new ArrayList<>();
    private final Set<Access> underWay = new LinkedHashSet<>();
    private final List<String> violations = new ArrayList<>();
    private long now;

    /**
     * Software has written a page's translation.
     *
     * @param gpa or {@link #UNMAPPED}
     */
    public void wrote(Requester requester, long iova, long gpa) {
        now++;
        List<Value> history = history(page(requester, iova));
        Value current = history.removeLast();
        history.add(new Value(current.gpa, current.written, now));
        history.add(new Value(gpa, now, NOT_YET));
    }

    /** Software has submitted an invalidation. */
    public Invalidation submitted(Predicate<Requester> requesters, IovaRange range) {
        now++;
        Invalidation invalidation = new Invalidation(requesters, range, now);
        invalidations.add(invalidation);
        return invalidation;
    }

    /** Software has seen that {@code invalidation} is complete. */
    public void completed(Invalidation invalidation) {
        now++;
        if (invalidation.completed != NOT_YET) {
            violations.add("an invalidation completed twice");
        }
        invalidation.completed = now;
    }

    /** A DMA has entered. */
    public Access entered(Requester requester, long iova) {
        now++;
        Access access = new Access(page(requester, iova), now);
        underWay.add(access);
        return access;
    }

    /** The DMA has moved its bytes to or from the page at {@code gpa}. */
    public void committed(Access access, long gpa) {
        now++;
        underWay.remove(access);
        if (history(access.page).stream()
                .noneMatch(value -> value.gpa == gpa && !isFlushed(access.page, value))) {
            violations.add("stale: %s went to gpa 0x%x".formatted(access.page, gpa));
        }
    }

    /** The DMA was refused. */
    public void faulted(Access access) {
        now++;
        underWay.remove(access);
        if (history(access.page).stream()
                .noneMatch(value -> value.gpa == UNMAPPED && value.overwritten > access.entered)) {
            violations.add("spurious fault: %s".formatted(access.page));
        }
    }

    /** Says that everything has run that can: what has not completed now is lost. */
    public void settled() {
        if (underWay.isEmpty()
                && invalidations.stream().anyMatch(one -> one.completed == NOT_YET)) {
            violations.add("an invalidation was lost");
        }
    }

    /** What went wrong, in order. */
    public List<String> violations() {
        return List.copyOf(violations);
    }

    private boolean isFlushed(Page page, Value value) {
        return invalidations.stream()
                .anyMatch(one ->
                        one.submitted > value.overwritten
                                && one.completed < now
                                && one.requesters.test(page.requester)
                                && one.range.overlaps(IovaRange.block(page.iova, PAGE_LOG2)));
    }

    private List<Value> history(Page page) {
        return histories.computeIfAbsent(
                page, _ -> new ArrayList<>(List.of(new Value(UNMAPPED, 0, NOT_YET))));
    }

    private static Page page(Requester requester, long iova) {
        return new Page(requester, IovaRange.block(iova, PAGE_LOG2).first());
    }
}
