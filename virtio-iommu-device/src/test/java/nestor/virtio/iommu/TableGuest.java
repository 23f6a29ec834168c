package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.le;
import static nestor.virtio.iommu.TableHarness.DEVERR;
import static nestor.virtio.iommu.TableHarness.DEV_IOTLB;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.F_PASID;
import static nestor.virtio.iommu.TableHarness.INVAL;
import static nestor.virtio.iommu.TableHarness.IOTLB;
import static nestor.virtio.iommu.TableHarness.NOENT;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.PASID_CACHE;
import static nestor.virtio.iommu.TableHarness.VA;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nestor.hostsim.SimulatedDevice;
import nestor.hostsim.SimulatedHost;
import nestor.iommu.host.HostException;
import nestor.iommu.host.HostIommu;
import nestor.pci.PageResponse;
import nestor.testkit.AssignedGuest;
import nestor.testkit.ModelDriver.QueuedRequest;
import nestor.testkit.PageTables;
import nestor.virtio.iommu.table.TableKind;
import nestor.vmm.memory.GuestMemory;

/**
 * A driver of tables, with one endpoint of a host's: on an SMMUv3 a table of Context descriptors in
 * one domain, on VT-d a first stage in a domain for each PASID and address space.
 */
final class TableGuest implements AssignedGuest {
    private static final int S1CDMAX = 4;
    private static final int PASIDS = 8;
    private static final int EVERYTHING = PASID_CACHE | IOTLB | DEV_IOTLB;

    final TableHarness tables = new TableHarness(TableProfile.NESTOR);
    private final boolean contexts;
    private final List<PageTables> spaces;
    private final List<Long> pages;
    private final long cds;
    private final Deque<ByteBuffer> pageRequests = new ArrayDeque<>();

    /** By PASID, the domain it is attached to; of Context descriptors, by 0. */
    private final Map<Integer, Integer> domains = new HashMap<>();

    private Refusal refusal = Refusal.NONE;

    /** Whether requests may fail that name a domain which a refusal has ended. */
    private boolean refusedBefore;

    TableGuest(TableKind kind) {
        contexts = kind == TableKind.ARM_SMMUV3;
        spaces = List.of(space(), space());
        pages = List.of(page(), page(), page());
        cds = page();
        tables.eventBuffers(12, 48);
    }

    private PageTables space() {
        return contexts ? tables.arm() : tables.x86(4);
    }

    private long page() {
        return tables.machine.allocate(4096);
    }

    @Override
    public SimulatedDevice device(SimulatedHost kernel, String path) {
        return (contexts ? kernel.smmuV3() : kernel.vtd()).device(path, true);
    }

    @Override
    public GuestMemory memory() {
        return tables.machine.memory();
    }

    @Override
    public int rid() {
        return ENDPOINT;
    }

    @Override
    public long page(int number) {
        return pages.get(number);
    }

    @Override
    public PageTables tables(int space) {
        return spaces.get(space);
    }

    @Override
    public void assign(HostIommu host) throws HostException {
        tables.device.assign(ENDPOINT, host);
    }

    @Override
    public void unassign() {
        tables.device.unassign(ENDPOINT);
        detach();
    }

    /** What a request that attaches or detaches came to. */
    private void request(byte[] bytes) {
        int status = tables.iommu.status(bytes);
        if (status == DEVERR) {
            refusal = refusal == Refusal.NONE ? Refusal.BLOCKED : refusal;
            refusedBefore = true;
        } else if (!refusedBefore) {
            assertThat(status).isEqualTo(OK);
        } else {
            assertThat(status).isIn(OK, INVAL, NOENT);
        }
    }

    /** What an ATC has kept is not blocked, if the table of Context descriptors is hardware's. */
    private void forget(byte[] bytes) {
        Refusal before = refusal;
        refusal = Refusal.NONE;
        request(bytes);
        if (refusal == Refusal.BLOCKED && contexts) {
            refusal = Refusal.NOT_FORGOTTEN;
        }
        refusal = refusal == Refusal.NONE ? before : refusal;
    }

