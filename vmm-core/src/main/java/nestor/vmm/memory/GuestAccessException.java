package nestor.vmm.memory;

/**
 * A guest-physical address that no RAM backs. Checked and stackless: the component that made the
 * access turns it into its architecture's external abort; it never reaches a public signature of a
 * device.
 */
public final class GuestAccessException extends Exception {
    private static final long serialVersionUID = 1L;

    private final long gpa;

    public GuestAccessException(long gpa) {
        super(null, null, false, false);
        this.gpa = gpa;
    }

    /** The first guest-physical byte address of the access. */
    public long gpa() {
        return gpa;
    }

    @Override
    public String getMessage() {
        return "no RAM at guest-physical address 0x" + Long.toHexString(gpa);
    }
}
