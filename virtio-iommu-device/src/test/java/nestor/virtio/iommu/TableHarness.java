package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.le;
import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nestor.iommu.AtcInvalidator;
import nestor.iommu.AtsRoute;
import nestor.iommu.IovaRange;
import nestor.iommu.host.HostBinding;
import nestor.paging.AccessTracking;
import nestor.paging.Permissions;
import nestor.paging.VmsaV8Geometry;
import nestor.paging.VmsaV8Stage1;
import nestor.paging.X86Paging;
import nestor.pci.AddressType;
import nestor.pci.AtsEndpoint;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import nestor.testkit.TablePages;
import nestor.virtio.testkit.TestMachine;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.time.ManualClock;

/** A virtio-iommu with tables, and its driver's side: requests as bytes, tables in memory. */
final class TableHarness {
    static final int ENDPOINT = IommuHarness.ENDPOINT;
    static final int OTHER_ENDPOINT = IommuHarness.OTHER_ENDPOINT;
    static final int ALL_PERMISSIONS = Permissions.READ | Permissions.WRITE;
    static final long PHYS = TestMachine.RAM + (48L << 20);

    static final int OK = 0;
    static final int UNSUPP = 2;
    static final int DEVERR = 3;
    static final int INVAL = 4;
    static final int RANGE = 5;
    static final int NOENT = 6;
    static final int FAULT = 7;
    static final int NOMEM = 8;

    /** INVALIDATE in the layout of 2021. */
    static final int DOMAIN = 1;

    static final int PASID = 2;
    static final int VA = 4;
    static final int IOTLB = 1;
    static final int DEV_IOTLB = 2;
    static final int PASID_CACHE = 4;
    static final int F_PASID = 1;
    static final int F_ARCHID = 2;
    static final int F_LEAF = 4;

    /** A function that keeps what it is sent. */
    static final class RecordingEndpoint implements AtsEndpoint {
        final List<InvalidateRequest> invalidations = new ArrayList<>();
        final List<Runnable> completions = new ArrayList<>();
        final List<PageResponse> responses = new ArrayList<>();
        boolean completes = true;

        @Override
        public void invalidate(InvalidateRequest request, Runnable complete) {
            invalidations.add(request);
            if (completes) {
                complete.run();
            } else {
                completions.add(complete);
            }
        }

        @Override
        public void pageResponse(PageResponse response) {
            responses.add(response);
        }

        @Override
        public void disabled() {}
    }

    final TestMachine machine = new TestMachine();
    final ManualClock clock = new ManualClock();
    final HostBinding host = new HostBinding(clock);
    final Map<Integer, RecordingEndpoint> endpoints = new HashMap<>();
    final TablePages pages =
            new TablePages(machine.memory(), TestMachine.RAM + (16L << 20), 16L << 20);
    final IommuHarness iommu;
    final VirtioIommu device;

    TableHarness(TableProfile profile) {
        this(profile, -1L);
    }

    /** A driver that accepts {@code features} of those offered. */
    TableHarness(TableProfile profile, long features) {
        this(
                profile,
                features,
                new VirtioIommuConfig(
                        -4096,
                        IovaRange.ALL,
                        0,
                        -1,
                        List.of(),
                        false,
                        new VirtioIommuConfig.Limits(16, 64)));
    }

    TableHarness(TableProfile profile, long features, VirtioIommuConfig config) {
        AtsRoute functions = host.route(this::route);
        var invalidator = new AtcInvalidator(functions, clock, AtcInvalidator.TIMEOUT_NANOS);
        var support =
                new TableSupport(
                        profile,
                        48,
                        20,
                        machine.memory(),
                        functions,
                        invalidator,
                        rid -> !withoutTables.contains(rid),
                        host);
        iommu = new IommuHarness(machine, clock, config, features, Optional.of(support));
        device = iommu.iommu;
    }

