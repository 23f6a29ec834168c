package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.BYPASS;
import static nestor.virtio.iommu.IommuHarness.ENDPOINT;
import static nestor.virtio.iommu.IommuHarness.MMIO;
import static nestor.virtio.iommu.IommuHarness.OTHER_ENDPOINT;
import static nestor.virtio.iommu.IommuHarness.PROBE_BYTES;
import static nestor.virtio.iommu.IommuHarness.READ;
import static nestor.virtio.iommu.IommuHarness.WRITE;
import static nestor.virtio.iommu.IommuHarness.attachBytes;
import static nestor.virtio.iommu.IommuHarness.detachBytes;
import static nestor.virtio.iommu.IommuHarness.isolating;
import static nestor.virtio.iommu.IommuHarness.le;
import static nestor.virtio.iommu.IommuHarness.mapBytes;
import static nestor.virtio.iommu.IommuHarness.probeBytes;
import static nestor.virtio.iommu.IommuHarness.unmapBytes;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import nestor.virtio.testkit.TestMachine;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class RequestsTest {
    private static final int OK = 0;
    private static final int INVAL = 4;
    private static final int RANGE = 5;
    private static final int NOENT = 6;
    private static final int NOMEM = 8;

    private static final long PAGE = 4096;
    private static final long PHYS = TestMachine.RAM + (32L << 20);

    private static VirtioIommuConfig config(List<ReservedRegion> reserved) {
        return new VirtioIommuConfig(
                -PAGE,
                new IovaRange(0x10_0000, 0xffff_ffffL),
                1,
                9,
                reserved,
                false,
                new VirtioIommuConfig.Limits(3, 4));
    }

    @Test
    @DisplayName("§5.13.4: configuration space")
    void configurationSpace() {
        var iommu = new IommuHarness(config(List.of()));
        assertThat(iommu.driver.device(0, 8)).isEqualTo(-PAGE);
        assertThat(iommu.driver.device(8, 8)).isEqualTo(0x10_0000);
        assertThat(iommu.driver.device(16, 8)).isEqualTo(0xffff_ffffL);
        assertThat(iommu.driver.device(24, 4)).isEqualTo(1);
        assertThat(iommu.driver.device(28, 4)).isEqualTo(9);
        assertThat(iommu.driver.device(32, 4)).isEqualTo(PROBE_BYTES);
        assertThat(iommu.driver.device(36, 1)).isZero();
        assertThat(iommu.driver.offered() & 0x7f).isEqualTo(0b111_0111);
    }

    @Test
    @DisplayName("§5.13.6.3: ATTACH")
    void attach() {
        var iommu = new IommuHarness(config(List.of()));
        byte[] reserved = attachBytes(1, ENDPOINT, 0);
        le(reserved).putInt(16, 1);
        assertThat(iommu.status(reserved)).isEqualTo(INVAL);
        assertThat(iommu.attach(1, ENDPOINT, 2)).isEqualTo(INVAL);
        assertThat(iommu.attach(1, 0x77, 0)).isEqualTo(NOENT);
        assertThat(iommu.attach(1, -1, 0)).isEqualTo(NOENT);
        assertThat(iommu.attach(0, ENDPOINT, 0)).isEqualTo(RANGE);
        assertThat(iommu.attach(10, ENDPOINT, 0)).isEqualTo(RANGE);
        assertThat(iommu.attach(1, ENDPOINT, 0)).isEqualTo(OK);
        assertThat(iommu.attach(1, ENDPOINT, 0)).describedAs("again").isEqualTo(OK);
        assertThat(iommu.attach(1, OTHER_ENDPOINT, BYPASS)).isEqualTo(INVAL);
        assertThat(iommu.attach(2, OTHER_ENDPOINT, BYPASS)).isEqualTo(OK);
        assertThat(iommu.attach(2, ENDPOINT, 0)).isEqualTo(INVAL);
    }

    @Test
    @DisplayName("§5.13.6.4: a pulled endpoint exists until it is detached, and no longer")
    void endpointsThatLeaveAndReturn() {
        var iommu = new IommuHarness(config(List.of()));
        iommu.attach(1, ENDPOINT, 0);
        iommu.existing.remove(ENDPOINT);

        assertThat(iommu.attach(2, ENDPOINT, 0)).isEqualTo(NOENT);
        assertThat(iommu.send(probeBytes(ENDPOINT), PROBE_BYTES + 4)[PROBE_BYTES])
                .isEqualTo((byte) NOENT);
        assertThat(iommu.status(detachBytes(2, ENDPOINT))).isEqualTo(INVAL);
        assertThat(iommu.status(detachBytes(1, ENDPOINT))).isEqualTo(OK);
        assertThat(iommu.status(detachBytes(1, ENDPOINT))).isEqualTo(NOENT);
        assertThat(iommu.status(mapBytes(1, 0x10_0000, 0x10_0fff, PHYS, READ)))
                .describedAs("its domain has ended")
                .isEqualTo(NOENT);

        iommu.existing.add(ENDPOINT);
        assertThat(iommu.attach(2, ENDPOINT, 0)).isEqualTo(OK);
    }

    @Test
    @DisplayName("§5.13.6.3.2: attaching elsewhere detaches; a domain ends with its last endpoint")
    void attachingElsewhereDetaches() {
        var iommu = isolating();
        iommu.attach(1, ENDPOINT, 0);
        iommu.map(1, 0, PAGE - 1, PHYS, READ);
        assertThat(iommu.canRead(0)).isTrue();

        assertThat(iommu.attach(2, ENDPOINT, 0)).isEqualTo(OK);
        assertThat(iommu.canRead(0)).isFalse();
        assertThat(iommu.map(1, 0, PAGE - 1, PHYS, READ)).isEqualTo(NOENT);
    }

    @Test
    @DisplayName("§5.13.6.4: DETACH")
    void detach() {
        var iommu = isolating();
        assertThat(iommu.detach(1, 0x77)).isEqualTo(NOENT);
        assertThat(iommu.detach(1, ENDPOINT)).isEqualTo(INVAL);
        iommu.attach(1, ENDPOINT, 0);
        iommu.attach(2, OTHER_ENDPOINT, 0);
        assertThat(iommu.detach(2, ENDPOINT)).isEqualTo(INVAL);
        byte[] reserved = detachBytes(1, ENDPOINT);
        le(reserved).putLong(12, -1);
        assertThat(iommu.status(reserved)).describedAs("reserved is ignored").isEqualTo(OK);
        assertThat(iommu.detach(1, ENDPOINT)).isEqualTo(INVAL);
    }

    @Test
    @DisplayName("§5.13.6.5: MAP")
    void map() {
        ReservedRegion hole =
                new ReservedRegion(
                        ReservedRegion.Subtype.RESERVED, new IovaRange(0x80_0000, 0x80_0fff));
        var iommu = new IommuHarness(config(List.of(hole)));
        long iova = 0x20_0000;
        assertThat(iommu.map(1, iova, iova + 4095, PHYS, READ)).isEqualTo(NOENT);
        iommu.attach(1, ENDPOINT, 0);
        iommu.attach(2, OTHER_ENDPOINT, BYPASS);
        assertThat(iommu.map(2, iova, iova + 4095, PHYS, READ)).isEqualTo(INVAL);
        assertThat(iommu.map(1, iova, iova + 4095, PHYS, 8)).isEqualTo(INVAL);
        assertThat(iommu.map(1, iova, iova - 1, PHYS, READ)).isEqualTo(INVAL);
        assertThat(iommu.map(1, iova, iova, PHYS, READ)).isEqualTo(INVAL);
        assertThat(iommu.map(1, iova + 1, iova + 4095, PHYS, READ)).isEqualTo(RANGE);
        assertThat(iommu.map(1, iova, iova + 4094, PHYS, READ)).isEqualTo(RANGE);
        assertThat(iommu.map(1, iova, iova + 4095, PHYS + 512, READ)).isEqualTo(RANGE);
        assertThat(iommu.map(1, iova, iova + 8191, -PAGE, READ)).isEqualTo(RANGE);
        assertThat(iommu.map(1, 0xf_f000, 0x10_0fff, PHYS, READ)).isEqualTo(RANGE);
        assertThat(iommu.map(1, 0xffff_f000L, 0x1_0000_0fffL, PHYS, READ)).isEqualTo(RANGE);
        assertThat(iommu.map(1, 0, -1, 0, READ)).isEqualTo(RANGE);
        assertThat(iommu.map(1, 0x7f_f000, 0x80_0fff, PHYS, READ)).isEqualTo(INVAL);
        assertThat(iommu.map(1, iova, iova + 8191, PHYS, READ | WRITE | MMIO)).isEqualTo(OK);
        assertThat(iommu.map(1, iova + 4096, iova + 12287, PHYS, READ)).isEqualTo(INVAL);
        assertThat(iommu.map(1, iova - 4096, iova + 4095, PHYS, READ)).isEqualTo(INVAL);
        assertThat(iommu.map(1, iova - 4096, iova + 12287, PHYS, READ)).isEqualTo(INVAL);
    }

    @Test
    void mappingsAndDomainsHaveLimits() {
        var iommu = new IommuHarness(config(List.of()));
        iommu.attach(1, ENDPOINT, 0);
        iommu.attach(2, OTHER_ENDPOINT, 0);
        for (int i = 0; i < 4; i++) {
            long iova = 0x10_0000 + i * PAGE;
            assertThat(iommu.map(1 + i % 2, iova, iova + 4095, PHYS, READ)).isEqualTo(OK);
        }
        assertThat(iommu.map(1, 0x20_0000, 0x20_0fff, PHYS, READ)).isEqualTo(NOMEM);
        assertThat(iommu.detach(2, OTHER_ENDPOINT)).isEqualTo(OK);
        assertThat(iommu.map(1, 0x20_0000, 0x20_0fff, PHYS, READ)).isEqualTo(OK);
    }

    @Test
    void tenMillionMapsEndInNoMemory() {
        var spaces = new AddressSpaces(VirtioIommuConfig.defaults(false), _ -> true);
        spaces.attach(new Request.Attach(1, ENDPOINT, 0, 0), -1);
        Status last = Status.OK;
        int made = 0;
        for (long i = 0; i < 10_000_000; i++) {
            last = spaces.map(new Request.Map(1, i << 13, (i << 13) + 4095, 0, READ), -1).status();
            made += last == Status.OK ? 1 : 0;
        }
        assertThat(last).isEqualTo(Status.NOMEM);
        assertThat(made).isEqualTo(VirtioIommuConfig.Limits.DEFAULT.mappings());
    }

    @Test
    @DisplayName("§5.13.6.6: the UNMAP examples of the specification, in pages")
    void unmapExamples() {
        // mapped ranges, range to unmap, status, ranges left; one digit a page
        Object[][] examples = {
            {new int[][] {}, new int[] {0, 4}, OK, new int[][] {}},
            {new int[][] {{0, 9}}, new int[] {0, 9}, OK, new int[][] {}},
            {new int[][] {{0, 4}, {5, 9}}, new int[] {0, 9}, OK, new int[][] {}},
            {new int[][] {{0, 9}}, new int[] {0, 4}, RANGE, new int[][] {{0, 9}}},
            {new int[][] {{0, 4}, {5, 9}}, new int[] {0, 4}, OK, new int[][] {{5, 9}}},
            {new int[][] {{0, 4}}, new int[] {0, 9}, OK, new int[][] {}},
            {new int[][] {{0, 4}, {10, 14}}, new int[] {0, 14}, OK, new int[][] {}},
            {new int[][] {{0, 4}, {5, 9}}, new int[] {0, 7}, RANGE, new int[][] {{0, 4}, {5, 9}}},
            {new int[][] {{5, 9}}, new int[] {0, 7}, RANGE, new int[][] {{5, 9}}},
        };
        for (Object[] example : examples) {
            var iommu = isolating();
            iommu.attach(1, ENDPOINT, 0);
            for (int[] m : (int[][]) example[0]) {
                iommu.map(1, m[0] * PAGE, (m[1] + 1) * PAGE - 1, PHYS, READ);
                iommu.canRead(m[0] * PAGE); // cached
            }
            int[] u = (int[]) example[1];
            assertThat(iommu.unmap(1, u[0] * PAGE, (u[1] + 1) * PAGE - 1)).isEqualTo(example[2]);
            for (int page = 0; page < 20; page++) {
                int at = page;
                boolean left =
                        Arrays.stream((int[][]) example[3]).anyMatch(m -> m[0] <= at && at <= m[1]);
                assertThat(iommu.canRead(page * PAGE)).describedAs("page %d", page).isEqualTo(left);
            }
        }
    }

    @Test
    void unmapErrors() {
        var iommu = isolating();
        assertThat(iommu.unmap(1, 0, 4095)).isEqualTo(NOENT);
        iommu.attach(1, ENDPOINT, BYPASS);
        assertThat(iommu.unmap(1, 0, 4095)).isEqualTo(INVAL);
        iommu.attach(2, OTHER_ENDPOINT, 0);
        assertThat(iommu.unmap(2, 4096, 0)).isEqualTo(INVAL);
        byte[] reserved = unmapBytes(2, 0, 4095);
        le(reserved).putInt(24, 1);
        assertThat(iommu.status(reserved)).isEqualTo(INVAL);
        assertThat(iommu.unmap(2, 0, -1)).isEqualTo(OK);
    }

    @Test
    @DisplayName("§5.13.6.7, §5.13.6.8: PROBE lists reserved regions and zeros")
    void probe() {
        var iommu =
                new IommuHarness(
                        config(
                                List.of(
                                        new ReservedRegion(
                                                ReservedRegion.Subtype.MSI,
                                                new IovaRange(0x802_0000, 0x802_ffff)))));
        byte[] reply = iommu.send(probeBytes(ENDPOINT), PROBE_BYTES + 4);

        assertThat(iommu.length).isEqualTo(PROBE_BYTES + 4);
        assertThat(le(reply).getShort(0)).isEqualTo((short) 1);
        assertThat(le(reply).getShort(2)).isEqualTo((short) 20);
        assertThat(reply[4]).isEqualTo((byte) 1);
        assertThat(le(reply).getLong(8)).isEqualTo(0x802_0000);
        assertThat(le(reply).getLong(16)).isEqualTo(0x802_ffff);
        assertThat(Arrays.copyOfRange(reply, 24, reply.length)).containsOnly(0);

        reply = iommu.send(probeBytes(0x77), PROBE_BYTES + 4);
        assertThat(iommu.length).isEqualTo(PROBE_BYTES + 4);
        assertThat(reply[PROBE_BYTES]).isEqualTo((byte) NOENT);
        assertThat(Arrays.copyOf(reply, PROBE_BYTES)).containsOnly(0);

        reply = iommu.send(probeBytes(ENDPOINT), 23 + 4);
        assertThat(reply[23]).isEqualTo((byte) INVAL);
        assertThat(Arrays.copyOf(reply, 23)).containsOnly(0);
    }

    @Test
    @DisplayName("§5.13.6.2: every request in every length, whole and a byte a descriptor")
    void everyRequestInEveryLength() {
        byte[][] all = {
            attachBytes(1, ENDPOINT, 0),
            detachBytes(1, ENDPOINT),
            mapBytes(1, 0, 4095, PHYS, READ),
            unmapBytes(1, 0, 4095),
            probeBytes(ENDPOINT),
            new byte[] {0, 0, 0, 0, 0, 0, 0, 0},
            new byte[] {9, 0, 0, 0, 0, 0, 0, 0}
        };
        for (byte[] request : all) {
            boolean known = request[0] >= 1 && request[0] <= 5;
            var iommu = isolating();
            iommu.attach(1, OTHER_ENDPOINT, 0);
            for (int r = 0; r <= 2 * request.length; r++) {
                for (int w : new int[] {0, 1, 3, 4, 5, 8, PROBE_BYTES + 4}) {
                    if (r + w == 0) {
                        continue;
                    }
                    byte[] readable = Arrays.copyOf(request, r);
                    byte[] reply =
                            (r + w) % 2 == 0
                                    ? iommu.send(readable, w)
                                    : iommu.sendScattered(readable, w);
                    if (r < 4 || w < 4 || !known) {
                        assertThat(iommu.length).isZero();
                        assertThat(reply)
                                .containsOnly(w == 0 ? new byte[0] : new byte[] {(byte) 0xa5});
                    } else {
                        assertThat(iommu.length).isEqualTo(w);
                        assertThat(reply[w - 3] | reply[w - 2] | reply[w - 1]).isZero();
                        if (r < request.length) {
                            assertThat(reply[w - 4]).isEqualTo((byte) INVAL);
                        }
                    }
                }
            }
        }
    }

    @Test
    void requestsOfFeaturesNotNegotiatedAreUnknown() {
        var iommu = new IommuHarness(VirtioIommuConfig.defaults(false), 0);
        iommu.send(mapBytes(1, 0, 4095, PHYS, READ), 4);
        assertThat(iommu.length).isZero();
        iommu.send(probeBytes(ENDPOINT), PROBE_BYTES + 4);
        assertThat(iommu.length).isZero();
        assertThat(iommu.attach(1, ENDPOINT, BYPASS)).isEqualTo(INVAL);
        assertThat(iommu.attach(1, ENDPOINT, 0)).isEqualTo(OK);

        var noMmio = new IommuHarness(VirtioIommuConfig.defaults(false), ~(1L << 5));
        noMmio.attach(1, ENDPOINT, 0);
        assertThat(noMmio.map(1, 0, 4095, PHYS, READ | MMIO)).isEqualTo(INVAL);
    }
}
