package nestor.virtio.iommu;

import static nestor.virtio.iommu.TableHarness.hex;
import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import nestor.virtio.iommu.TableRequest.ResponseCode;
import nestor.virtio.iommu.TableRequest.Scope;
import nestor.virtio.iommu.table.TableDescriptor;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** Bytes of each request of each profile, written out by hand from the layouts. */
class GoldenRequestTest {
    private static final String RESERVED_16 = " 00000000 00000000 00000000 00000000";

    private static Request decode(TableProfile profile, String bytes) {
        byte[] content = hex(bytes);
        return Request.decode(profile, MemorySegment.ofArray(content), content.length);
    }

    private static TableRequest.AttachTable attach(
            int domain, int endpoint, int format, TableDescriptor table) {
        return new TableRequest.AttachTable(domain, endpoint, format, Optional.of(table), false);
    }

    /** Whatever the profile, the specification's requests are its own. */
    private static void assertSpecified(String bytes, int sizeBytes, Request expected) {
        assertThat(hex(bytes)).hasSize(sizeBytes);
        for (TableProfile profile : TableProfile.values()) {
            assertThat(decode(profile, bytes)).isEqualTo(expected);
            String shorter = bytes.substring(0, bytes.length() - 2);
            assertThat(decode(profile, shorter)).isEqualTo(new Request.Truncated(hex(bytes)[0]));
        }
    }

    @Test
    @DisplayName("§5.13.6.3 to §5.13.6.7: ATTACH, DETACH, MAP, UNMAP, PROBE in every profile")
    void specifiedRequests() {
        assertSpecified(
                "01000000 04030201 28000000 01000000 0d0c0b0a",
                20,
                new Request.Attach(0x0102_0304, 0x28, 1, 0x0a0b_0c0d));
        assertSpecified(
                "02000000 04030201 28000000 01000000 0d0c0b0a",
                20,
                new Request.Detach(0x0102_0304, 0x28));
        assertSpecified(
                "03000000 04030201 00100070 01000000 ff2f0070 01000000 00000048 02000000 07000000",
                36,
                new Request.Map(0x0102_0304, 0x1_7000_1000L, 0x1_7000_2fffL, 0x2_4800_0000L, 7));
        assertSpecified(
                "04000000 04030201 00100070 01000000 ff2f0070 01000000 0d0c0b0a",
                28,
                new Request.Unmap(0x0102_0304, 0x1_7000_1000L, 0x1_7000_2fffL, 0x0a0b_0c0d));
        assertSpecified("05000000 28000000" + RESERVED_16.repeat(4), 72, new Request.Probe(0x28));
    }

    @Test
    @DisplayName("2021: a table of Context descriptors, 76 bytes")
    void contextTableOf2021() {
        String bytes =
                "06000000 04030201 28000000 02000202 00f0debc 9a000000 14000000 00000000"
                        + RESERVED_16
                        + RESERVED_16
                        + " 00000000 00000000 00000000";
        assertThat(hex(bytes)).hasSize(76);
        var table = new TableDescriptor.ContextTable(2, 2, 0x9a_bcde_f000L, 20);
        for (TableProfile profile :
                new TableProfile[] {TableProfile.RFC2021, TableProfile.NESTOR}) {
            assertThat(decode(profile, bytes)).isEqualTo(attach(0x0102_0304, 0x28, 2, table));
        }
    }

    @Test
    @DisplayName("2021: an Arm table, 76 bytes")
    void armTableOf2021() {
        String bytes =
                "06000000 01000000 28000000 01003412 10358000 15060000 00100045 00000000"
                        + " 44ff0400 00000000 00000000 00000000"
                        + RESERVED_16
                        + " 00000000 00000000 00000000";
        assertThat(hex(bytes)).hasSize(76);
        var table =
                new TableDescriptor.ArmStage1(0x1234, 0x0615_0080_3510L, 0x4500_1000L, 0x04_ff44L);
        for (TableProfile profile :
                new TableProfile[] {TableProfile.RFC2021, TableProfile.NESTOR}) {
            assertThat(decode(profile, bytes)).isEqualTo(attach(1, 0x28, 1, table));
        }
    }

