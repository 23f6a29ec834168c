package nestor.iommu.host;

/** A call to the host failed. Whoever catches it decides what the guest sees; nothing is lost. */
public final class HostException extends Exception {
    private static final long serialVersionUID = 1L;

    private final String operation;
    private final int errno;

    /**
     * A failure.
     *
     * @param operation what was asked, for example {@code ioctl(IOMMU_HWPT_ALLOC)}
     * @param errno the host's error number, positive
     */
    public HostException(String operation, int errno) {
        super(operation + " failed, errno " + errno);
        this.operation = operation;
        this.errno = errno;
    }

    public String operation() {
        return operation;
    }

    public int errno() {
        return errno;
    }
}
