package nestor.paging;

/** The outcome of a table walk. */
public sealed interface WalkResult {
    /**
     * A leaf was found.
     *
     * @param output base address of the page or block, in the output address space
     * @param sizeLog2 log2 of the page's or block's size in bytes
     * @param level of the leaf descriptor
     * @param permissions a set of {@link Permissions}, after hierarchical controls
     * @param leaf the leaf descriptor itself, for the attributes of its format
     */
    record Mapping(long output, int sizeLog2, int level, int permissions, long leaf)
            implements WalkResult {
        /** The output address of one input address inside this mapping. */
        public long translate(long input) {
            return output | (input & ((1L << sizeLog2) - 1));
        }
    }

    /**
     * The walk ended without an accessible leaf.
     *
     * @param level where it ended
     * @param address the input address; for a fault on a table fetch, that of the descriptor
     * @param onTableFetch whether reading a descriptor failed, rather than what it says
     */
    record Fault(Kind kind, int level, long address, boolean onTableFetch) implements WalkResult {}

    /** Why a walk faults. */
    enum Kind {
        /** Nothing is mapped, or a descriptor is reserved. */
        TRANSLATION,
        /** A table or output address has more bits than the output address space. */
        ADDRESS_SIZE,
        /** The leaf's access flag is clear and software manages it. */
        ACCESS_FLAG,
        /** The mapping does not allow the access. */
        PERMISSION,
        /** Nothing backs the address of a descriptor. */
        EXTERNAL_ABORT
    }
}
