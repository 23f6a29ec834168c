package nestor.virtio.iommu;

import static nestor.virtio.iommu.IommuHarness.PROBE_BYTES;
import static nestor.virtio.iommu.IommuHarness.attachBytes;
import static nestor.virtio.iommu.IommuHarness.detachBytes;
import static nestor.virtio.iommu.IommuHarness.le;
import static nestor.virtio.iommu.IommuHarness.mapBytes;
import static nestor.virtio.iommu.IommuHarness.probeBytes;
import static nestor.virtio.iommu.IommuHarness.unmapBytes;
import static nestor.virtio.iommu.TableHarness.ENDPOINT;
import static nestor.virtio.iommu.TableHarness.INVAL;
import static nestor.virtio.iommu.TableHarness.NOENT;
import static nestor.virtio.iommu.TableHarness.OK;
import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import nestor.virtio.testkit.DriverQueue.Part;
import nestor.virtio.testkit.TestMachine;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Every request of every profile, in every length and cut up in every way (§5.13.6, §2.7.4). */
class FramingTest {
    private static final int TAIL_BYTES = 4;
    private static final byte POISON = (byte) 0xa5;
    private static final int LIMIT = 132;

    /** A request, the room for its reply, and its status after those before it in the list. */
    private static final class Sample {
        final byte[] request;
        final int writableBytes;
        final int status;

        Sample(byte[] request, int writableBytes, int status) {
            this.request = request;
            this.writableBytes = writableBytes;
            this.status = status;
        }
    }

    private static final class Driver {
        final IommuHarness iommu;
        final TestMachine machine;
        final List<Sample> life;
        final long from;
        final long to;

        Driver(TableProfile profile) {
            if (profile.hasTables()) {
                var tables = new TableHarness(profile, -1L);
                iommu = tables.iommu;
                life = life(profile, tables.machine.allocate(4096));
            } else {
                iommu = new IommuHarness(new TestMachine(), VirtioIommuConfig.defaults(false), -1L);
                life = life(profile, 0);
            }
            machine = iommu.machine;
            from = machine.allocate(4096);
            to = machine.allocate(8192);
        }

        /** Sends all of {@code life}, each request cut by {@code cut}, direct and indirect. */
        void live(Cut cut, Object how) {
            for (boolean indirect : new boolean[] {false, true}) {
                for (Sample sample : life) {
                    int length = send(sample, cut, indirect);
                    assertThat(length)
                            .describedAs("length, %s", how)
                            .isEqualTo(sample.writableBytes);
                    byte[] tail = machine.read(to + length - TAIL_BYTES, TAIL_BYTES);
                    assertThat(tail)
                            .describedAs("type %d, %s", sample.request[0], how)
                            .isEqualTo(new byte[] {(byte) sample.status, 0, 0, 0});
                }
            }
        }

        int send(Sample sample, Cut cut, boolean indirect) {
            byte[] poison = new byte[Math.max(sample.writableBytes, TAIL_BYTES)];
            Arrays.fill(poison, POISON);
            machine.write(to, poison);
            machine.write(from, sample.request);
            List<Part> parts = new ArrayList<>();
            cut.add(parts, sample, from, to);
            Part[] all = parts.toArray(Part[]::new);
            if (indirect) {
                iommu.requests.offerIndirect(all);
                iommu.requests.kick();
                return iommu.requests.poll().orElseThrow().length();
            }
            return iommu.requests.request(all);
        }

        int length(byte[] request, int readableBytes, int writableBytes) {
            var sample = new Sample(Arrays.copyOf(request, readableBytes), writableBytes, 0);
            return send(sample, FramingTest::whole, false);
        }
    }

    /** How a request is cut into descriptors. */
    private interface Cut {
        void add(List<Part> parts, Sample sample, long from, long to);
    }

    private static void whole(List<Part> parts, Sample sample, long from, long to) {
        if (sample.request.length > 0) {
            parts.add(readable(from, sample.request.length));
        }
        if (sample.writableBytes > 0) {
            parts.add(writable(to, sample.writableBytes));
        }
    }

    /** Each shows what the one before it did. */
    private static List<Sample> life(TableProfile profile, long page) {
        List<Sample> life = new ArrayList<>();
        if (profile != TableProfile.HW) {
            byte[] map = mapBytes(1, 0x4000, 0x4fff, TableHarness.PHYS, 3);
            life.add(new Sample(attachBytes(1, ENDPOINT, 0), 4, OK));
            life.add(new Sample(map, 4, OK));
            life.add(new Sample(map, 4, INVAL));
            life.add(new Sample(unmapBytes(1, 0x4000, 0x4fff), 4, OK));
            life.add(new Sample(map, 4, OK));
        }
        life.add(new Sample(probeBytes(ENDPOINT), PROBE_BYTES + 4, OK));
        if (profile.hasTables()) {
            life.add(new Sample(attachTable(profile, page), 4, OK));
            life.add(new Sample(invalidate(profile), 4, OK));
        }
        if (profile == TableProfile.RFC2021 || profile == TableProfile.NESTOR) {
            byte[] response = new byte[profile == TableProfile.NESTOR ? 28 : 36];
            response[0] = 8;
            life.add(new Sample(response, 4, NOENT));
        }
        life.add(new Sample(detachBytes(profile.hasTables() ? 2 : 1, ENDPOINT), 4, OK));
        life.add(new Sample(detachBytes(1, ENDPOINT), 4, INVAL));
        return life;
    }

