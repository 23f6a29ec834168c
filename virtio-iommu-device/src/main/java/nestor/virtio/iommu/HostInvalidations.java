package nestor.virtio.iommu;

import nestor.iommu.IovaRange;
import nestor.iommu.host.HostBinding;
import nestor.iommu.host.SmmuCommands;
import nestor.virtio.iommu.table.TableDescriptor;

/** INVALIDATE requests in the words of the host that caches assigned endpoints' tables. */
final class HostInvalidations {
    /** Pages that are named one by one; more of them are the whole ASID. */
    private static final int MAX_PAGES = 64;

    private static final int PAGE_LOG2 = 12;

    private final HostBinding host;

    HostInvalidations(HostBinding host) {
        this.host = host;
    }

    /** At the host's next flush; what its Device-TLBs hold goes by way of the endpoints. */
    void drop(TableRequest.Invalidate request, TableDomain domain, IovaRange range) {
        for (int endpoint : domain.endpoints()) {
            if (!host.isAssigned(endpoint)) {
                continue;
            }
            switch (domain.descriptor()) {
                case TableDescriptor.ContextTable _ -> {
                    if (request.pasidCache()) {
                        dropContexts(request, endpoint);
                    }
                    if (request.iotlb()) {
                        dropTranslations(request, range);
                    }
                }
                case TableDescriptor.FirstStage table -> {
                    if (request.iotlb() || request.pasidCache()) {
                        host.invalidate(endpoint, table.pasid(), range, false);
                    }
                }
                case TableDescriptor.ArmStage1 _ -> {} // no host walks it
            }
        }
    }

    /**
     * An endpoint leaves a domain. Another domain may have the same tables, with nothing of theirs
     * cached; a host knows tables and ASIDs, not domains.
     */
    void left(int endpoint, TableDomain domain) {
        switch (domain.descriptor()) {
            case TableDescriptor.ContextTable _ -> {
                host.invalidate(endpoint, SmmuCommands.cfgiCdAll(endpoint));
                host.invalidate(endpoint, SmmuCommands.tlbiAll());
            }
            case TableDescriptor.FirstStage table ->
                    host.invalidate(endpoint, table.pasid(), IovaRange.ALL, false);
            case TableDescriptor.ArmStage1 _ -> {} // no host walks it
        }
    }

    private void dropContexts(TableRequest.Invalidate request, int endpoint) {
        boolean whole =
                request.scope() == TableRequest.Scope.DOMAIN
                        || !request.hasPasid() && request.hasAsid();
        int pasid = request.hasPasid() ? request.pasid() : 0;
        host.invalidate(
                endpoint,
                whole ? SmmuCommands.cfgiCdAll(endpoint) : SmmuCommands.cfgiCd(endpoint, pasid));
    }

    /** Hosts tag translations by ASID; a PASID's is not known, unless the request has it. */
    private void dropTranslations(TableRequest.Invalidate request, IovaRange range) {
        boolean whole = request.scope() == TableRequest.Scope.DOMAIN;
        boolean tagged = !whole && request.hasAsid();
        long pages = (range.last() - range.first() >>> PAGE_LOG2) + 1;
        if (whole || range.equals(IovaRange.ALL) || pages > MAX_PAGES) {
            host.invalidate(tagged ? SmmuCommands.tlbiAsid(asid(request)) : SmmuCommands.tlbiAll());
            return;
        }
        for (long page = 0; page < pages; page++) {
            long iova = range.first() + (page << PAGE_LOG2);
            host.invalidate(
                    tagged ? SmmuCommands.tlbiVa(asid(request), iova) : SmmuCommands.tlbiVaa(iova));
        }
    }

    private static int asid(TableRequest.Invalidate request) {
        return request.asid() & 0xffff;
    }
}