    @Test
    @DisplayName("Nestor's: a first stage of VT-d, 76 bytes")
    void firstStageOfNestor() {
        String bytes =
                "06000000 01000000 28000000 04000000 00100045 00000000 05000000 00000000"
                        + " 30000000 07000000 00000000 00000000"
                        + RESERVED_16
                        + " 00000000 00000000 00000000";
        assertThat(hex(bytes)).hasSize(76);
        assertThat(decode(TableProfile.NESTOR, bytes))
                .isEqualTo(
                        attach(1, 0x28, 4, new TableDescriptor.FirstStage(7, 0x4500_1000L, 5, 48)));
    }

    @Test
    @DisplayName("2023: a first stage of VT-d, and a table of Context descriptors, 84 bytes")
    void requestsOf2023() {
        String head = "06000000 01000000 28000000 00000000 ";
        String firstStage =
                head
                        + "04000000 07000000 00100045 00000000 05000000 00000000 39000000 00000000"
                        + RESERVED_16
                        + RESERVED_16
                        + " 00000000";
        assertThat(hex(firstStage)).hasSize(84);
        assertThat(decode(TableProfile.RFC2023, firstStage))
                .isEqualTo(
                        attach(1, 0x28, 4, new TableDescriptor.FirstStage(7, 0x4500_1000L, 5, 57)));
        String contexts =
                head
                        + "02000102 14000000 00f0debc 9a000000"
                        + RESERVED_16
                        + RESERVED_16
                        + RESERVED_16
                        + " 00000000";
        assertThat(hex(contexts)).hasSize(84);
        assertThat(decode(TableProfile.RFC2023, contexts))
                .isEqualTo(
                        attach(
                                1,
                                0x28,
                                2,
                                new TableDescriptor.ContextTable(1, 2, 0x9a_bcde_f000L, 20)));
    }

    @Test
    @DisplayName("stream table entries, 124 bytes")
    void streamTableEntry() {
        String bytes =
                "06000000 01000000 28000000 01000000 2bf0debc 9a0000a0 02000000 00000000"
                        + RESERVED_16.repeat(5)
                        + " 00000000 00000000 00000000";
        assertThat(hex(bytes)).hasSize(124);
        assertThat(decode(TableProfile.HW, bytes))
                .isEqualTo(
                        attach(
                                1,
                                0x28,
                                1,
                                new TableDescriptor.ContextTable(2, 2, 0x9a_bcde_f000L, 20)));
    }

    @Test
    @DisplayName("INVALIDATE of 2021 and 2023, 60 bytes: a range by ASID, leaf only")
    void invalidate() {
        String bytes =
                "07000000 04000100 06000000 04030201 07000000 00000000 34120000 00000000"
                        + " 00100070 00000000 03000000 00000000 0c000000 00000000 00000000";
        assertThat(hex(bytes)).hasSize(60);
        var expected =
                new TableRequest.Invalidate(
                        0x0102_0304,
                        Scope.ADDRESS,
                        true,
                        true,
                        false,
                        true,
                        false,
                        false,
                        7,
                        true,
                        0x1234,
                        0x7000_1000L,
                        3,
                        12);
        for (TableProfile profile :
                new TableProfile[] {
                    TableProfile.RFC2021, TableProfile.RFC2023, TableProfile.NESTOR
                }) {
            assertThat(decode(profile, bytes)).isEqualTo(expected);
        }
    }

    private static TableRequest.Invalidate whole(
            Scope scope, boolean iotlb, boolean deviceTlb, boolean contexts, boolean hasPasid) {
        return new TableRequest.Invalidate(
                9, scope, iotlb, deviceTlb, contexts, false, false, hasPasid, 7, false, 0, 0, 0, 0);
    }