    private static byte[] attachTable(TableProfile profile, long page) {
        byte[] bytes = TableHarness.attachCds(2, ENDPOINT, 0, 2, page, 4);
        if (profile == TableProfile.RFC2023) {
            bytes = new byte[84];
            le(bytes).putShort(16, (short) 4).putLong(24, page).putInt(40, 48);
        } else if (profile == TableProfile.HW) {
            bytes = new byte[124];
            le(bytes).put(12, (byte) 1).putLong(16, 1 | 5 << 1 | page).putLong(24, 2);
        }
        le(bytes).put(0, (byte) 6).putInt(4, 2).putInt(8, ENDPOINT);
        return bytes;
    }

    private static byte[] invalidate(TableProfile profile) {
        if (profile != TableProfile.HW) {
            return TableHarness.invalidateBytes(1, 1, 0, 2, 0, 0, 0, 0, 0);
        }
        byte[] bytes = new byte[60];
        le(bytes).put(0, (byte) 7).put(4, (byte) 1).put(5, (byte) 2).putInt(8, 2);
        return bytes;
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("§2.7.4: the device-readable part in two descriptors, cut at every byte")
    void readablePartsCutAnywhere(TableProfile profile) {
        var driver = new Driver(profile);
        for (int at = 1; at < LIMIT; at++) {
            int first = at;
            driver.live(
                    (parts, sample, from, to) -> {
                        int whole = sample.request.length;
                        int cut = Math.min(first, whole - 1);
                        parts.add(readable(from, cut));
                        parts.add(readable(from + cut, whole - cut));
                        parts.add(writable(to, sample.writableBytes));
                    },
                    at);
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("§2.7.4: the device-writable part cut at every byte, tail included")
    void writablePartsCutAnywhere(TableProfile profile) {
        var driver = new Driver(profile);
        for (int at = 1;
                at < PROBE_BYTES + TAIL_BYTES;
                at += at < 8 || at > PROBE_BYTES - 8 ? 1 : 5) {
            int first = at;
            driver.live(
                    (parts, sample, from, to) -> {
                        int cut = Math.min(first, sample.writableBytes - 1);
                        parts.add(readable(from, sample.request.length));
                        parts.add(writable(to, cut));
                        parts.add(writable(to + cut, sample.writableBytes - cut));
                    },
                    at);
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("§2.7.4: pieces of one size, with empty descriptors between them")
    void piecesOfOneSize(TableProfile profile) {
        var driver = new Driver(profile);
        for (int size = 5; size < 40; size++) {
            int bytes = size;
            driver.live(
                    (parts, sample, from, to) -> {
                        int whole = sample.request.length;
                        for (int at = 0; at < whole; at += bytes) {
                            parts.add(readable(from + at, Math.min(bytes, whole - at)));
                        }
                        parts.add(readable(from, 0));
                        parts.add(writable(to, 0));
                        parts.add(writable(to, sample.writableBytes));
                    },
                    size);
        }
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("§5.13.6: every number of bytes too few, and of too many, in both parts")
    void everyLength(TableProfile profile) {
        var driver = new Driver(profile);
        for (Sample sample : driver.life) {
            byte[] request = sample.request;
            for (int r = 0; r < request.length; r++) {
                for (int w : new int[] {0, 1, 2, 3, 4, 5, 7, 8, 64}) {
                    if (r + w > 0) {
                        assertTooShort(driver, request, r, w);
                    }
                }
            }
            for (int w = 0; w < TAIL_BYTES; w++) {
                assertThat(driver.length(request, request.length, w)).isZero();
            }
            assertThat(driver.length(request, request.length, 4097)).isZero();
        }
        driver.live(FramingTest::whole, "nothing was done");
        for (int more = 1; more < 300; more += 23) {
            int junk = more;
            driver.live(
                    (parts, sample, from, to) -> {
                        parts.add(readable(from, sample.request.length));
                        parts.add(readable(to + 4096, junk));
                        parts.add(writable(to, sample.writableBytes));
                    },
                    "longer");
        }
    }

    private static void assertTooShort(Driver driver, byte[] request, int r, int w) {
        int length = driver.length(request, r, w);
        byte[] reply = driver.machine.read(driver.to, Math.max(w, TAIL_BYTES));
        if (r < TAIL_BYTES || w < TAIL_BYTES) {
            assertThat(length).isZero();
            assertThat(reply).containsOnly(POISON);
        } else {
            byte[] refused = new byte[w];
            refused[w - TAIL_BYTES] = INVAL;
            assertThat(length).describedAs("type %d, %d+%d", request[0], r, w).isEqualTo(w);
            assertThat(reply).isEqualTo(refused);
        }
    }
}
