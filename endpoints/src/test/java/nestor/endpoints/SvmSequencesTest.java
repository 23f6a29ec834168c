package nestor.endpoints;

import static nestor.endpoints.SvmBench.CRC;
import static nestor.endpoints.SvmBench.DISABLED;
import static nestor.endpoints.SvmBench.OPTIONS;
import static nestor.endpoints.SvmBench.READ;
import static nestor.endpoints.SvmBench.WRITE;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import nestor.pci.Translation;
import nestor.testkit.Choices;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * §5: the test program's eleven sequences at the register level, for several sizes of the cache.
 * Responses come late, and pages go while the device waits for others.
 */
class SvmSequencesTest {
    private static final int P = 3;
    private static final long MAP = 0xc_0ffe_e000L;
    private static final int PAGE = 4096;
    private static final int RW = Translation.READ | Translation.WRITE;
    private static final long SEED = Long.getLong("nestor.seed", System.nanoTime());

    private final Choices choices = Choices.seeded(SEED);

    private SvmBench bench(int atcEntries, long ramBytes) {
        return ready(new SvmBench(atcEntries, ramBytes));
    }

    @BeforeAll
    static void printTheSeed() {
        System.out.println("SvmSequencesTest: -Dnestor.seed=" + SEED);
    }

    private SvmBench ready(SvmBench bench) {
        bench.enable(1 + choices.below(40));
        bench.pasid(P);
        return bench;
    }

    private long run(SvmBench bench, long command, long address, long bytes) {
        return bench.run(
                command,
                address,
                bytes,
                choices,
                () -> {
                    long page = address + choices.below((int) Math.min(bytes, 1 << 20) + 1);
                    if (bench.os.process(P).pages.containsKey(page & -PAGE)) {
                        keepingContent(bench, page & -PAGE);
                    }
                });
    }

    /** A page goes and comes back elsewhere with its content, as after a page-out. */
    private static void keepingContent(SvmBench bench, long page) {
        try {
            SvmOs.Page old = bench.os.process(P).pages.get(page);
            if (old == null || old.sizeLog2() != 12) {
                return;
            }
            byte[] content = bench.board.bytes(old.frame(), PAGE);
            bench.os.pageOut(P, page, 12);
            SvmOs.Page fresh = bench.os.map(P, page, old.access(), 12);
            bench.board.memory.copyIn(MemorySegment.ofArray(content), 0, fresh.frame(), PAGE);
        } catch (GuestAccessException noRam) {
            throw new AssertionError(noRam);
        }
    }