    private Optional<AtsEndpoint> route(int rid) {
        AtsEndpoint recording = endpoints.get(rid);
        return Optional.ofNullable(recording).or(() -> machine.host().atsEndpoint(rid));
    }

    /** Endpoints that are not to be attached to tables. */
    final List<Integer> withoutTables = new ArrayList<>();

    RecordingEndpoint record(int rid) {
        return endpoints.computeIfAbsent(rid, _ -> new RecordingEndpoint());
    }

    static byte[] hex(String bytes) {
        return HexFormat.of().parseHex(bytes.replaceAll("\\s", ""));
    }

    static Requester pasid(int rid, int pasid) {
        return new Requester(rid, pasid, false);
    }

    static Requester plain(int rid) {
        return Requester.withoutPasid(rid);
    }

    /** Empty Arm tables: 4 KiB granule, 48 bits. */
    PageTables arm() {
        return arm(12, 48, AccessTracking.SOFTWARE);
    }

    PageTables arm(int granuleLog2, int inputBits, AccessTracking tracking) {
        return PageTables.in(
                pages,
                root ->
                        new VmsaV8Stage1(
                                new VmsaV8Geometry(granuleLog2, inputBits, 48, false),
                                root,
                                false,
                                false,
                                false,
                                false,
                                tracking));
    }

    PageTables x86(int levels) {
        return PageTables.in(
                pages,
                root ->
                        new X86Paging(
                                levels,
                                root,
                                48,
                                true,
                                X86Paging.ExecuteDisable.ENABLED,
                                false,
                                false));
    }

    /** Doubleword 0 of a Context descriptor as Linux writes it; the granule is 4 KiB. */
    static long cdWord0(int asid) {
        return 16 | 1L << 30 | 1L << 31 | 5L << 32 | 1L << 41 | 7L << 45 | (long) asid << 48;
    }

    void writeCd(long gpa, long word0, long ttb) {
        store(gpa + 8, ttb, 0, 0);
        store(gpa, word0);
    }

    void store(long gpa, long... words) {
        try {
            for (int i = 0; i < words.length; i++) {
                machine.memory().setLongLe(gpa + 8L * i, words[i]);
            }
        } catch (GuestAccessException outside) {
            throw new AssertionError(outside);
        }
    }

    /** TCR_EL1 as Linux writes it: 48-bit outputs, EPD1, HPD0, HPD1. */
    static long tcr(int granuleLog2, int inputBits) {
        long tg0 = granuleLog2 == 12 ? 0 : granuleLog2 == 14 ? 2 : 1;
        return 64 - inputBits | tg0 << 14 | 3 << 12 | 1 << 23 | 5L << 32 | 1L << 36 | 3L << 41;
    }

    /** ATTACH_TABLE of 2021 for a table of Context descriptors. */
    static byte[] attachCds(int domain, int rid, int s1Fmt, int s1Dss, long base, int s1CdMax) {
        byte[] bytes = new byte[76];
        le(bytes)
                .put(0, (byte) 6)
                .putInt(4, domain)
                .putInt(8, rid)
                .putShort(12, (short) 2)
                .put(14, (byte) s1Fmt)
                .put(15, (byte) s1Dss)
                .putLong(16, base)
                .putInt(24, s1CdMax);
        return bytes;
    }

    /** ATTACH_TABLE of 2021 for an Arm table. */
    static byte[] attachArm(int domain, int rid, int asid, long tcr, long ttbr) {
        byte[] bytes = new byte[76];
        le(bytes)
                .put(0, (byte) 6)
                .putInt(4, domain)
                .putInt(8, rid)
                .putShort(12, (short) 1)
                .putShort(14, (short) asid)
                .putLong(16, tcr)
                .putLong(24, ttbr)
                .putLong(32, 0xff);
        return bytes;
    }

