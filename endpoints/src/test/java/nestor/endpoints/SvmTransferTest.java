package nestor.endpoints;

import static nestor.endpoints.SvmBench.ADDRESS;
import static nestor.endpoints.SvmBench.CRC;
import static nestor.endpoints.SvmBench.DISABLED;
import static nestor.endpoints.SvmBench.OPTIONS;
import static nestor.endpoints.SvmBench.READ;
import static nestor.endpoints.SvmBench.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import nestor.pci.AtsEntry;
import nestor.pci.AtsRequest;
import nestor.pci.PageRequest;
import nestor.pci.PageResponse;
import nestor.pci.Translation;
import nestor.vmm.memory.GuestAccessException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** §3: commands, against an operating system that maps pages when they are requested. */
class SvmTransferTest {
    private static final int P = 7;
    private static final long BUFFER = 0x7f00_0000_0000L;
    private static final int PAGE = 4096;
    private static final int RAM_BYTES = 1 << 24;

    private SvmBench bench = bench(1024);

    private static SvmBench bench(int atcEntries) {
        SvmBench bench = new SvmBench(atcEntries, RAM_BYTES);
        bench.os.mmap(P, BUFFER, 0x80_0000);
        bench.pasid(P);
        return bench;
    }

    @AfterEach
    void close() {
        bench.close();
    }

