package nestor.endpoints.dsa;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import nestor.endpoints.Board;
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
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;

/**
 * A translation agent and the operating system behind it, for processes of 4 KiB pages. Its own
 * accesses to a process never fault: they tell what a program would see. A frame that was taken
 * away, and whose invalidation has completed, must never be accessed again: {@link #violations}.
 */
final class DsaOs implements TranslationAgent {
    static final int PAGE = 4096;
    static final int READ = Translation.READ;
    static final int READ_WRITE = Translation.READ | Translation.WRITE;

    /** A page: its frame, what may be done now, and after a page request. */
    private static final class Page {
        final long frame;
        final int allowed;
        int present;

        Page(long frame, int allowed, int present) {
            this.frame = frame;
            this.allowed = allowed;
            this.present = present;
        }
    }

    private final Map<Integer, Map<Long, Page>> processes = new HashMap<>();
    private final Set<Long> freed = new HashSet<>();
    final List<String> violations = new ArrayList<>();
    final List<PageRequest> pageRequests = new ArrayList<>();
    final List<AtsRequest> translations = new ArrayList<>();
    final List<Requester> untranslated = new ArrayList<>();
    final Queue<List<PageRequest>> groups = new ArrayDeque<>();

    /** Groups are answered with this instead of being looked at; -1 to look. */
    int forcedCode = -1;

    /** Pages are reported present without being so. */
    boolean lies;

    /** Completions of invalidations that the device owes. */
    int invalidationsUnderWay;

    /** Run in the middle of each translated or untranslated access. */
    Runnable duringAccess = () -> {};

    private final AtsEndpoint endpoint;
    private final GuestMemory memory;
    private List<PageRequest> open = new ArrayList<>();
    private long nextFrame = Board.RAM;

    DsaOs(AtsEndpoint endpoint, GuestMemory memory) {
        this.endpoint = endpoint;
        this.memory = memory;
    }

    private Map<Long, Page> process(int pasid) {
        return processes.computeIfAbsent(pasid, _ -> new HashMap<>());
    }

    /** Pages that are there. */
    void map(int pasid, long iova, long bytes, int access) {
        for (long at = iova & -PAGE; at < iova + bytes; at += PAGE) {
            process(pasid).put(at, new Page(nextFrame, access, access));
            nextFrame += PAGE;
        }
    }

    /** The device finds the pages again. */
    void touch(int pasid, long iova) {
        Page page = process(pasid).get(iova & -PAGE);
        if (page != null) {
            page.present = page.allowed;
        }
    }

    /** The pages are not accessible until they are requested; their content stays. */
    void pageOut(int pasid, long iova, long bytes) {
        for (long at = iova & -PAGE; at < iova + bytes; at += PAGE) {
            Page page = process(pasid).get(at);
            if (page != null) {
                page.present = 0;
                invalidate(pasid, at, 12, () -> {});
            }
        }
    }

    /** The page gets another frame, with the same content. */
    void migrate(int pasid, long iova) throws GuestAccessException {
        long at = iova & -PAGE;
        Page old = process(pasid).get(at);
        if (old == null) {
            throw new AssertionError("no page to migrate");
        }
        Page moved = new Page(nextFrame, old.allowed, old.present);
        nextFrame += PAGE;
        byte[] content = new byte[PAGE];
        memory.copyOut(old.frame, MemorySegment.ofArray(content), 0, PAGE);
        memory.copyIn(MemorySegment.ofArray(content), 0, moved.frame, PAGE);
        process(pasid).put(at, moved);
        invalidate(pasid, at, 12, () -> freed.add(old.frame));
    }

    /** The process is gone: first its tables, then what was cached of them. */
    void kill(int pasid) {
        Map<Long, Page> gone = processes.remove(pasid);
        if (gone != null) {
            invalidate(pasid, 0, 64, () -> gone.values().forEach(page -> freed.add(page.frame)));
        }
    }

    private void invalidate(int pasid, long iova, int sizeLog2, Runnable done) {
        invalidationsUnderWay++;
        endpoint.invalidate(
                new InvalidateRequest(Board.RID, pasid, 0, false, iova, sizeLog2),
                () -> {
                    invalidationsUnderWay--;
                    done.run();
                });
    }

    byte[] peek(int pasid, long iova, int bytes) {
        byte[] seen = new byte[bytes];
        copy(pasid, iova, seen, false);
        return seen;
    }

