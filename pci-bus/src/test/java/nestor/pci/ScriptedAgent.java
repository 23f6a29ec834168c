package nestor.pci;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/** An IOMMU that notes what it is asked and answers as told; by default it maps all to itself. */
final class ScriptedAgent implements TranslationAgent {
    /** One memory request. */
    record Access(Requester requester, AddressType type, long address, int access) {}

    static final Translation IDENTITY = new Translation.Mapping(0, 64, 0, 7);

    final List<Access> accesses = new ArrayList<>();
    final List<AtsRequest> asked = new ArrayList<>();
    final List<PageRequest> pages = new ArrayList<>();
    Function<Access, Translation> translation = _ -> IDENTITY;
    Function<AtsRequest, AtsCompletion> completion = ScriptedAgent::pages;
    Function<PageRequest, CompletionStatus> taken = _ -> CompletionStatus.SUCCESSFUL;
    Runnable onEnter = () -> {};
    int inside;

    /** As many readable and writable units, mapped to themselves, as were asked for. */
    static AtsCompletion pages(AtsRequest request) {
        List<AtsEntry> entries = new ArrayList<>();
        for (int i = 0; i < request.translations(); i++) {
            long address = request.address() + ((long) i << request.smallestUnitLog2());
            entries.add(AtsEntry.of(address, request.smallestUnitLog2(), 3));
        }
        return new AtsCompletion.Entries(entries);
    }

    @Override
    public Translation translate(Requester requester, AddressType type, long address, int access) {
        Access now = new Access(requester, type, address, access);
        accesses.add(now);
        return translation.apply(now);
    }

    @Override
    public AtsCompletion requestTranslation(AtsRequest request) {
        asked.add(request);
        return completion.apply(request);
    }

    @Override
    public CompletionStatus requestPage(PageRequest request) {
        pages.add(request);
        return taken.apply(request);
    }

    @Override
    public long enterDma() {
        inside++;
        onEnter.run();
        return inside;
    }

    @Override
    public void exitDma(long ticket) {
        inside--;
    }
}