    /** CRC-8 as the reference gives it: table[128] = 1 stepped once, and so on. */
    private static int crc(byte[] bytes) {
        int[] table = new int[256];
        int t = 1;
        for (int i = 128; i > 0; i >>= 1) {
            t = t >> 1 ^ ((t & 1) != 0 ? 0xab : 0);
            for (int j = 0; j < 256; j += 2 * i) {
                table[i + j] = t ^ table[j];
            }
        }
        int crc = 0xff;
        for (byte b : bytes) {
            crc = table[(crc ^ b) & 0xff];
        }
        return crc;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4, 1024})
    @DisplayName("§3 data: byte i is i modulo 251, across pages and sleeps")
    void writesThePattern(int atcEntries) throws GuestAccessException {
        bench.close();
        bench = bench(atcEntries);
        assertThat(bench.run(WRITE, BUFFER + 100, 3 * PAGE)).isZero();
        bench.assertPattern(P, BUFFER + 100, 3 * PAGE);
        assertThat(bench.peek(P, BUFFER + 99)).isZero();
        assertThat(bench.peek(P, BUFFER + 100 + 3 * PAGE)).isZero();

        assertThat(bench.run(WRITE, BUFFER + 200, 700 * PAGE)).isZero();
        bench.assertPattern(P, BUFFER + 200, 700 * PAGE);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4, 1024})
    @DisplayName("§3 data: the CRC-8 of all bytes is compared with the CRC register")
    void checksTheCrc(int atcEntries) throws GuestAccessException {
        bench.close();
        bench = bench(atcEntries);
        byte[] data = new byte[5 * PAGE + 17];
        new java.util.SplittableRandom(4).nextBytes(data);
        bench.run(WRITE, BUFFER, data.length + PAGE);
        bench.poke(P, BUFFER + 9, data);
        bench.set(CRC, crc(data));
        assertThat(bench.run(READ, BUFFER + 9, data.length)).isZero();
        bench.set(CRC, crc(data) | 0x100);
        assertThat(bench.run(READ, BUFFER + 9, data.length)).isEqualTo(1);
        bench.set(CRC, crc(data) ^ 1);
        assertThat(bench.run(READ, BUFFER + 9, data.length)).isEqualTo(1);
    }

    @Test
    @DisplayName("§3.2a: translations are requested from the current address, NW for reads")
    void translationRequests() {
        bench.run(READ, BUFFER + 5, 2 * PAGE);
        AtsRequest read = bench.os.translations.getFirst();
        assertThat(read.address()).isEqualTo(BUFFER);
        assertThat(read.translations()).isEqualTo(3);
        assertThat(read.noWrite()).isTrue();
        assertThat(read.execute()).isFalse();
        assertThat(read.requester().privileged()).isFalse();

        bench.os.translations.clear();
        bench.run(WRITE, BUFFER + 5, PAGE);
        assertThat(bench.os.translations).noneMatch(AtsRequest::noWrite);
    }

    @Test
    @DisplayName("§3.2b: a page without the permission is a miss, one with it is not requested")
    void onlyMissesAreRequested() {
        bench.os.map(P, BUFFER, Translation.READ | Translation.WRITE, 12);
        bench.os.map(P, BUFFER + PAGE, Translation.READ, 12);
        bench.os.map(P, BUFFER + 3 * PAGE, Translation.WRITE, 12);

        assertThat(bench.run(WRITE, BUFFER + 1, 4 * PAGE)).isZero();

        assertThat(bench.os.pageRequests)
                .extracting(PageRequest::iova, PageRequest::access, PageRequest::last)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple(BUFFER + PAGE, 2, false),
                        org.assertj.core.groups.Tuple.tuple(BUFFER + 2 * PAGE, 2, false),
                        org.assertj.core.groups.Tuple.tuple(BUFFER + 4 * PAGE, 2, true));
    }

    @Test
    @DisplayName("§3.2c: one group, the last miss carries L; R for reads, no exec")
    void pageRequestsFormAGroup() {
        bench.run(READ, BUFFER + 0x123, 3 * PAGE);

        List<PageRequest> group = bench.os.pageRequests;
        assertThat(group).hasSize(4);
        assertThat(group).allMatch(request -> request.prgIndex() == 0);
        assertThat(group).allMatch(request -> request.access() == Translation.READ);
        assertThat(group).allMatch(request -> request.requester().pasid() == P);
        assertThat(group).extracting(PageRequest::last).containsExactly(false, false, false, true);
    }

    @Test
    @DisplayName("§3.2c: when credit runs out L is forced, and the rest is asked for later")
    void creditForcesL() throws GuestAccessException {
        bench.enable(3);
        bench.pasid(P);
        assertThat(bench.run(WRITE, BUFFER, 8 * PAGE)).isZero();

        assertThat(bench.os.pageRequests)
                .extracting(PageRequest::last)
                .containsExactly(false, false, true, false, false, true, false, true);
        assertThat(bench.os.pageRequests)
                .extracting(PageRequest::prgIndex)
                .containsExactly(0, 0, 0, 1, 1, 1, 2, 2);
        bench.assertPattern(P, BUFFER, 8 * PAGE);
    }

    @Test
    @DisplayName("§2: the allocation counts that was there when the PASID was enabled")
    void creditIsReadWhenThePasidIsEnabled() {
        bench.enable(1);
        bench.pasid(P);
        bench.run(WRITE, BUFFER, 2 * PAGE);
        assertThat(bench.os.pageRequests).allMatch(PageRequest::last).hasSize(2);
        bench.enable(0);
        bench.pasid(P);
        assertThat(bench.run(WRITE, BUFFER + 8 * PAGE, 1)).isEqualTo(1);
        assertThat(bench.os.pageRequests).hasSize(2);
    }

    @Test
    @DisplayName("§3.2c: the PRG index wraps from 511 to 0")
    void theGroupIndexWraps() {
        for (int i = 0; i < 514; i++) {
            assertThat(bench.run(WRITE, BUFFER + (long) i * PAGE, 1)).isZero();
        }
        assertThat(bench.os.pageRequests)
                .extracting(PageRequest::prgIndex)
                .startsWith(0, 1)
                .endsWith(510, 511, 0, 1);
    }

    @Test
    @DisplayName("§3.2c: the PRG index goes on when another PASID is enabled")
    void theGroupIndexSurvivesThePasid() {
        bench.os.mmap(8, BUFFER, PAGE);
        bench.run(WRITE, BUFFER, 1);
        bench.pasid(8);
        bench.run(WRITE, BUFFER, 1);
        assertThat(bench.os.pageRequests).extracting(PageRequest::prgIndex).containsExactly(0, 1);
    }

    @Test
    @DisplayName("§3.2d: nothing moves before the response")
    void theDeviceSleepsUntilTheResponse() {
        bench.os.map(P, BUFFER, Translation.READ | Translation.WRITE, 12);
        bench.start(WRITE, BUFFER, 2 * PAGE);
        assertThat(bench.os.groups).hasSize(1);
        assertThat(bench.board.messages).isEmpty();
        bench.loop.runUntilIdle();
        assertThat(bench.board.messages).isEmpty();
        bench.os.answer();
        bench.loop.runUntilIdle();
        assertThat(bench.board.messages).hasSize(1);
    }

    @Test
    @DisplayName("§3.3: a range that is to be accessed untranslated fails the command")
    void untranslatedOnlyFails() {
        bench.os.extraFlags = AtsEntry.UNTRANSLATED_ONLY.mask();
        assertThat(bench.run(WRITE, BUFFER, 1)).isEqualTo(1);
        assertThat(bench.run(WRITE, BUFFER, 1)).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {12, 13, 16, 21})
    @DisplayName("§3.3: translations of every size are used to their end")
    void largeTranslations(int sizeLog2) throws GuestAccessException {
        long size = 1L << sizeLog2;
        long start = 0x6000_0000_0000L;
        bench.os.mmap(P, start, 4 * size, Translation.READ | Translation.WRITE, sizeLog2);
        int bytes = (int) size + 2000;
        assertThat(bench.run(WRITE, start + size - 1000, bytes)).isZero();
        bench.assertPattern(P, start + size - 1000, bytes);
        assertThat(bench.os.process(P).pages).hasSize(3);
    }

    @Test
    @DisplayName("§3.4: any response but success fails the command")
    void otherResponsesFail() {
        bench.os.forcedCode = PageResponse.INVALID_REQUEST;
        assertThat(bench.run(WRITE, BUFFER, 1)).isEqualTo(1);
        bench.os.forcedCode = 4;
        assertThat(bench.run(WRITE, BUFFER, 1)).isEqualTo(1);
        bench.os.forcedCode = -1;
        assertThat(bench.run(WRITE, BUFFER, 1)).describedAs("the interface stopped").isEqualTo(1);
        bench.board.config(bench.board.extendedCapability(0x13) + 6, 2, 3);
        bench.enable(32);
        assertThat(bench.run(WRITE, BUFFER, 1)).isZero();
    }

    @Test
    @DisplayName("§3.2: privileged requests say so, in translations and page requests")
    void privilegedRequests() {
        bench.set(OPTIONS, 1);
        assertThat(bench.run(WRITE, BUFFER, 1)).isEqualTo(1);
        assertThat(bench.os.translations).allMatch(r -> r.requester().privileged());
        assertThat(bench.os.pageRequests).allMatch(r -> r.requester().privileged()).hasSize(1);
        bench.set(OPTIONS, ~1L);
        assertThat(bench.run(WRITE, BUFFER, 1)).isZero();
    }

    @Test
    void nothingIsDoneForNoBytes() {
        assertThat(bench.run(WRITE, 0x1000, 0)).isZero();
        bench.set(CRC, 0xff);
        assertThat(bench.run(READ, 0x1000, 0)).isZero();
        assertThat(bench.os.translations).isEmpty();
    }

    @Test
    void aBufferThatWrapsAroundFails() {
        assertThat(bench.run(WRITE, -1L, 2)).isEqualTo(1);
        assertThat(bench.run(WRITE, 1, -1L)).isEqualTo(1);
        assertThat(bench.run(READ, -4096L, 4096)).isEqualTo(1);
        assertThat(bench.run(READ, BUFFER, -BUFFER)).isEqualTo(1);
    }

    @Test
    void withoutAtsOrPriACommandFails() {
        bench.board.config(bench.board.extendedCapability(0x0f) + 6, 2, 0);
        assertThat(bench.run(WRITE, BUFFER, 1)).isEqualTo(1);
        bench.board.config(bench.board.extendedCapability(0x0f) + 6, 2, 0x8000);
        bench.board.config(bench.board.extendedCapability(0x13) + 4, 2, 0);
        assertThat(bench.run(WRITE, BUFFER, 1)).isEqualTo(1);
        bench.os.map(P, BUFFER, Translation.READ | Translation.WRITE, 12);
        assertThat(bench.run(WRITE, BUFFER, 1)).isZero();
    }

    @Test
    @DisplayName("a page that is reported present for ever, but is not, fails in the end")
    void patienceIsLimited() {
        bench.os.forcedCode = PageResponse.SUCCESS;
        bench.os.answersAtOnce = true;
        assertThat(bench.run(WRITE, BUFFER, PAGE)).isEqualTo(1);
        assertThat(bench.os.pageRequests.size())
                .isBetween(
                        SvmTransfer.MAX_FRUITLESS_RESPONSES,
                        SvmTransfer.MAX_FRUITLESS_RESPONSES + 2);
    }

    @Test
    @DisplayName("a PASID that is disabled while its command sleeps fails it")
    void disablingThePasidWakesTheDevice() {
        bench.start(WRITE, BUFFER, 1);
        bench.pasid(DISABLED);
        assertThat(bench.board.messages).hasSize(1);
        assertThat(bench.get(ADDRESS)).isEqualTo(1);
        bench.os.answer();
        bench.loop.runUntilIdle();
        assertThat(bench.board.messages).hasSize(1);
        bench.pasid(P);
        assertThat(bench.run(WRITE, BUFFER, 1)).isZero();
    }

    @Test
    void disablingAtsOrPriWakesTheDevice() {
        bench.start(WRITE, BUFFER, 1);
        bench.board.config(bench.board.extendedCapability(0x0f) + 6, 2, 0);
        bench.loop.runUntilIdle();
        assertThat(bench.board.messages).hasSize(1);
        assertThat(bench.get(ADDRESS)).isEqualTo(1);
        bench.os.answer();
        bench.enable(32);

        bench.start(WRITE, BUFFER + PAGE, 1);
        bench.board.config(bench.board.extendedCapability(0x13) + 4, 2, 0);
        bench.loop.runUntilIdle();
        assertThat(bench.board.messages).hasSize(2);
        assertThat(bench.get(ADDRESS)).isEqualTo(1);
    }

    @Test
    @DisplayName("an answer to a group of an earlier command wakes no later one")
    void staleResponses() {
        bench.start(WRITE, BUFFER, 1);
        bench.pasid(P);
        assertThat(bench.board.messages).hasSize(1);
        bench.start(WRITE, BUFFER + PAGE, 1);
        assertThat(bench.os.groups).hasSize(2);
        bench.os.answer();
        bench.loop.runUntilIdle();
        assertThat(bench.board.messages).hasSize(1);
        bench.os.answer();
        bench.loop.runUntilIdle();
        assertThat(bench.board.messages).hasSize(2);
        assertThat(bench.get(ADDRESS)).isZero();
    }

    @Test
    @DisplayName("an invalidated page is asked for again, and its old frame left alone")
    void invalidation() throws GuestAccessException {
        assertThat(bench.run(WRITE, BUFFER, 4 * PAGE)).isZero();
        bench.os.pageOut(P, BUFFER + PAGE, PAGE);
        assertThat(bench.run(WRITE, BUFFER, 4 * PAGE)).isZero();
        bench.assertPattern(P, BUFFER, 4 * PAGE);
        bench.os.munmap(P, BUFFER, 0x80_0000);
        assertThat(bench.run(WRITE, BUFFER, 1)).isEqualTo(1);
    }
}
