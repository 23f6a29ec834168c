package nestor.hostsim;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import nestor.iommufd.Uapi.PageFault;
import nestor.pci.AddressType;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEntry;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;
import nestor.vmm.memory.GuestMemory;

/**
 * The host's IOMMU as a function sees it that does its own DMA: both stages with their caches, ATS
 * and PRI. A physical address is one of the process's.
 */
final class FunctionIommu implements TranslationAgent {
    private static final int PAGE_LOG2 = 12;
    private static final long PAGE = 1L << PAGE_LOG2;

    /** Page requests of a group whose last one has not come. */
    private record OpenGroup(int pasid, int prgIndex) {}

    private final SimulatedDevice device;
    private final GuestMemory memory;
    private final Map<OpenGroup, List<FaultQueue.Page>> open = new HashMap<>();

    FunctionIommu(SimulatedDevice device, GuestMemory memory) {
        this.device = device;
        this.memory = memory;
    }

    private static int pasid(Requester requester) {
        return requester.hasPasid() ? requester.pasid() : BoundDevice.NO_PASID;
    }

    @Override
    public Translation translate(Requester requester, AddressType type, long address, int access) {
        long page = address & -PAGE;
        if (type == AddressType.TRANSLATED) {
            return memory.contains(page, PAGE)
                    ? new Translation.Mapping(page, PAGE_LOG2, page, access)
                    : new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST);
        }
        boolean message = address - PhysicalFunction.DOORBELL >>> 20 == 0;
        if (message && !requester.hasPasid()) {
            return new Translation.Mapping(page, PAGE_LOG2, page, Translation.WRITE);
        }
        long physical = device.physical(pasid(requester), page, access);
        return physical == SimulatedDevice.ABORTED
                ? new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST)
                : new Translation.Mapping(page, PAGE_LOG2, physical, access);
    }

    /** A page at a time, with what it may be accessed for; one that is not there has no rights. */
    @Override
    public AtsCompletion requestTranslation(AtsRequest request) {
        long page = request.address() & -PAGE;
        int pasid = pasid(request.requester());
        long read = device.looked(pasid, page, Translation.READ);
        long write =
                request.noWrite()
                        ? SimulatedDevice.ABORTED
                        : device.looked(pasid, page, Translation.WRITE);
        long rights = read == SimulatedDevice.ABORTED ? 0 : AtsEntry.READ.mask();
        rights |= write == SimulatedDevice.ABORTED ? 0 : AtsEntry.WRITE.mask();
        long physical = read == SimulatedDevice.ABORTED ? write : read;
        return new AtsCompletion.Entries(
                List.of(AtsEntry.of(rights == 0 ? 0 : physical, PAGE_LOG2, rights)));
    }

    /** A group goes to the fault queue as a whole. */
    @Override
    public CompletionStatus requestPage(PageRequest request) {
        if (request.isStopMarker()) {
            return CompletionStatus.SUCCESSFUL;
        }
        int pasid = pasid(request.requester());
        OpenGroup group = new OpenGroup(pasid, request.prgIndex());
        List<FaultQueue.Page> pages;
        synchronized (open) {
            pages = open.computeIfAbsent(group, _ -> new ArrayList<>());
            pages.add(new FaultQueue.Page(permissions(request), request.iova() & -PAGE));
            if (!request.last()) {
                return CompletionStatus.SUCCESSFUL;
            }
            open.remove(group);
        }
        device.requestPages(pasid, request.prgIndex(), pages);
        return CompletionStatus.SUCCESSFUL;
    }

    private static int permissions(PageRequest request) {
        int access = request.access();
        int permissions = (access & Translation.READ) != 0 ? PageFault.READ : 0;
        permissions |= (access & Translation.WRITE) != 0 ? PageFault.WRITE : 0;
        permissions |= (access & Translation.EXECUTE) != 0 ? PageFault.EXEC : 0;
        return permissions | (request.requester().privileged() ? PageFault.PRIV : 0);
    }

    @Override
    public long enterDma() {
        return device.enterDma();
    }

    @Override
    public void exitDma(long ticket) {
        device.exitDma(ticket);
    }
}
