package nestor.iommu.walk;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import nestor.paging.ExploredWalk;
import nestor.paging.RehearsedTables;
import nestor.paging.TableFormat;
import nestor.vmm.memory.Doublewords;
import nestor.vmm.memory.GuestAccessException;
import org.jspecify.annotations.Nullable;

/**
 * Memory that remembers what was read of it, for structures that are decoded as a model always
 * decodes them. One thread.
 */
public final class StructureLog implements Doublewords {
    private record Fetch(long gpa, boolean backed, long word, List<RehearsedTables.Fetch> before) {}

    private final Doublewords memory;
    private final RehearsedTables tables;
    private final Deque<Fetch> fetches = new ArrayDeque<>();

    /**
     * Nothing has been read yet.
     *
     * @param tables where second stages are walked that structures lie behind
     */
    public StructureLog(Doublewords memory, RehearsedTables tables) {
        this.memory = memory;
        this.tables = tables;
    }

    @Override
    public long getLongLe(long gpa) throws GuestAccessException {
        List<RehearsedTables.Fetch> before = tables.take();
        try {
            long word = memory.getLongLe(gpa);
            fetches.add(new Fetch(gpa, true, word, before));
            return word;
        } catch (GuestAccessException e) {
            fetches.add(new Fetch(gpa, false, 0, before));
            throw e;
        }
    }

    /** Whether something was read that no step was made of. */
    public boolean hasMore() {
        return !fetches.isEmpty();
    }

    /** The next structure, whose address is not translated. */
    public WalkStep next(StructureLayout layout, List<String> errors) {
        return next(layout, null, 0, errors);
    }

    /**
     * The next structure.
     *
     * @param stage2 what it lies behind; null for nothing
     * @param ipa its address there
     */
    public WalkStep next(
            StructureLayout layout, @Nullable TableFormat stage2, long ipa, List<String> errors) {
        List<Long> words = new ArrayList<>();
        List<RehearsedTables.Fetch> under = List.of();
        Optional<Long> gpa = Optional.empty();
        boolean backed = true;
        for (int word = 0; word < layout.words() && backed && !fetches.isEmpty(); word++) {
            Fetch fetch = fetches.remove();
            if (word == 0) {
                gpa = Optional.of(fetch.gpa);
                under = fetch.before;
            }
            backed = fetch.backed;
            if (backed) {
                words.add(fetch.word);
            }
        }
        if (gpa.isEmpty()) { // stage 2 led nowhere
            under = tables.take();
        }
        List<String> all = new ArrayList<>(errors);
        if (!backed) {
            all.add("nothing backs the address");
        }
        return new WalkStep(
                layout.name(),
                layout.section(),
                stage2 == null ? Optional.empty() : Optional.of(ipa),
                gpa,
                words,
                layout.decode(words),
                all,
                stage2 == null
                        ? List.of()
                        : DescriptorFields.steps(ExploredWalk.chain(stage2, under)));
    }
}
