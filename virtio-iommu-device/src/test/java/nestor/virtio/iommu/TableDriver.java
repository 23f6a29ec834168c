package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.le;
import static nestor.virtio.iommu.TableHarness.DEVERR;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.F_PASID;
import static nestor.virtio.iommu.TableHarness.IOTLB;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.iommu.TableHarness.PASID_CACHE;
import static nestor.virtio.iommu.TableHarness.VA;
import static nestor.virtio.iommu.TableHarness.cdWord0;
import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import nestor.iommu.oracle.TranslationCache;
import nestor.paging.Permissions;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.TranslationAgent;
import nestor.testkit.ModelDriver;
import nestor.testkit.PageTables;
import nestor.virtio.iommu.table.TableKind;

/**
 * A driver of a virtio-iommu with tables for the scenarios that every model must pass: a table of
 * Context descriptors in one domain, or a first stage of VT-d in a domain for each PASID.
 */
final class TableDriver implements ModelDriver {
    private static final int DOMAIN = 1;
    private static final int REPORT_BYTES = 48;
    private static final int REPORTS = 12;
    private static final int S1CDMAX = 4;
    private static final int SLOTS = 16;
    private static final long SLOT_BYTES = 256;
    private static final long TAIL = 128;
    private static final long NOT_GLOBAL = 1L << 11;

    private final TableProfile profile;
    private final boolean contexts;
    private final TableHarness tables;
    private final TableHarness.RecordingEndpoint endpoint;
    private final Map<Integer, PageTables> spaces = new HashMap<>();
    private final Deque<ByteBuffer> faults = new ArrayDeque<>();
    private final Deque<ByteBuffer> pageRequests = new ArrayDeque<>();
    private final long cds;
    private final long buffer;

    /** Requests that were made, replies that came, and the worst of them. */
    private int submitted;

    private int answered;
    private int status;

    TableDriver(TableProfile profile, TableKind kind) {
        this.profile = profile;
        this.contexts = kind == TableKind.ARM_SMMUV3;
        this.tables = new TableHarness(profile);
        this.endpoint = tables.record(ENDPOINT);
        this.cds = tables.machine.allocate(4096);
        this.buffer = tables.machine.allocate(4096);
        tables.eventBuffers(REPORTS, REPORT_BYTES);
        if (contexts) {
            assertThat(tables.iommu.status(attachContexts())).isEqualTo(OK);
        }
        endpoint.completes = false;
    }

    private byte[] attachContexts() {
        if (profile != TableProfile.HW) {
            return TableHarness.attachCds(DOMAIN, ENDPOINT, 0, 2, cds, S1CDMAX);
        }
        byte[] bytes = new byte[124];
        le(bytes)
                .put(0, (byte) 6)
                .putInt(4, DOMAIN)
                .putInt(8, ENDPOINT)
                .put(12, (byte) 1)
                .putLong(16, 1 | 5 << 1 | cds | (long) S1CDMAX << 59)
                .putLong(24, 2);
        return bytes;
    }

    private byte[] attachFirstStage(int pasid, long root) {
        if (profile != TableProfile.RFC2023) {
            return TableHarness.attachX86(domain(pasid), ENDPOINT, pasid, root, 0, 48);
        }
        byte[] bytes = new byte[84];
        le(bytes)
                .put(0, (byte) 6)
                .putInt(4, domain(pasid))
                .putInt(8, ENDPOINT)
                .putShort(16, (short) 4)
                .putInt(20, pasid)
                .putLong(24, root)
                .putInt(40, 48);
        return bytes;
    }

    private int domain(int pasid) {
        return contexts ? DOMAIN : DOMAIN + pasid;
    }

    @Override
    public TranslationAgent agent() {
        return tables.device;
    }

    @Override
    public int rid() {
        return ENDPOINT;
    }

    @Override
    public void bind(int pasid) {
        PageTables space = contexts ? tables.arm() : tables.x86(4);
        spaces.put(pasid, space);
        if (contexts) {
            tables.writeCd(cds + 64L * pasid, cdWord0(pasid), space.root());
        } else {
            byte[] attach = attachFirstStage(pasid, space.root());
            assertThat(tables.iommu.status(attach)).isEqualTo(OK);
        }
    }

    /** A first stage has nothing in memory to clear: its domain is left when it is invalidated. */
    @Override
    public void clear(int pasid) {
        if (contexts) {
            tables.store(cds + 64L * pasid, 0);
        }
    }

    private PageTables space(int pasid) {
        return Objects.requireNonNull(spaces.get(pasid));
    }

    @Override
    public void map(int pasid, long page, long gpa, boolean writable) {
        int permissions = Permissions.READ | (writable ? Permissions.WRITE : 0);
        space(pasid).map(page, gpa, 12, permissions, contexts ? NOT_GLOBAL : 0);
    }

    @Override
    public void unmap(int pasid, long page) {
        space(pasid).unmap(page);
    }

    /** The reply is the sync. */
    private void submit(byte[] request) {
        long at = slot(submitted++);
        tables.machine.write(at, request);
        tables.iommu.requests.offer(readable(at, request.length), writable(at + TAIL, 4));
        tables.iommu.requests.kick();
        settle();
    }

    private long slot(int number) {
        return buffer + number % SLOTS * SLOT_BYTES;
    }

    @Override
    public void invalidate(int pasid, long page) {
        submit(
                profile == TableProfile.HW
                        ? hwInvalidate(3, 2, pasid, page)
                        : TableHarness.invalidateBytes(
                                VA, IOTLB, F_PASID, domain(pasid), pasid, 0, page, 1, 12));
    }

