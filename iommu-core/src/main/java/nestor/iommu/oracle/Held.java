package nestor.iommu.oracle;

import nestor.iommu.IovaRange;
import nestor.pci.Requester;
import nestor.pci.Translation;

/** A translation that a cache may hold. The owner's lock guards what changes. */
final class Held {
    static final long NEVER = -1;

    /**
     * What tells one from the others.
     *
     * @param iovaBase first address of its block
     */
    record Key(TranslationCache cache, Requester requester, long iovaBase, int sizeLog2) {}

    final Key key;
    final long tag;
    final Translation.Mapping mapping;
    final IovaRange range;
    final long cachedNanos;

    /** An address of the block to compare: where it was last used or invalidated. */
    long iova;

    boolean gone;

    /** Number of the command that covered it in the other cache only; {@link #NEVER}. */
    long coveredBy = NEVER;

    /** Tick, completions and commands when it was first seen to be stale; {@link #NEVER}. */
    long staleTick = NEVER;

    long staleCompletions;
    long staleCommand;
    long staleNanos;
    long uses;
    String current = "";

    Held(Key key, long tag, Translation.Mapping mapping, long iova, long cachedNanos) {
        this.key = key;
        this.tag = tag;
        this.mapping = mapping;
        this.range = IovaRange.block(key.iovaBase(), key.sizeLog2());
        this.iova = iova;
        this.cachedNanos = cachedNanos;
    }

    boolean isStale() {
        return staleTick != NEVER;
    }

    /** The tables say the same again, or still. */
    void agrees() {
        coveredBy = NEVER;
        staleTick = NEVER;
        uses = 0;
    }
}