    void poke(int pasid, long iova, byte[] content) {
        copy(pasid, iova, content, true);
    }

    long peekLong(int pasid, long iova) {
        return LittleEndian.get(peek(pasid, iova, Long.BYTES), 0, Long.BYTES);
    }

    private void copy(int pasid, long iova, byte[] content, boolean in) {
        MemorySegment segment = MemorySegment.ofArray(content);
        try {
            for (int done = 0; done < content.length; ) {
                long at = iova + done;
                int count = Math.min(content.length - done, PAGE - (int) (at & PAGE - 1));
                Page page = process(pasid).get(at & -PAGE);
                if (page == null) {
                    throw new AssertionError("not mapped: %x".formatted(at));
                }
                long gpa = page.frame + (at & PAGE - 1);
                if (in) {
                    memory.copyIn(segment, done, gpa, count);
                } else {
                    memory.copyOut(gpa, segment, done, count);
                }
                done += count;
            }
        } catch (GuestAccessException outside) {
            throw new AssertionError("the test has too little memory", outside);
        }
    }

    @Override
    public AtsCompletion requestTranslation(AtsRequest request) {
        translations.add(request);
        Map<Long, Page> process = processes.get(request.requester().pasid());
        if (process == null) {
            return new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST);
        }
        List<AtsEntry> entries = new ArrayList<>();
        long at = request.address() & -PAGE;
        for (int i = 0; i < request.translations() && entries.size() < 512; i++) {
            Page page = process.get(at);
            int access = page == null ? 0 : page.present;
            long flags = (access & Translation.READ) != 0 ? AtsEntry.READ.mask() : 0;
            boolean writes = (access & Translation.WRITE) != 0 && !request.noWrite();
            flags |= writes ? AtsEntry.WRITE.mask() : 0;
            flags |= request.requester().privileged() ? AtsEntry.PRIVILEGED.mask() : 0;
            entries.add(AtsEntry.of(page == null || access == 0 ? 0 : page.frame, 12, flags));
            at += PAGE;
            if (at == 0) {
                break;
            }
        }
        return new AtsCompletion.Entries(entries);
    }

    @Override
    public CompletionStatus requestPage(PageRequest request) {
        pageRequests.add(request);
        open.add(request);
        if (request.last()) {
            groups.add(open);
            open = new ArrayList<>();
        }
        return CompletionStatus.SUCCESSFUL;
    }

    /** Answers the oldest group: all its pages are there, or it is invalid. */
    boolean answer() {
        List<PageRequest> group = groups.poll();
        if (group == null) {
            return false;
        }
        boolean allowed = group.stream().allMatch(request -> page(request) != null);
        int code =
                forcedCode >= 0
                        ? forcedCode
                        : allowed ? PageResponse.SUCCESS : PageResponse.INVALID_REQUEST;
        if (code == PageResponse.SUCCESS && !lies) {
            group.forEach(request -> touch(request.requester().pasid(), request.iova()));
        }
        PageRequest last = group.getLast();
        endpoint.pageResponse(
                new PageResponse(Board.RID, last.requester().pasid(), last.prgIndex(), code));
        return true;
    }

    private @Nullable Page page(PageRequest request) {
        Map<Long, Page> process = processes.get(request.requester().pasid());
        Page page = process == null ? null : process.get(request.iova() & -PAGE);
        boolean allows = page != null && (page.allowed & request.access()) == request.access();
        return allows ? page : null;
    }

    @Override
    public Translation translate(Requester requester, AddressType type, long iova, int access) {
        if (iova >>> 12 == Board.DOORBELL >>> 12) {
            return new Translation.Mapping(iova & -PAGE, 12, iova & -PAGE, access);
        }
        duringAccess.run();
        if (type == AddressType.TRANSLATED) {
            if (freed.contains(iova & -PAGE)) {
                violations.add("an access to the freed frame %x".formatted(iova));
            }
            return new Translation.Mapping(iova & -PAGE, 12, iova & -PAGE, access);
        }
        untranslated.add(requester);
        Map<Long, Page> process = processes.get(requester.pasid());
        Page page = process == null ? null : process.get(iova & -PAGE);
        return page != null && (page.present & access) == access
                ? new Translation.Mapping(iova & -PAGE, 12, page.frame, access)
                : new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST);
    }

    @Override
    public long enterDma() {
        return 0;
    }

    @Override
    public void exitDma(long ticket) {}
}
