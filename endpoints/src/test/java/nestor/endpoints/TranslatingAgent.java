package nestor.endpoints;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import nestor.pci.AddressType;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEntry;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;

/** A translation agent with one flat table of 4 KiB pages for every requester. */
final class TranslatingAgent implements TranslationAgent {
    /** What a page translates to. */
    record Leaf(long gpa, int access) {}

    final Map<Long, Leaf> pages = new TreeMap<>();
    final List<String> requests = new ArrayList<>();
    final List<AtsRequest> translations = new ArrayList<>();
    final List<PageRequest> pageRequests = new ArrayList<>();

    /** Flags that entries with permissions get. */
    long extraFlags;

    void map(long iova, long gpa, int access) {
        pages.put(iova & -4096L, new Leaf(gpa & -4096L, access));
    }

    @Override
    public Translation translate(Requester requester, AddressType type, long iova, int access) {
        requests.add("%s %x pasid %d".formatted(type, iova, requester.pasid()));
        long page = iova & -4096L;
        if (type == AddressType.TRANSLATED || page == Board.DOORBELL) {
            return new Translation.Mapping(page, 12, page, access);
        }
        Leaf leaf = pages.get(page);
        return leaf == null || (leaf.access & access) != access
                ? new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST)
                : new Translation.Mapping(page, 12, leaf.gpa, leaf.access);
    }

    @Override
    public AtsCompletion requestTranslation(AtsRequest request) {
        translations.add(request);
        List<AtsEntry> entries = new ArrayList<>();
        for (int i = 0; i < request.translations(); i++) {
            Leaf leaf = pages.get((request.address() & -4096L) + i * 4096L);
            long privileged = request.requester().privileged() ? AtsEntry.PRIVILEGED.mask() : 0;
            entries.add(
                    leaf == null
                            ? AtsEntry.of(0, 12, privileged)
                            : AtsEntry.of(
                                    leaf.gpa, 12, flags(leaf, request) | privileged | extraFlags));
        }
        return new AtsCompletion.Entries(entries);
    }

    private static long flags(Leaf leaf, AtsRequest request) {
        long flags = (leaf.access & Translation.READ) != 0 ? AtsEntry.READ.mask() : 0;
        flags |= (leaf.access & Translation.WRITE) != 0 ? AtsEntry.WRITE.mask() : 0;
        boolean executes = (leaf.access & Translation.EXECUTE) != 0 && request.execute();
        return flags | (executes ? AtsEntry.EXECUTE.mask() : 0);
    }

    @Override
    public CompletionStatus requestPage(PageRequest request) {
        pageRequests.add(request);
        return CompletionStatus.SUCCESSFUL;
    }

    @Override
    public long enterDma() {
        return 0;
    }

    @Override
    public void exitDma(long ticket) {}
}