    @Override
    public void attach() {
        if (contexts) {
            leave(0);
            enter(0, 1);
        }
    }

    private void enter(int pasid, int domain) {
        domains.put(pasid, domain);
        request(
                contexts
                        ? TableHarness.attachCds(domain, ENDPOINT, 0, 2, cds, S1CDMAX)
                        : TableHarness.attachX86(
                                domain, ENDPOINT, pasid, tables(domain % 2).root(), 0, 48));
    }

    private void leave(int pasid) {
        Integer domain = domains.remove(pasid);
        if (domain != null) {
            request(IommuHarness.detachBytes(domain, ENDPOINT));
        }
    }

    @Override
    public void detach() {
        for (int pasid = 0; pasid < PASIDS; pasid++) {
            leave(pasid);
            tables.store(cds + 64L * pasid, 0);
        }
    }

    /** Another domain for the table of Context descriptors, or for PASID 0. */
    @Override
    public void changeContext() {
        enter(0, domains.getOrDefault(0, 0) == 1 ? 2 : 1);
    }

    @Override
    public void bind(int pasid, int space) {
        if (contexts) {
            tables.writeCd(cds + 64L * pasid, cdWord0(pasid), tables(space).root());
            configured(pasid);
        } else {
            enter(pasid, 2 * pasid + 2 + space);
        }
    }

    private void configured(int pasid) {
        forget(
                TableHarness.invalidateBytes(
                        TableHarness.PASID, EVERYTHING, F_PASID, domain(0), pasid, 0, 0, 0, 0));
    }

    private int domain(int pasid) {
        return domains.getOrDefault(pasid, 1);
    }

    @Override
    public void unbind(int pasid) {
        if (contexts) {
            tables.store(cds + 64L * pasid, 0);
            configured(pasid);
        } else {
            leave(pasid);
        }
    }

    @Override
    public void invalidate(int pasid, long iova) {
        int domain = domain(contexts ? 0 : pasid);
        forget(
                TableHarness.invalidateBytes(
                        VA, IOTLB | DEV_IOTLB, F_PASID, domain, pasid, 0, iova, 1, 12));
    }

    @Override
    public void reset() {
        tables.restart();
        tables.eventBuffers(12, 48);
        domains.clear();
        pageRequests.clear();
        for (int pasid = 0; pasid < PASIDS; pasid++) {
            tables.store(cds + 64L * pasid, 0);
        }
    }

    @Override
    public boolean resetsToBypass() {
        return false;
    }

    @Override
    public Refusal takeRefusal() {
        Refusal taken = refusal;
        refusal = Refusal.NONE;
        return taken;
    }

    @Override
    public Optional<QueuedRequest> takePageRequest() {
        for (byte[] report : tables.reports()) {
            ByteBuffer bytes = le(report);
            if ((bytes.getInt(4) & 1 << 5) != 0) {
                pageRequests.add(bytes);
            }
        }
        return Optional.ofNullable(pageRequests.poll())
                .map(report ->
                        new QueuedRequest(
                                report.getInt(8),
                                report.getInt(12),
                                report.getLong(16),
                                report.getShort(24),
                                (report.getInt(4) & 1 << 4) != 0));
    }

    @Override
    public void respond(QueuedRequest last, int code) {
        byte[] bytes = new byte[28];
        le(bytes)
                .put(0, (byte) 8)
                .putInt(4, last.rid())
                .putInt(8, 1)
                .putInt(12, last.pasid())
                .putShort(16, (short) last.prgIndex())
                .putShort(18, (short) (code == PageResponse.SUCCESS ? 0 : 1));
        assertThat(tables.iommu.status(bytes)).describedAs("too late is NOENT").isIn(OK, NOENT);
    }

    @Override
    public void advance(long nanos) {
        tables.clock.advance(nanos);
        tables.machine.run();
    }

    @Override
    public void close() {
        tables.machine.close();
    }
}
