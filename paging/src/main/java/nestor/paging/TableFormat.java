package nestor.paging;

/**
 * One page-table format with its parameters, as data for {@link Walker}: where a walk starts, how
 * an input address is cut into indices, and what a descriptor says. Levels are numbered as the
 * format's specification does, upwards or downwards.
 */
public sealed interface TableFormat permits VmsaV8Stage1, VmsaV8Stage2, X86Paging, VtdSecondStage {
    /** What a descriptor is at its level. */
    enum DescriptorKind {
        INVALID,
        RESERVED,
        TABLE,
        LEAF
    }

    /** 1 or 2. */
    int stage();

    /** Whether the input address lies in the range the tables translate. */
    boolean inRange(long input);

    /** How an input address out of range is called. */
    WalkResult.Kind outOfRange();

    /** Whether an address in the output space has no bits above its configured width. */
    boolean fitsOutput(long address);

    /** Base of the initial table. */
    long root();

    /** The level that faults before the first descriptor report. */
    int rootLevel();

    /** Level of the initial table. */
    int startLevel();

    /** The level under {@code level}. */
    int nextLevel(int level);

    /** Lowest input-address bit that indexes the table at {@code level}. */
    int shift(int level);

    /** How many input-address bits index the table at {@code level}. */
    int indexBits(int level);

    DescriptorKind kind(long descriptor, int level);

    /** Address of the next-level table. */
    long nextTable(long descriptor);

    /** Output address of a leaf; bits below its size are zero. */
    long output(long leaf, int level);

    /** log2 of the size the leaf's contiguous hint promises; its own size without one. */
    int contiguousLog2(long leaf, int level);

    /** Restrictions which a table descriptor adds to those of the levels above it. */
    long restrict(long restrictions, long tableDescriptor);

    /** Whether the leaf must raise an access-flag fault. */
    boolean accessFlagFault(long leaf);

    /**
     * Set of {@link Permissions} of a leaf under the accumulated restrictions, those included that
     * hardware grants by marking the leaf dirty.
     */
    int permissions(long leaf, long restrictions);

    /** The descriptor as hardware leaves it when it has used it; unchanged if nothing is due. */
    long accessed(long descriptor, DescriptorKind kind);

    /** The leaf as hardware leaves it when it has been written; unchanged if nothing is due. */
    long dirtied(long leaf);

    /** Whether the leaf belongs to every address space. */
    boolean global(long leaf);

    /** Whether a stage-1 table must not lie in memory this stage-2 leaf maps. */
    default boolean forbidsTables(long leaf) {
        return false;
    }
}
