package nestor.vtd.command;

/** Why the invalidation queue stopped with FSTS_REG.IQE: IQERCD_REG.IQEI (§11.4.9.9). */
public enum QueueError {
    NO_INFORMATION,
    /** IQT_REG is beyond the queue. */
    INVALID_TAIL,
    /** Nothing backs the descriptor's address. */
    FETCH,
    /** The descriptor's type is unknown, or of a feature the unit lacks. */
    INVALID_TYPE,
    /** A reserved bit is set, or a field has a reserved value. */
    RESERVED_FIELD,
    /** IQA_REG.DW does not go with the unit or with the root table's type. */
    INVALID_WIDTH,
    /** IQT_REG is not a multiple of the descriptor size. */
    TAIL_NOT_ALIGNED,
    /** The root table is of no type that the unit knows. */
    INVALID_ROOT_TABLE_TYPE;

    /** The IQEI field. */
    public int code() {
        return ordinal();
    }
}
