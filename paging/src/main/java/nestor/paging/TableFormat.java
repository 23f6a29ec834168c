package nestor.paging;

/**
 * One page-table format with its parameters, as data for {@link Walker}: where a walk starts, how
 * an input address is cut into indices, and what a descriptor says.
 */
public sealed interface TableFormat permits VmsaV8Stage1 {
    /** What a descriptor is at its level. */
    enum DescriptorKind {
        INVALID,
        TABLE,
        LEAF
    }

    /** Whether the input address lies in the range the tables translate. */
    boolean inRange(long input);

    /** Whether an address in the output space has no bits above its configured width. */
    boolean fitsOutput(long address);

    /** Base of the initial table. */
    long root();

    /** Level of the initial table. */
    int startLevel();

    /** Lowest input-address bit that indexes the table at {@code level}. */
    int shift(int level);

    /** How many input-address bits index the table at {@code level}. */
    int indexBits(int level);

    DescriptorKind kind(long descriptor, int level);

    /** Address of the next-level table. */
    long nextTable(long descriptor);

    /** Output address of a leaf; bits below its size are zero. */
    long output(long leaf, int level);

    /** Restrictions which a table descriptor adds to those of the levels above it. */
    long restrict(long restrictions, long tableDescriptor);

    /** Whether the leaf must raise an access-flag fault. */
    boolean accessFlagFault(long leaf);

    /** Set of {@link Permissions} of a leaf under the accumulated restrictions. */
    int permissions(long leaf, long restrictions);
}
