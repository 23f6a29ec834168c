package nestor.smmuv3.command;

/** Why command consumption stopped (IHI 0070, §7.1): SMMU_CMDQ_CONS.ERR. */
public enum CommandError {
    /** A reserved or unsupported opcode, or a reserved field value. */
    CERROR_ILL(1),
    /** The command could not be read. */
    CERROR_ABT(2),
    /** An ATC invalidation before this CMD_SYNC did not complete in time. */
    CERROR_ATC_INV_SYNC(3);

    private final int code;

    CommandError(int code) {
        this.code = code;
    }

    /** The value of CONS.ERR. */
    public int code() {
        return code;
    }
}
