package nestor.pci;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** ATS and PRI messages as their header dwords, with vectors computed from the layouts. */
class MessageEncodingTest {
    private static final int TERMS = 10_000;

    @Test
    @DisplayName("§10.2.3: size codes of completion entries")
    void completionEntries() {
        assertThat(AtsEntry.of(0x4000_0000L, 21, 3).value()).isEqualTo(0x0000_0000_400f_f803L);
        assertThat(AtsEntry.of(0x8000_0000L, 30, 1).value()).isEqualTo(0x0000_0000_9fff_f801L);
        assertThat(AtsEntry.of(0x12_3456_7000L, 12, 0x23).value())
                .isEqualTo(0x0000_0012_3456_7023L);
        AtsEntry huge = new AtsEntry(0x0000_0000_9fff_f801L);
        assertThat(huge.sizeLog2()).isEqualTo(30);
        assertThat(huge.address()).isEqualTo(0x8000_0000L);
        assertThat(huge.access()).isEqualTo(Translation.READ);
    }

    @Test
    @DisplayName("§10.2.3: the flags of a completion entry, bit by bit; Exe implies R")
    void completionEntryFlags() {
        assertThat(AtsEntry.READ.mask()).isEqualTo(0x001);
        assertThat(AtsEntry.WRITE.mask()).isEqualTo(0x002);
        assertThat(AtsEntry.UNTRANSLATED_ONLY.mask()).isEqualTo(0x004);
        assertThat(AtsEntry.EXECUTE.mask()).isEqualTo(0x008);
        assertThat(AtsEntry.PRIVILEGED.mask()).isEqualTo(0x010);
        assertThat(AtsEntry.GLOBAL.mask()).isEqualTo(0x020);
        assertThat(AtsEntry.MEMORY_ATTRIBUTES.mask()).isEqualTo(0x1c0);
        assertThat(AtsEntry.NO_SNOOP_CLEAR.mask()).isEqualTo(0x400);
        assertThat(AtsEntry.SIZE.mask()).isEqualTo(0x800);
        assertThat(new AtsEntry(0b1010).access()).isEqualTo(Translation.WRITE);
        assertThat(new AtsEntry(0b1001).access()).isEqualTo(Translation.READ | Translation.EXECUTE);
    }

    @Test
    @DisplayName("§10.2.3.2: every size code and its inverse, against the definition")
    void everySizeCodeIsReadBack() {
        for (int sizeLog2 = 12; sizeLog2 <= 64; sizeLog2++) {
            long code = RangeCode.encode(0, sizeLog2);
            long bytes = 4096;
            if ((code & 1 << 11) != 0) {
                bytes = 8192;
                for (int i = 12; i < 64 && (code >>> i & 1) != 0; i++) {
                    bytes *= 2;
                }
            }
            assertThat(bytes).isEqualTo(sizeLog2 == 64 ? 0 : 1L << sizeLog2);
            assertThat(RangeCode.sizeLog2(code)).isEqualTo(sizeLog2);
        }
    }

    @Test
    @DisplayName("§10.3.1: Invalidate Request payload and header")
    void invalidateRequests() {
        InvalidateRequest all = new InvalidateRequest(0x18, Requester.NO_PASID, 5, false, 0, 64);
        assertThat(all.payload()).isEqualTo(0x7fff_ffff_ffff_f800L);
        InvalidateRequest big = new InvalidateRequest(0x18, 7, 31, false, 0x7f00_0020_0000L, 21);
        assertThat(big.payload()).isEqualTo(0x0000_7f00_002f_f800L);
        assertThat(big.headerDw1(0xabcd)).isEqualTo(0xabcd_1f01);
        assertThat(big.headerDw2()).isEqualTo(0x0018_0000);
        assertThat(InvalidateRequest.itag(big.headerDw1(0))).isEqualTo(31);
        assertThat(InvalidateRequest.decode(0x18, 7, 31, big.payload())).isEqualTo(big);
        assertThat(InvalidateRequest.decode(0x18, 7, 31, big.payload() | 1).global()).isTrue();
    }

