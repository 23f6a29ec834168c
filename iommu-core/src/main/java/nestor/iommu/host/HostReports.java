package nestor.iommu.host;

import java.util.List;

/**
 * What a host reports of an assigned device. Called on the thread that reads the host's queues,
 * with no lock held; must not wait for the guest.
 */
public interface HostReports {
    /**
     * One page of a group of page requests.
     *
     * @param iova of the page
     * @param access {@link nestor.pci.Translation#READ}, {@code WRITE}, {@code EXECUTE} or'ed
     * @param privileged Privileged Mode Requested
     */
    record Page(long iova, int access, boolean privileged) {}

    /**
     * A whole group, to be answered once with {@link HostDevice#respond}.
     *
     * @param pasid or {@link nestor.pci.Requester#NO_PASID}
     * @param cookie the host's name of the group
     */
    record PageGroup(int pasid, int cookie, List<Page> pages) {
        public PageGroup {
            pages = List.copyOf(pages);
        }
    }

    /**
     * A record of the SMMUv3 Event queue, with the guest's StreamID (IHI 0070, §7.3): the four
     * doublewords.
     */
    record SmmuV3Event(long dw0, long dw1, long dw2, long dw3) {}

    /** Pages are asked for. */
    void pageGroup(PageGroup group);

    /** A request faulted, and was aborted. */
    void event(SmmuV3Event event);
}
