package nestor.endpoints;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeMap;
import nestor.pci.AddressType;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEndpoint;
import nestor.pci.AtsEntry;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;
import org.jspecify.annotations.Nullable;

/**
 * A translation agent and the operating system behind it: processes with virtual memory areas, in
 * which pages appear when they are requested. Frames that were unmapped, and whose invalidation has
 * completed, must never be accessed again: {@link #violations} tells.
 */
final class SvmOs implements TranslationAgent {
    private static final int PAGE_LOG2 = 12;
    private static final long INTERRUPTS = 0xfee0_0000L;

    /** A virtual memory area, inclusive. */
    record Area(long first, long last, int access, int pageLog2) {}

    /** A mapped page. */
    record Page(long base, int sizeLog2, long frame, int access) {}

    /** An address space. */
    static final class AddressSpace {
        final List<Area> areas = new ArrayList<>();
        final TreeMap<Long, Page> pages = new TreeMap<>(Long::compareUnsigned);
    }

    final Map<Integer, AddressSpace> processes = new HashMap<>();
    final List<AtsRequest> translations = new ArrayList<>();
    final List<PageRequest> pageRequests = new ArrayList<>();
    final List<String> violations = new ArrayList<>();

    /** Groups that are complete and wait for {@link #answer}. */
    final Queue<List<PageRequest>> groups = new ArrayDeque<>();

    /** Set: the group is answered with this instead of being looked at. */
    int forcedCode = -1;

    /** Set: requests are answered before {@link #requestPage} returns. */
    boolean answersAtOnce;

    /** Flags that every entry with permissions gets. */
    long extraFlags;

    private final AtsEndpoint endpoint;
    private final long ramEnd;
    private final Set<Long> freed = new HashSet<>();
    private List<PageRequest> open = new ArrayList<>();
    private long nextFrame;

    SvmOs(AtsEndpoint endpoint, long ram, long ramBytes) {
        this.endpoint = endpoint;
        this.nextFrame = ram;
        this.ramEnd = ram + ramBytes;
    }

    AddressSpace process(int pasid) {
        return processes.computeIfAbsent(pasid, _ -> new AddressSpace());
    }

    /** Allows accesses to {@code bytes} from {@code first} on, both page aligned. */
    void mmap(int pasid, long first, long bytes, int access, int pageLog2) {
        process(pasid).areas.add(new Area(first, first + bytes - 1, access, pageLog2));
    }

    void mmap(int pasid, long first, long bytes) {
        mmap(pasid, first, bytes, Translation.READ | Translation.WRITE, PAGE_LOG2);
    }

    /** Unmaps areas and pages in the range; the frames are free when the device says so. */
    void munmap(int pasid, long first, long bytes) {
        process(pasid)
                .areas
                .removeIf(area -> area.first >= first && area.last <= first + bytes - 1);
        pageOut(pasid, first, bytes);
    }

    /** Takes the pages away, by one invalidation that covers them; the areas stay. */
    void pageOut(int pasid, long first, long bytes) {
        long last = first + bytes - 1;
        List<Page> gone =
                List.copyOf(process(pasid).pages.subMap(first, true, last, true).values());
        gone.forEach(page -> process(pasid).pages.remove(page.base));
        int sizeLog2 = Math.max(PAGE_LOG2, Long.SIZE - Long.numberOfLeadingZeros(first ^ last));
        endpoint.invalidate(
                new InvalidateRequest(
                        Board.RID, pasid, 0, false, first & -1L << sizeLog2, sizeLog2),
                () -> gone.forEach(page -> freed.add(page.frame)));
    }

    /** A frame of zeroes, or of whatever its last owner left. */
    Page map(int pasid, long iova, int access, int sizeLog2) {
        long size = 1L << sizeLog2;
        long frame = nextFrame + size - 1 & -size;
        nextFrame = frame + size;
        if (nextFrame > ramEnd) {
            throw new IllegalStateException("out of memory: a test needs more");
        }
        Page page = new Page(iova & -size, sizeLog2, frame, access);
        process(pasid).pages.put(page.base, page);
        return page;
    }

    /** Where the process's byte lies. */
    long frameOf(int pasid, long iova) {
        Page page = find(process(pasid), iova);
        if (page == null) {
            throw new AssertionError("not mapped: %x".formatted(iova));
        }
        return page.frame + (iova - page.base);
    }

