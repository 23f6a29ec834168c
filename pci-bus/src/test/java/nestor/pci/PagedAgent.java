package nestor.pci;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/** An IOMMU with 4 KiB pages per RID and nothing else. */
final class PagedAgent implements TranslationAgent {
    private static final Translation REJECTED =
            new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST);

    private final Map<Integer, Map<Long, Translation>> spaces = new ConcurrentHashMap<>();
    final List<String> faults = new ArrayList<>();
    final AtomicInteger entered = new AtomicInteger();
    final AtomicInteger left = new AtomicInteger();

    void map(int rid, long iova, long gpa) {
        spaces.computeIfAbsent(rid, _ -> new ConcurrentHashMap<>())
                .put(
                        iova >>> 12,
                        new Translation.Mapping(
                                iova, 12, gpa, Translation.READ | Translation.WRITE));
    }

    @Override
    public Translation translate(Requester requester, AddressType type, long iova, int access) {
        Translation found = spaces.getOrDefault(requester.rid(), Map.of()).get(iova >>> 12);
        if (found == null) {
            faults.add("%04x %x".formatted(requester.rid(), iova));
            return REJECTED;
        }
        return found;
    }

    @Override
    public long enterDma() {
        return entered.incrementAndGet();
    }

    @Override
    public void exitDma(long ticket) {
        left.incrementAndGet();
    }
}