    /** Nestor's ATTACH_TABLE for a first stage of VT-d. */
    static byte[] attachX86(int domain, int rid, int pasid, long gpa, long flags, int bits) {
        byte[] bytes = new byte[76];
        le(bytes)
                .put(0, (byte) 6)
                .putInt(4, domain)
                .putInt(8, rid)
                .putShort(12, (short) 4)
                .putLong(16, gpa)
                .putLong(24, flags)
                .putInt(32, bits)
                .putInt(36, pasid);
        return bytes;
    }

    /** INVALIDATE of 2021. */
    static byte[] invalidateBytes(
            int scope,
            int caches,
            int flags,
            int domain,
            int pasid,
            long archid,
            long first,
            long pages,
            int granuleLog2) {
        byte[] bytes = new byte[60];
        le(bytes)
                .put(0, (byte) 7)
                .putShort(4, (short) scope)
                .putShort(6, (short) caches)
                .putShort(8, (short) flags)
                .putInt(12, domain)
                .putInt(16, pasid)
                .putLong(24, archid)
                .putLong(32, first)
                .putLong(40, pages)
                .put(48, (byte) granuleLog2);
        return bytes;
    }

    int invalidateDomain(int domain, int caches) {
        return iommu.status(invalidateBytes(DOMAIN, caches, 0, domain, 0, 0, 0, 0, 0));
    }

    int invalidatePasid(int domain, int caches, int pasid) {
        return iommu.status(invalidateBytes(PASID, caches, F_PASID, domain, pasid, 0, 0, 0, 0));
    }

    int invalidatePages(int domain, int caches, int pasid, long first, long count) {
        return iommu.status(
                invalidateBytes(VA, caches, F_PASID, domain, pasid, 0, first, count, 12));
    }

    /** The GPA that an access reaches; -1 if it is refused. */
    long translate(Requester requester, long iova, int access) {
        Translation answer = device.translate(requester, AddressType.UNTRANSLATED, iova, access);
        return answer instanceof Translation.Mapping mapping ? mapping.gpa(iova) : -1;
    }

    long read(Requester requester, long iova) {
        return translate(requester, iova, Translation.READ);
    }

    /** A request that is on its way. */
    final class Sent {
        private final long buffer = machine.allocate(4096);

        Sent(byte[] request) {
            machine.write(buffer, request);
            machine.write(buffer + 1024, (byte) 0xa5);
            iommu.requests.offer(readable(buffer, request.length), writable(buffer + 1024, 4));
            iommu.requests.kick();
        }

        void assertParked() {
            machine.run();
            assertThat(iommu.requests.drain()).describedAs("parked").isEmpty();
        }

        int status() {
            machine.run();
            assertThat(iommu.requests.drain()).hasSize(1);
            return machine.read(buffer + 1024, 1)[0];
        }
    }

    /** Gives the device event buffers; the device's reports come back with {@link #reports}. */
    void eventBuffers(int count, int sizeBytes) {
        for (long buffer : iommu.eventBuffers(count, sizeBytes)) {
            buffers.add(buffer);
        }
    }

    private final List<Long> buffers = new ArrayList<>();

    /** The driver resets the device, and sets it up anew; it has no event buffers then. */
    void restart() {
        iommu.restart();
        buffers.clear();
    }

    /** What the device has written into event buffers since the last time. */
    List<byte[]> reports() {
        machine.run();
        List<byte[]> reports = new ArrayList<>();
        iommu.events
                .drain()
                .forEach(used -> reports.add(machine.read(buffers.removeFirst(), used.length())));
        return reports;
    }

    /** The only report there is, as hexadecimal digits in groups of eight. */
    String report() {
        List<byte[]> all = reports();
        assertThat(all).hasSize(1);
        return words(all.getFirst());
    }

    static String words(byte[] bytes) {
        List<String> words = new ArrayList<>();
        for (int at = 0; at < bytes.length; at += 4) {
            byte[] word = Arrays.copyOfRange(bytes, at, Math.min(at + 4, bytes.length));
            words.add(HexFormat.of().formatHex(word));
        }
        return String.join(" ", words);
    }
}
