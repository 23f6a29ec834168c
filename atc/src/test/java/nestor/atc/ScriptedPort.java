package nestor.atc;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEndpoint;
import nestor.pci.AtsEntry;
import nestor.pci.AtsPort;
import nestor.pci.CompletionStatus;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;

/**
 * A function whose translation agent is a list of mappings: it counts credit, and knows which page
 * request groups are open, as the real one does. One thread at a time.
 */
final class ScriptedPort implements AtsPort {
    static final int RID = 0x18;
    static final int RW = Translation.READ | Translation.WRITE;

    /** What a Translation Request said. */
    record Asked(Requester requester, long iova, long bytes, int access) {}

    /** A line of the agent's tables. */
    record Page(int pasid, boolean privileged, long iova, int sizeLog2, AtsEntry entry) {}

    final List<Asked> asked = new ArrayList<>();
    final List<PageRequest> pageRequests = new ArrayList<>();
    final List<Requester> stopMarkers = new ArrayList<>();
    final List<Page> pages = new ArrayList<>();

    /** Runs when a completion has been made and not yet been delivered. */
    Runnable underWay = () -> {};

    /** Runs when a page request has been taken. */
    Runnable pageRequested = () -> {};

    boolean ats = true;
    boolean pri = true;
    int allocation = 64;
    int smallestUnitLog2 = 12;
    int mostTranslations = 512;
    CompletionStatus translationFailure = CompletionStatus.SUCCESSFUL;

    private final List<AtsEndpoint> endpoints = new ArrayList<>();
    private final Map<Integer, Integer> members = new HashMap<>();
    private final Set<Integer> closed = new HashSet<>();

    static Requester pasid(int pasid) {
        return new Requester(RID, pasid, false);
    }

    static Requester privileged(int pasid) {
        return new Requester(RID, pasid, true);
    }

    /** Maps for reading and writing. */
    void map(Requester requester, long iova, int sizeLog2, long target) {
        map(requester, iova, sizeLog2, target, AtsEntry.READ.mask() | AtsEntry.WRITE.mask());
    }

    void map(Requester requester, long iova, int sizeLog2, long target, long flags) {
        long priv = requester.privileged() ? AtsEntry.PRIVILEGED.mask() : 0;
        unmap(requester, iova, sizeLog2);
        pages.add(
                new Page(
                        requester.pasid(),
                        requester.privileged(),
                        iova,
                        sizeLog2,
                        AtsEntry.of(target, sizeLog2, flags | priv)));
    }

    void unmap(Requester requester, long iova, int sizeLog2) {
        pages.removeIf(p ->
                p.pasid == requester.pasid()
                        && p.privileged == requester.privileged()
                        && new AtcEntry(p.pasid, p.privileged, p.iova, p.sizeLog2, p.entry)
                                .overlaps(iova, sizeLog2));
    }

    /** Delivers an Invalidate Request; {@code complete} runs when all who heard it have. */
    void invalidate(int pasid, long iova, int sizeLog2, Runnable complete) {
        invalidate(new InvalidateRequest(RID, pasid, 0, false, iova, sizeLog2), complete);
    }

    void invalidate(InvalidateRequest request, Runnable complete) {
        List<AtsEndpoint> addressed = List.copyOf(endpoints);
        AtomicInteger left = new AtomicInteger(addressed.size());
        Runnable completed =
                () -> {
                    if (left.decrementAndGet() == 0) {
                        complete.run();
                    }
                };
        addressed.forEach(e -> e.invalidate(request, completed));
    }

    void disable() {
        ats = false;
        members.clear();
        closed.clear();
        List.copyOf(endpoints).forEach(AtsEndpoint::disabled);
    }

    void respond(int prgIndex, int code) {
        members.remove(prgIndex);
        closed.remove(prgIndex);
        PageResponse response = new PageResponse(RID, Requester.NO_PASID, prgIndex, code);
        List.copyOf(endpoints).forEach(e -> e.pageResponse(response));
    }

    int outstanding() {
        return members.values().stream().mapToInt(Integer::intValue).sum();
    }

    @Override
    public boolean atsEnabled() {
        return ats;
    }

    @Override
    public int smallestUnitLog2() {
        return smallestUnitLog2;
    }

    @Override
    public AtsCompletion requestTranslation(
            Requester requester, long iova, long bytes, int access) {
        asked.add(new Asked(requester, iova, bytes, access));
        if (!ats) {
            return new AtsCompletion.Failed(CompletionStatus.UNSUPPORTED_REQUEST);
        }
        if (translationFailure != CompletionStatus.SUCCESSFUL) {
            return new AtsCompletion.Failed(translationFailure);
        }
        List<AtsEntry> entries = new ArrayList<>();
        long at = iova;
        do {
            AtsEntry entry = translate(requester, at);
            entries.add(entry);
            at = AtcEntry.base(at, entry.sizeLog2()) + (1L << entry.sizeLog2());
        } while (at - iova < bytes && at != 0 && entries.size() < mostTranslations);
        var completion = new AtsCompletion.Entries(entries);
        underWay.run();
        return completion;
    }

    private AtsEntry translate(Requester requester, long iova) {
        for (Page page : pages) {
            if (page.pasid == requester.pasid()
                    && page.privileged == requester.privileged()
                    && AtcEntry.base(iova, page.sizeLog2) == page.iova) {
                return page.entry;
            }
        }
        long priv = requester.privileged() ? AtsEntry.PRIVILEGED.mask() : 0;
        return AtsEntry.of(0, smallestUnitLog2, priv);
    }

    @Override
    public Registration register(int pasid, AtsEndpoint endpoint) {
        endpoints.add(endpoint);
        return () -> endpoints.remove(endpoint);
    }

    @Override
    public boolean pageRequestsEnabled() {
        return pri;
    }

    @Override
    public int pageRequestAllocation() {
        return allocation;
    }

    @Override
    public PageRequestOutcome requestPage(
            Requester requester, long iova, int access, int prgIndex, boolean last) {
        if (!pri) {
            return PageRequestOutcome.NOT_PERMITTED;
        }
        if (closed.contains(prgIndex)) {
            return PageRequestOutcome.GROUP_BUSY;
        }
        if (outstanding() >= allocation) {
            return PageRequestOutcome.NO_CREDIT;
        }
        members.merge(prgIndex, 1, Integer::sum);
        if (last) {
            closed.add(prgIndex);
        }
        pageRequests.add(new PageRequest(requester, iova, access, prgIndex, last));
        pageRequested.run();
        return PageRequestOutcome.SENT;
    }

    @Override
    public PageRequestOutcome stopMarker(Requester requester) {
        stopMarkers.add(requester);
        return PageRequestOutcome.SENT;
    }
}
