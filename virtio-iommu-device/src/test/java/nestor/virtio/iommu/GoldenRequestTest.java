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
        assertThat(decode(TableProfile.RFC2021, bytes))
                .isEqualTo(
                        attach(
                                1,
                                0x28,
                                1,
                                new TableDescriptor.ArmStage1(
                                        0x1234, 0x0615_0080_3510L, 0x4500_1000L, 0x04_ff44L)));
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
