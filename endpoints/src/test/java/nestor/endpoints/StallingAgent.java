package nestor.endpoints;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Set;
import java.util.TreeSet;
import nestor.pci.AddressType;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import nestor.pci.StalledTransaction;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;

/** Identity for pages that are present; an access to another stalls, if it can wait. */
final class StallingAgent implements TranslationAgent {
    /** A stalled access and who waits for it. */
    record Stalled(Requester requester, long page, int access, StalledTransaction waiting) {}

    final Set<Long> present = new TreeSet<>();
    final Deque<Stalled> stalled = new ArrayDeque<>();

    @Override
    public Translation translate(Requester requester, AddressType type, long address, int access) {
        return present.contains(address >>> 12)
                ? new Translation.Mapping(
                        address & -4096, 12, address & -4096, Translation.READ | Translation.WRITE)
                : new Translation.Rejected(CompletionStatus.COMPLETER_ABORT);
    }

    @Override
    public Translation translate(
            Requester requester, long address, int access, StalledTransaction waiting) {
        Translation now = translate(requester, AddressType.UNTRANSLATED, address, access);
        if (now instanceof Translation.Mapping) {
            return now;
        }
        stalled.add(new Stalled(requester, address >>> 12, access, waiting));
        return new Translation.Stalled();
    }

    /** Makes the oldest stalled access's page present, and has it tried again. */
    void handle() {
        Stalled oldest = stalled.remove();
        present.add(oldest.page);
        oldest.waiting.retry();
    }

    @Override
    public long enterDma() {
        return 0;
    }

    @Override
    public void exitDma(long ticket) {}
}
