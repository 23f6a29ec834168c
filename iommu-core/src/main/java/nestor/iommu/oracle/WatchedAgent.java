package nestor.iommu.oracle;

import java.util.List;
import nestor.pci.AddressType;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEntry;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.Requester;
import nestor.pci.StalledTransaction;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;

/** A model as the bus sees it, with the oracle looking on. */
final class WatchedAgent implements TranslationAgent {
    private final TranslationAgent agent;
    private final StaleTranslations translations;

    WatchedAgent(TranslationAgent agent, StaleTranslations translations) {
        this.agent = agent;
        this.translations = translations;
    }

    @Override
    public Translation translate(Requester requester, AddressType type, long address, int access) {
        long epoch = translations.epoch();
        Translation answer = agent.translate(requester, type, address, access);
        if (answer instanceof Translation.Mapping mapping) {
            if (type == AddressType.UNTRANSLATED) {
                translations.used(requester, address, access, mapping, epoch);
            } else {
                translations.usedTranslated(requester, address);
            }
        }
        return answer;
    }

    @Override
    public Translation translate(
            Requester requester, long address, int access, StalledTransaction waiting) {
        long epoch = translations.epoch();
        Translation answer = agent.translate(requester, address, access, waiting);
        if (answer instanceof Translation.Mapping mapping) {
            translations.used(requester, address, access, mapping, epoch);
        }
        return answer;
    }

    @Override
    public AtsCompletion requestTranslation(AtsRequest request) {
        long epoch = translations.epoch();
        AtsCompletion completion = agent.requestTranslation(request);
        if (completion instanceof AtsCompletion.Entries(List<AtsEntry> entries)) {
            long at = request.address();
            for (AtsEntry entry : entries) {
                int sizeLog2 = entry.sizeLog2();
                long base = sizeLog2 == Long.SIZE ? 0 : at & -1L << sizeLog2;
                int access = entry.access();
                if (access != 0 && !AtsEntry.UNTRANSLATED_ONLY.isSet(entry.value())) {
                    var mapping = new Translation.Mapping(base, sizeLog2, entry.address(), access);
                    translations.answered(request.requester(), at, mapping, epoch);
                }
                if (sizeLog2 >= Long.SIZE - 1) {
                    break;
                }
                at = base + (1L << sizeLog2);
            }
        }
        return completion;
    }

    @Override
    public CompletionStatus requestPage(PageRequest request) {
        return agent.requestPage(request);
    }

    @Override
    public long enterDma() {
        return agent.enterDma();
    }

    @Override
    public void exitDma(long ticket) {
        agent.exitDma(ticket);
    }

    @Override
    public void atsDisabled(int rid) {
        agent.atsDisabled(rid);
        translations.atsDisabled(rid);
    }
}