    /** INVALIDATE of the IOTLB implies the device TLB, which alone can be asked for. */
    @Override
    public void invalidateOnly(TranslationCache cache, int pasid, long page) {
        if (cache == TranslationCache.IOTLB || profile == TableProfile.HW) {
            throw new UnsupportedOperationException("no such INVALIDATE");
        }
        submit(
                TableHarness.invalidateBytes(
                        VA, TableHarness.DEV_IOTLB, F_PASID, domain(pasid), pasid, 0, page, 1, 12));
    }

    @Override
    public void invalidateContext(int pasid) {
        if (!contexts) {
            submit(IommuHarness.detachBytes(domain(pasid), ENDPOINT));
        } else if (profile == TableProfile.HW) {
            submit(hwInvalidate(2, 3, pasid, 0));
        } else {
            submit(
                    TableHarness.invalidateBytes(
                            TableHarness.PASID,
                            PASID_CACHE | IOTLB,
                            F_PASID,
                            DOMAIN,
                            pasid,
                            0,
                            0,
                            0,
                            0));
        }
    }

    private static byte[] hwInvalidate(int scope, int caches, int pasid, long page) {
        byte[] bytes = new byte[60];
        le(bytes)
                .put(0, (byte) 7)
                .put(4, (byte) scope)
                .put(5, (byte) caches)
                .putShort(6, (short) 2)
                .putInt(8, DOMAIN)
                .putInt(12, pasid)
                .putLong(24, page)
                .putLong(32, 1)
                .put(40, (byte) 12);
        return bytes;
    }

    @Override
    public boolean isSynchronized() {
        return answered == submitted && status == OK;
    }

    @Override
    public boolean hasTimedOut() {
        return status == DEVERR;
    }

    @Override
    public void acknowledge() {
        while (!endpoint.completions.isEmpty()) {
            endpoint.completions.removeFirst().run();
            settle();
        }
        settle();
    }

    @Override
    public void advance(long nanos) {
        tables.clock.advance(nanos);
        settle();
    }

    @Override
    public void settle() {
        tables.machine.run();
        for (var used : tables.iommu.requests.drain()) {
            assertThat(used.length()).isEqualTo(4);
            status = Math.max(status, tables.machine.read(slot(answered++) + TAIL, 1)[0]);
        }
    }

    private void collect() {
        for (byte[] report : tables.reports()) {
            ByteBuffer bytes = le(report);
            (isPageRequest(bytes) ? pageRequests : faults).add(bytes);
        }
    }

    private boolean isPageRequest(ByteBuffer report) {
        return switch (profile) {
            case RFC2021 -> report.getShort(4) == 2;
            case NESTOR -> (report.getInt(4) & 1 << 5) != 0;
            case NONE, RFC2023, HW -> false;
        };
    }

    @Override
    public Optional<Fault> takeFault() {
        collect();
        ByteBuffer report = faults.poll();
        if (report == null) {
            return Optional.empty();
        }
        Fault.Kind kind =
                switch (report.get(0)) {
                    case 1 -> Fault.Kind.NO_CONTEXT;
                    case 2, 4 -> Fault.Kind.NOT_MAPPED;
                    case 5 -> Fault.Kind.NOT_PERMITTED;
                    default -> throw new AssertionError("reason " + report.get(0));
                };
        return Optional.of(
                profile == TableProfile.RFC2021
                        ? new Fault(
                                kind, report.getInt(16), pasid(report, 12, 1, 20), page(report, 32))
                        : new Fault(
                                kind,
                                report.getInt(8),
                                pasid(report, 4, 1 << 9, 12),
                                page(report, 16)));
    }

    private static int pasid(ByteBuffer report, int flagsAt, int valid, int at) {
        return (report.getInt(flagsAt) & valid) != 0 ? report.getInt(at) : Requester.NO_PASID;
    }

    private static long page(ByteBuffer report, int at) {
        return report.getLong(at) & -0x1000;
    }

    @Override
    public Optional<QueuedRequest> takePageRequest() {
        collect();
        ByteBuffer report = pageRequests.poll();
        if (report == null) {
            return Optional.empty();
        }
        return Optional.of(
                profile == TableProfile.RFC2021
                        ? new QueuedRequest(
                                report.getInt(16),
                                report.getInt(20),
                                report.getLong(32),
                                report.getInt(24),
                                (report.getInt(12) & 2) != 0)
                        : new QueuedRequest(
                                report.getInt(8),
                                report.getInt(12),
                                report.getLong(16),
                                report.getShort(24),
                                (report.getInt(4) & 1 << 4) != 0));
    }

    @Override
    public void respond(QueuedRequest last, int code) {
        int answer = code == PageResponse.SUCCESS ? 0 : 1;
        byte[] bytes;
        if (profile == TableProfile.RFC2021) {
            bytes = new byte[36];
            le(bytes)
                    .putInt(8, last.rid())
                    .putInt(12, 1)
                    .putInt(16, last.pasid())
                    .putInt(20, last.prgIndex())
                    .putShort(24, (short) answer);
        } else {
            bytes = new byte[28];
            le(bytes)
                    .putInt(4, last.rid())
                    .putInt(8, 1)
                    .putInt(12, last.pasid())
                    .putShort(16, (short) last.prgIndex())
                    .putShort(18, (short) answer);
        }
        bytes[0] = 8;
        submit(bytes);
    }

    @Override
    public Optional<PageResponse> response() {
        return endpoint.responses.isEmpty()
                ? Optional.empty()
                : Optional.of(endpoint.responses.getLast());
    }
}