    private static @Nullable Page find(AddressSpace process, long iova) {
        Map.Entry<Long, Page> below = process.pages.floorEntry(iova);
        if (below == null) {
            return null;
        }
        Page page = below.getValue();
        return iova - page.base >>> page.sizeLog2 == 0 ? page : null;
    }

    @Override
    public AtsCompletion requestTranslation(AtsRequest request) {
        translations.add(request);
        List<AtsEntry> entries = new ArrayList<>();
        long at = request.address() & -4096L;
        long end = at + ((long) request.translations() << request.smallestUnitLog2());
        do {
            Page page = find(process(request.requester().pasid()), at);
            boolean interrupts = at >>> 20 == INTERRUPTS >>> 20;
            if (request.requester().privileged()) {
                entries.add(AtsEntry.of(0, PAGE_LOG2, AtsEntry.PRIVILEGED.mask()));
                at += 1 << PAGE_LOG2;
            } else if (page == null || interrupts) {
                entries.add(AtsEntry.of(0, PAGE_LOG2, 0));
                at += 1 << PAGE_LOG2;
            } else {
                entries.add(AtsEntry.of(page.frame, page.sizeLog2, flags(page, request)));
                at = page.base + (1L << page.sizeLog2);
            }
        } while (at != 0 && Long.compareUnsigned(at, end) < 0 && entries.size() < 512);
        return new AtsCompletion.Entries(entries);
    }

    /** No Write is taken at its word: nothing is dirty yet. */
    private long flags(Page page, AtsRequest request) {
        long flags = extraFlags;
        flags |= (page.access & Translation.READ) != 0 ? AtsEntry.READ.mask() : 0;
        boolean writes = (page.access & Translation.WRITE) != 0 && !request.noWrite();
        return flags | (writes ? AtsEntry.WRITE.mask() : 0);
    }

    @Override
    public CompletionStatus requestPage(PageRequest request) {
        pageRequests.add(request);
        open.add(request);
        if (request.last()) {
            groups.add(open);
            open = new ArrayList<>();
            if (answersAtOnce) {
                answer();
            }
        }
        return CompletionStatus.SUCCESSFUL;
    }

    /** Answers the oldest group: all its pages are there, or it is invalid. */
    boolean answer() {
        List<PageRequest> group = groups.poll();
        if (group == null) {
            return false;
        }
        int code = forcedCode;
        if (code < 0) {
            boolean allowed = group.stream().allMatch(this::allows);
            code = allowed ? PageResponse.SUCCESS : PageResponse.INVALID_REQUEST;
            if (allowed) {
                group.forEach(this::fault);
            }
        }
        PageRequest last = group.getLast();
        endpoint.pageResponse(
                new PageResponse(Board.RID, last.requester().pasid(), last.prgIndex(), code));
        return true;
    }

    private boolean allows(PageRequest request) {
        return !request.requester().privileged()
                && request.iova() >>> 20 != INTERRUPTS >>> 20
                && hasRoom(area(request));
    }

    private boolean hasRoom(@Nullable Area area) {
        return area != null && nextFrame + (2L << area.pageLog2) <= ramEnd;
    }

    private @Nullable Area area(PageRequest request) {
        for (Area area : process(request.requester().pasid()).areas) {
            if (Long.compareUnsigned(request.iova(), area.first) >= 0
                    && Long.compareUnsigned(request.iova(), area.last) <= 0
                    && (area.access & request.access()) == request.access()) {
                return area;
            }
        }
        return null;
    }

    private void fault(PageRequest request) {
        int pasid = request.requester().pasid();
        Page present = find(process(pasid), request.iova());
        if (present == null || (present.access & request.access()) != request.access()) {
            Area area = area(request);
            if (area != null && hasRoom(area)) {
                map(pasid, request.iova(), area.access, area.pageLog2);
            }
        }
    }

    @Override
    public Translation translate(Requester requester, AddressType type, long iova, int access) {
        if (type == AddressType.TRANSLATED) {
            if (requester.hasPasid()) {
                violations.add("a translated request with PASID");
            }
            if (freed.contains(iova & -4096L)) {
                violations.add("an access to the freed frame %x".formatted(iova));
            }
        } else if (iova != Board.DOORBELL) {
            violations.add("an untranslated request to %x".formatted(iova));
            return new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST);
        }
        return new Translation.Mapping(iova & -4096L, PAGE_LOG2, iova & -4096L, access);
    }

    @Override
    public long enterDma() {
        return 0;
    }

    @Override
    public void exitDma(long ticket) {}
}