    @Test
    @DisplayName("INVALIDATE of 2021 and 2023: a domain's caches one by one; a PASID's context")
    void invalidateWhole() {
        String rest = " 09000000 07000000" + RESERVED_16.repeat(2) + " 00000000 00000000";
        for (TableProfile profile :
                new TableProfile[] {
                    TableProfile.RFC2021, TableProfile.RFC2023, TableProfile.NESTOR
                }) {
            assertThat(decode(profile, "07000000 01000100 00000000" + rest))
                    .isEqualTo(whole(Scope.DOMAIN, true, true, false, false));
            assertThat(decode(profile, "07000000 01000200 00000000" + rest))
                    .isEqualTo(whole(Scope.DOMAIN, false, true, false, false));
            assertThat(decode(profile, "07000000 01000400 00000000" + rest))
                    .isEqualTo(whole(Scope.DOMAIN, false, false, true, false));
            assertThat(decode(profile, "07000000 02000400 01000000" + rest))
                    .isEqualTo(whole(Scope.PASID, false, false, true, true));
        }
    }

    @Test
    @DisplayName("INVALIDATE for stream table entries: one page of an ID, leaf only; a domain")
    void hwInvalidatePageAndDomain() {
        String page =
                "07000000 03020500 09000000 07000000 34120000 00000000 00100070 00000000"
                        + " 03000000 00000000 10000000 00000000 00000000 00000000 00000000";
        assertThat(decode(TableProfile.HW, page))
                .isEqualTo(
                        new TableRequest.Invalidate(
                                9,
                                Scope.ADDRESS,
                                true,
                                true,
                                false,
                                true,
                                false,
                                false,
                                7,
                                true,
                                0x1234,
                                0x7000_1000L,
                                3,
                                16));
        String domain = "07000000 01010000 09000000 07000000" + RESERVED_16.repeat(2);
        assertThat(decode(TableProfile.HW, domain + " 00000000 00000000 00000000"))
                .isEqualTo(whole(Scope.DOMAIN, false, false, true, false));
    }

    @Test
    @DisplayName("INVALIDATE for stream table entries, 60 bytes: all of one PASID")
    void hwInvalidate() {
        String bytes =
                "07000000 02030200 04030201 07000000 34120000 00000000 00000000 00000000"
                        + " 00000000 00000000 00000000 00000000 00000000 00000000 00000000";
        assertThat(hex(bytes)).hasSize(60);
        assertThat(decode(TableProfile.HW, bytes))
                .isEqualTo(
                        new TableRequest.Invalidate(
                                0x0102_0304,
                                Scope.PASID,
                                true,
                                true,
                                true,
                                false,
                                false,
                                true,
                                7,
                                false,
                                0x1234,
                                0,
                                0,
                                0));
    }

    @Test
    @DisplayName("PAGE_RESP of April 2021, 36 bytes, and Nestor's, 28 bytes")
    void pageResponses() {
        var expected =
                new TableRequest.PageResponse(
                        0x28, true, 7, 0x1ff, Optional.of(ResponseCode.INVALID), false);
        String of2021 =
                "08000000 01000000 28000000 01000000 07000000 ff010000 01000100 00000000 00000000";
        assertThat(hex(of2021)).hasSize(36);
        assertThat(decode(TableProfile.RFC2021, of2021)).isEqualTo(expected);
        String nestors = "08000000 28000000 01000000 07000000 ff010100 00000000 00000000";
        assertThat(hex(nestors)).hasSize(28);
        assertThat(decode(TableProfile.NESTOR, nestors)).isEqualTo(expected);
    }

    @Test
    void typesThatAProfileLacksAreUnknown() {
        for (int type = 0; type < 256; type++) {
            byte[] bytes = new byte[124];
            bytes[0] = (byte) type;
            for (TableProfile profile : TableProfile.values()) {
                Request request =
                        Request.decode(profile, MemorySegment.ofArray(bytes), bytes.length);
                boolean responds =
                        profile == TableProfile.RFC2021 || profile == TableProfile.NESTOR;
                boolean known =
                        type >= 1 && type <= 5
                                || profile.hasTables() && (type == 6 || type == 7)
                                || responds && type == 8;
                assertThat(request instanceof Request.Unknown)
                        .describedAs("%s %d", profile, type)
                        .isEqualTo(!known);
            }
        }
    }
}
