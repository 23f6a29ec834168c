package nestor.paging;

/**
 * The stage of translation under a table refused a walk's access to it. Checked and stackless; the
 * walker turns it into its own result.
 */
public final class TableFaultException extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient WalkResult.Fault fault;

    TableFaultException(WalkResult.Fault fault) {
        super(null, null, false, false);
        this.fault = fault;
    }

    /** What that stage met; its input is the address of the descriptor. */
    public WalkResult.Fault fault() {
        return fault;
    }

    @Override
    public String getMessage() {
        return fault.toString();
    }
}
