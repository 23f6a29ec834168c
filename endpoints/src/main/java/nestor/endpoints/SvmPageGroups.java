package nestor.endpoints;

import java.util.List;
import nestor.pci.AtsPort;
import nestor.pci.PageRequest;
import nestor.pci.Requester;

/** The Page Request Groups of an enabled PASID: credit, indices, and L (§3.2c). */
final class SvmPageGroups {
    private final AtsPort port;
    private final int credit;
    private int index;

    /**
     * @param credit requests that may be outstanding
     * @param index of the first group
     */
    SvmPageGroups(AtsPort port, int credit, int index) {
        this.port = port;
        this.credit = credit;
        this.index = index;
    }

    /** Index of the next group. */
    int index() {
        return index;
    }

    /**
     * Requests pages in one group, as many as credit allows; the last carries L.
     *
     * @return the group's index, or -1 if a request was refused
     */
    int request(Requester requester, List<Long> pages, int access) {
        int group = index;
        int count = Math.min(pages.size(), credit);
        if (count == 0) {
            return -1;
        }
        index = (index + 1) % PageRequest.PRG_INDICES;
        for (int i = 0; i < count; i++) {
            AtsPort.PageRequestOutcome outcome =
                    port.requestPage(requester, pages.get(i), access, group, i == count - 1);
            if (outcome != AtsPort.PageRequestOutcome.SENT) {
                return -1;
            }
        }
        return group;
    }
}