    @Test
    @DisplayName("§10.4.1: Page Request header")
    void pageRequests() {
        int access = Translation.WRITE;
        PageRequest request =
                new PageRequest(Requester.withoutPasid(0x18), 0xc_0ffe_e000L, access, 5, true);
        assertThat(request.headerDw2()).isEqualTo(0x0000_000c);
        assertThat(request.headerDw3()).isEqualTo(0x0ffe_e02e);
        assertThat(PageRequest.decode(0x18, request.prefix(), 0x0c, 0x0ffe_e02e))
                .isEqualTo(request);
    }

    @Test
    @DisplayName("§10.4.1.2: a Stop Marker is L alone, with PASID, not privileged")
    void stopMarkers() {
        PageRequest marker = PageRequest.stopMarker(new Requester(0x18, 9, false));
        assertThat(marker.headerDw2()).isZero();
        assertThat(marker.headerDw3()).isEqualTo(0b100);
        assertThat(marker.prefix()).contains(new PasidPrefix(9, false, false));
        assertThat(marker.isStopMarker()).isTrue();
        assertThat(PageRequest.decode(0x18, Optional.empty(), 0, 0b100).isStopMarker()).isFalse();
    }

    @Test
    @DisplayName("§10.4.2: PRG Response header")
    void pageResponses() {
        PageResponse response = new PageResponse(0x18, 3, 5, PageResponse.INVALID_REQUEST);
        assertThat(response.headerDw2()).isEqualTo(0x0018_1005);
        assertThat(PageResponse.decode(3, 0x0018_1005)).isEqualTo(response);
        assertThat(PageResponse.decode(3, -1).rid()).isEqualTo(0xffff);
    }

    @Test
    @DisplayName("§6.20.2.1: PASID prefix")
    void pasidPrefixes() {
        PasidPrefix prefix = new PasidPrefix(0x1_2345, true, false);
        assertThat(prefix.dword()).isEqualTo(0x9181_2345);
        assertThat(PasidPrefix.decode(0x9181_2345)).contains(prefix);
        assertThat(PasidPrefix.decode(0x91c1_2345)).contains(new PasidPrefix(0x1_2345, true, true));
        assertThat(PasidPrefix.decode(0x9081_2345)).isEmpty();
        assertThat(PasidPrefix.of(Requester.withoutPasid(1), false)).isEmpty();
    }

    @Test
    @DisplayName("§10.3.2: Invalidate Completion, CC = 0 means 8")
    void invalidateCompletions() {
        InvalidateCompletion completion = new InvalidateCompletion(0x18, 0xabcd, 8, 0x8000_0001);
        assertThat(completion.headerDw1()).isEqualTo(0x0018_0002);
        assertThat(completion.headerDw2()).isEqualTo(0xabcd_0000);
        assertThat(completion.headerDw3()).isEqualTo(0x8000_0001);
        assertThat(completion.completes(31)).isTrue();
        assertThat(completion.completes(1)).isFalse();
        assertThat(InvalidateCompletion.decode(0x0018_0002, 0xabcd_0003, 2))
                .isEqualTo(new InvalidateCompletion(0x18, 0xabcd, 3, 2));
    }

    @Test
    void everyPatternIsAMessageAndReadsBack() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.err.println("nestor.seed=" + seed);
        Random random = new Random(seed);
        for (int i = 0; i < TERMS; i++) {
            int dw2 = random.nextInt();
            int dw3 = random.nextInt();
            Optional<PasidPrefix> prefix =
                    PasidPrefix.decode(0x9100_0000 | random.nextInt() & 0xcf_ffff);
            PageRequest request = PageRequest.decode(0x18, prefix, dw2, dw3);
            assertThat(request.headerDw2()).isEqualTo(dw2);
            assertThat(request.headerDw3()).isEqualTo(dw3);
            assertThat(request.prefix()).isEqualTo(prefix);
            PageResponse response = PageResponse.decode(1, dw2);
            assertThat(response.headerDw2()).isEqualTo(dw2 & 0xffff_f1ff);
            InvalidateCompletion completion = InvalidateCompletion.decode(dw2, dw3, dw2);
            assertThat(completion.headerDw2()).isEqualTo(dw3 & 0xffff_0007);
        }
    }
}
