package nestor.vtd.command;

/** Why the invalidation queue stopped with FSTS_REG.IQE: IQERCD_REG.IQEI (§11.4.9.9). */
public enum QueueError {
    /** IQT_REG is beyond the queue. */
    INVALID_TAIL(1),
    /** Nothing backs the descriptor's address. */
    FETCH(2),
    /** The descriptor's type is unknown, or of a feature the unit lacks. */
    INVALID_TYPE(3),
    /** A reserved bit is set, or a field has a reserved value. */
    RESERVED_FIELD(4),
    /** IQA_REG.DW does not go with the unit or with the root table's type. */
    INVALID_WIDTH(5),
    /** IQT_REG is not a multiple of the descriptor size. */
    TAIL_NOT_ALIGNED(6),
    /** The root table is of no type that the unit knows. */
    INVALID_ROOT_TABLE_TYPE(7);

    private final int code;

    QueueError(int code) {
        this.code = code;
    }

    /** The IQEI field. */
    public int code() {
        return code;
    }
}
