package nestor.iommu.host;

/**
 * One assigned device: what each of its PASIDs is attached to. A new device is blocked.
 *
 * <p>The methods that attach replace what was attached, without a moment in between; when they
 * throw, what was attached still is. {@code pasid} is a PASID or {@link
 * nestor.pci.Requester#NO_PASID}.
 */
public interface HostDevice {
    /** Makes a domain of the guest's tables, attached to nothing yet. */
    NestedDomain nest(Stage1 stage1) throws HostException;

    /** Attaches a domain that {@link #nest} of this device made. */
    void attach(int pasid, NestedDomain domain) throws HostException;

    /** Attaches to nothing: all requests abort. */
    void block(int pasid) throws HostException;

    /** Attaches to the nest parent: untranslated, the guest's physical addresses. */
    void bypass(int pasid) throws HostException;

    /**
     * Where the device's page requests and fault events go from now on; what came before is lost.
     *
     * @param reports called on a thread of the host's
     */
    void report(HostReports reports);

    /**
     * Answers a group of page requests. Any thread.
     *
     * @param cookie the host's name of the group
     * @param resolved whether the pages are there now
     * @throws HostException EINVAL (22) if the group is not waiting any more
     */
    void respond(int cookie, boolean resolved) throws HostException;

    /**
     * Gives the device back to the host: whatever was attached is not, nothing more is reported.
     */
    void release() throws HostException;
}