    private static int crc(byte[] bytes) {
        return SvmChecksum.update(SvmChecksum.INITIAL, bytes, bytes.length);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4, 1024})
    @DisplayName("§5 #1 write: unmapped fails; map, write, unmap five times; the first page again")
    void write(int atcEntries) throws GuestAccessException {
        try (SvmBench bench = bench(atcEntries, 1 << 24)) {
            assertThat(run(bench, WRITE, MAP, 1)).isEqualTo(1);
            bench.os.mmap(P, 0x7f00_0000_0000L, PAGE);
            assertThat(run(bench, WRITE, 0x7f00_0000_0000L, PAGE)).isZero();
            for (int i = 0; i < 5; i++) {
                bench.os.mmap(P, MAP, 5 * PAGE);
                assertThat(run(bench, WRITE, MAP, 5 * PAGE)).isZero();
                bench.assertPattern(P, MAP, 5 * PAGE);
                bench.os.munmap(P, MAP, 5 * PAGE);
                assertThat(bench.os.process(P).pages).hasSize(1);
            }
            assertThat(run(bench, WRITE, 0x7f00_0000_0000L, PAGE)).isZero();
            bench.assertPattern(P, 0x7f00_0000_0000L, PAGE);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4, 1024})
    @DisplayName("§5 #2, #3 read: random data and its CRC, two seeds; unmapped fails")
    void read(int atcEntries) throws GuestAccessException {
        for (int seed = 1; seed <= 2; seed++) {
            try (SvmBench bench = bench(atcEntries, 1 << 24)) {
                SplittableRandom random = new SplittableRandom(seed);
                assertThat(run(bench, READ, MAP, 1)).isEqualTo(1);
                for (int i = 0; i < 5; i++) {
                    bench.os.mmap(P, MAP, 5 * PAGE);
                    byte[] data = new byte[5 * PAGE];
                    random.nextBytes(data);
                    // The program fills the buffer: these pages are there already.
                    for (int at = 0; at < data.length; at += PAGE) {
                        bench.os.map(P, MAP + at, RW, 12);
                    }
                    bench.poke(P, MAP, data);
                    bench.set(CRC, crc(data));
                    assertThat(run(bench, READ, MAP, data.length)).isZero();
                    bench.set(CRC, crc(data) + 1);
                    assertThat(run(bench, READ, MAP, data.length)).isEqualTo(1);
                    bench.os.munmap(P, MAP, 5 * PAGE);
                }
                assertThat(run(bench, READ, MAP, 1)).isEqualTo(1);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4, 1024})
    @DisplayName("§5 #4 write 2: parts and growing ranges of one mapping")
    void growingRanges(int atcEntries) throws GuestAccessException {
        try (SvmBench bench = bench(atcEntries, 1 << 24)) {
            bench.os.mmap(P, MAP, 16 * PAGE);
            assertThat(run(bench, WRITE, MAP + 5 * PAGE, 10)).isZero();
            assertThat(run(bench, WRITE, MAP + 8 * PAGE + 4090, 12)).isZero();
            for (int pages = 1; pages <= 16; pages++) {
                assertThat(run(bench, WRITE, MAP, (long) pages * PAGE)).isZero();
                bench.assertPattern(P, MAP, pages * PAGE);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 1024})
    @DisplayName("§5 #5 huge pages: 2 MiB in parts and whole, ten of them, 1 GiB")
    void hugePages(int atcEntries) throws GuestAccessException, IOException {
        long huge = 0x7e00_0000_0000L;
        // A GiB page at 0x8000_0000, of which only what is touched has RAM.
        GuestMemory ram =
                GuestMemory.shared(
                        List.of(
                                new GuestMemory.Range(Board.RAM, 1 << 26),
                                new GuestMemory.Range(0x8000_0000L, PAGE),
                                new GuestMemory.Range(0xc000_0000L - 3 * PAGE, 3 * PAGE)));
        try (SvmBench bench = ready(new SvmBench(atcEntries, ram, 3L << 30))) {
            bench.os.mmap(P, huge, 20 << 20, RW, 21);
            for (int bytes : new int[] {PAGE, PAGE + 1, 1 << 21, (7 << 21) + PAGE}) {
                assertThat(run(bench, WRITE, huge, bytes)).isZero();
                bench.assertPattern(P, huge, Math.min(bytes, 1 << 22));
            }
            assertThat(bench.os.process(P).pages).hasSize(8);
            long giant = 0x7d00_0000_0000L;
            bench.os.mmap(P, giant, 1 << 30, RW, 30);
            assertThat(run(bench, WRITE, giant, PAGE)).isZero();
            int translations = bench.os.translations.size();
            assertThat(run(bench, WRITE, giant + (1 << 30) - 3 * PAGE, 3 * PAGE)).isZero();
            bench.assertPattern(P, giant + (1 << 30) - 3 * PAGE, 3 * PAGE);
            assertThat(bench.os.translations).hasSize(translations + (atcEntries == 0 ? 3 : 0));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4, 1024})
    @DisplayName("§5 #6 permission: a read-only view reads but does not write")
    void permission(int atcEntries) throws GuestAccessException {
        long readOnly = MAP + 0x10_0000;
        try (SvmBench bench = bench(atcEntries, 1 << 20)) {
            bench.os.mmap(P, MAP, PAGE);
            bench.os.mmap(P, readOnly, PAGE, Translation.READ, 12);
            SvmOs.Page shared = bench.os.map(P, MAP, RW, 12);
            bench.os
                    .process(P)
                    .pages
                    .put(readOnly, new SvmOs.Page(readOnly, 12, shared.frame(), Translation.READ));
            bench.set(CRC, crc(new byte[PAGE]));
            assertThat(bench.run(READ, MAP, PAGE)).isZero();
            assertThat(bench.run(READ, readOnly, PAGE)).isZero();
            assertThat(bench.run(WRITE, readOnly, PAGE)).isEqualTo(1);
            assertThat(bench.peek(P, MAP + 1)).isZero();
            assertThat(bench.run(WRITE, MAP, PAGE)).isZero();
            bench.assertPattern(P, readOnly, PAGE);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4, 1024})
    @DisplayName("§5 #7 stack: unaligned writes touch no neighbour")
    void stack(int atcEntries) throws GuestAccessException {
        long stack = 0x7fff_ffff_e000L;
        try (SvmBench bench = bench(atcEntries, 1 << 24)) {
            bench.os.mmap(P, stack - 4 * PAGE, 6 * PAGE);
            for (int bytes : new int[] {1, 2, 4, 8, 256}) {
                for (long at : new long[] {stack + 3, stack - 1, stack + PAGE - 5}) {
                    bench.os.pageOut(P, stack - 4 * PAGE, 6 * PAGE);
                    assertThat(run(bench, WRITE, at, bytes)).isZero();
                    bench.assertPattern(P, at, bytes);
                    for (long near : new long[] {at - 1, at + bytes}) {
                        if (bench.os.process(P).pages.containsKey(near & -PAGE)) {
                            assertThat(bench.peek(P, near)).isZero();
                        }
                    }
                }
            }
            byte[] word = {9, 8, 7, 6, 5, 4, 3, 2};
            bench.run(WRITE, stack - 3, 8);
            bench.poke(P, stack - 3, word);
            bench.set(CRC, crc(word));
            assertThat(run(bench, READ, stack - 3, 8)).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1024})
    @DisplayName("§5 #8 interrupt range: all 256 writes fail")
    void interruptRange(int atcEntries) {
        try (SvmBench bench = bench(atcEntries, 1 << 20)) {
            bench.os.mmap(P, 0xfec0_0000L, 0x100_0000);
            for (int page = 0; page < 256; page++) {
                assertThat(run(bench, WRITE, 0xfee0_0000L + ((long) page << 12), 1)).isEqualTo(1);
            }
            assertThat(run(bench, WRITE, 0xfed0_0000L, 1)).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1024})
    @DisplayName("§5 #9 kernel memory fails; privileged even user memory fails")
    void kernelMemory(int atcEntries) {
        try (SvmBench bench = bench(atcEntries, 1 << 20)) {
            long kernel = 0xffff_c900_0000_0000L;
            bench.os.mmap(P, MAP, PAGE);
            assertThat(run(bench, WRITE, kernel, 8)).isEqualTo(1);
            bench.set(OPTIONS, 1);
            assertThat(run(bench, WRITE, kernel, 8)).isEqualTo(1);
            assertThat(run(bench, WRITE, MAP, 8)).isEqualTo(1);
            bench.set(OPTIONS, 0);
            assertThat(run(bench, WRITE, MAP, 8)).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4, 1024})
    @DisplayName("§5 #10 PRI stress: 0..10 pages, pages going between and during operations")
    void priStress(int atcEntries) throws GuestAccessException {
        try (SvmBench bench = bench(atcEntries, 1L << 27)) {
            bench.os.mmap(P, MAP, 10 * PAGE);
            for (int i = 0; i < 500; i++) {
                int bytes = choices.below(11) * PAGE;
                assertThat(run(bench, WRITE, MAP, bytes)).isZero();
                bench.assertPattern(P, MAP, bytes);
                if (choices.flip()) {
                    bench.os.pageOut(P, MAP, 10 * PAGE);
                }
            }
            assertThat(bench.os.pageRequests.getLast().prgIndex()).isBetween(0, 511);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4, 1024})
    @DisplayName("§5 #11 fork: the child's PASID writes copies, the parent's data stay")
    void fork(int atcEntries) throws GuestAccessException {
        int child = 4;
        try (SvmBench bench = bench(atcEntries, 1 << 24)) {
            bench.os.mmap(P, MAP, 8 * PAGE);
            assertThat(run(bench, WRITE, MAP, 8 * PAGE)).isZero();
            // Copy on write: the child sees the same frames, read-only, until it writes.
            bench.os.mmap(child, MAP, 8 * PAGE);
            for (SvmOs.Page page : bench.os.process(P).pages.values()) {
                bench.os
                        .process(child)
                        .pages
                        .put(
                                page.base(),
                                new SvmOs.Page(page.base(), 12, page.frame(), Translation.READ));
            }
            bench.pasid(DISABLED);
            bench.pasid(child);
            assertThat(bench.run(WRITE, MAP + 100, 5 * PAGE)).isZero();
            bench.assertPattern(child, MAP + 100, 5 * PAGE);
            bench.assertPattern(P, MAP, 8 * PAGE);
        }
    }
}
