package nestor.endpoints.dsa;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static nestor.endpoints.dsa.DescriptorBuilder.descriptor;
import static nestor.endpoints.dsa.DsaBench.P;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.SplittableRandom;
import nestor.endpoints.dsa.DsaOptions.TranslationServices;
import nestor.testkit.Choices;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** §5.3: every operation against the naive one, with operands and missing pages anywhere. */
class DsaOperationTest {
    private static final int ROUNDS = 300;
    private static final long ARENA = 0x5555_0000_0000L;
    private static final int PAGE = DsaOs.PAGE;

    private final SplittableRandom random = new SplittableRandom(seed());
    private final Choices choices = random::nextLong;

    private static long seed() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("DsaOperationTest: -Dnestor.seed=" + seed);
        return seed;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 1024})
    @DisplayName("§7: with block on fault, a missing page is requested and nothing is seen of it")
    void everyOperationBlocksAndGoesOn(int atcEntries) {
        try (DsaBench bench = arena(DsaOptions.DEFAULT.withAtcEntries(atcEntries))) {
            for (int round = 0; round < ROUNDS / 3; round++) {
                byte[] content = content();
                OperandChoices operands = new OperandChoices(choices, ARENA, content);
                DescriptorBuilder descriptor = operands.next().flags(Flags.BLOCK_ON_FAULT);
                NaiveDsa naive = expected(descriptor, content);
                bench.os.poke(P, ARENA, content);
                pageOut(bench);

                byte[] record = bench.run(descriptor);

                check(bench, descriptor, record, naive, 0);
            }
            assertThat(bench.os.pageRequests).isNotEmpty();
        }
    }

    @Test
    @DisplayName("§7: without it, the record says how far it came, and the rest can be submitted")
    void everyOperationStopsAndIsResumed() {
        int faults = 0;
        try (DsaBench bench = arena(DsaOptions.DEFAULT)) {
            for (int round = 0; round < ROUNDS; round++) {
                byte[] content = content();
                DescriptorBuilder descriptor = new OperandChoices(choices, ARENA, content).next();
                NaiveDsa naive = expected(descriptor, content);
                bench.os.poke(P, ARENA, content);
                pageOut(bench);

                Resumption resumption = new Resumption(descriptor.block());
                byte[] record = bench.run(resumption.descriptor());
                while (DsaBench.status(record) == Status.PAGE_FAULT) {
                    faults++;
                    long fault = DsaBench.faultAddress(record);
                    assertThat(fault - ARENA).isBetween(0L, (long) OperandChoices.ARENA_BYTES - 1);
                    bench.os.touch(P, fault);
                    resumption.go(record);
                    record = bench.run(resumption.descriptor());
                }

                check(bench, descriptor, record, naive, resumption.completed());
            }
            // Only a record may still ask for its page.
            assertThat(bench.os.pageRequests.stream().filter(r -> r.iova() < DsaBench.RECORDS))
                    .isEmpty();
            assertThat(faults).isGreaterThan(ROUNDS / 10);
        }
    }

    @Test
    @DisplayName("§7: a function without ATS does the same by untranslated requests")
    void everyOperationWithoutAts() {
        DsaOptions options = DsaOptions.DEFAULT.withTranslation(TranslationServices.NONE);
        try (DsaBench bench = arena(options)) {
            for (int round = 0; round < ROUNDS / 5; round++) {
                byte[] content = content();
                DescriptorBuilder descriptor = new OperandChoices(choices, ARENA, content).next();
                NaiveDsa naive = expected(descriptor, content);
                bench.os.poke(P, ARENA, content);

                check(bench, descriptor, bench.run(descriptor), naive, 0);
            }
            assertThat(bench.os.translations).isEmpty();
        }
    }

    @Test
    @DisplayName("§5.3: CRC-32C of \"123456789\" with seed 0 is 0xE3069283, zero-extended")
    void crcHasItsCheckValue() {
        try (DsaBench bench = arena(DsaOptions.DEFAULT)) {
            bench.os.poke(P, ARENA, "123456789".getBytes(US_ASCII));
            byte[] record = bench.run(descriptor(0x10).source(ARENA).size(9));
            assertThat(DsaBench.specific(record, 16, 8)).isEqualTo(0xe306_9283L);
        }
    }

    @Test
    @DisplayName("§5.3: the guard of a DIF is CRC-16 T10-DIF, 0xD0DB for \"123456789\"")
    void guardHasItsCheckValue() {
        byte[] text = "123456789".getBytes(US_ASCII);
        assertThat(Crc16T10.of(text, text.length, 0)).isEqualTo(0xd0db);
    }

    @Test
    void noOperationAndCacheFlushOnlyComplete() {
        try (DsaBench bench = arena(DsaOptions.DEFAULT)) {
            assertThat(bench.run(descriptor(0x00))).startsWith(1);
            assertThat(bench.run(descriptor(0x20).destination(ARENA).size(100))).startsWith(1);
        }
    }

    private static DsaBench arena(DsaOptions options) {
        DsaBench bench = DsaBench.start(options);
        bench.os.map(P, ARENA, OperandChoices.ARENA_BYTES, DsaOs.READ_WRITE);
        return bench;
    }

    private byte[] content() {
        byte[] content = new byte[OperandChoices.ARENA_BYTES];
        random.nextBytes(content);
        return content;
    }

    private static NaiveDsa expected(DescriptorBuilder descriptor, byte[] content) {
        NaiveDsa naive = new NaiveDsa(ARENA, content.clone());
        naive.run(descriptor.block());
        return naive;
    }

    private void pageOut(DsaBench bench) {
        for (long at = ARENA; at < ARENA + OperandChoices.ARENA_BYTES; at += PAGE) {
            if (choices.oneIn(4)) {
                bench.os.pageOut(P, at, PAGE);
            }
        }
        if (choices.oneIn(10)) {
            bench.os.pageOut(P, DsaBench.RECORDS, PAGE);
        }
    }

    /** The record, but for what earlier parts did, and all of memory. */
    private static void check(
            DsaBench bench,
            DescriptorBuilder descriptor,
            byte[] record,
            NaiveDsa naive,
            int before) {
        String what = Arrays.toString(descriptor.block());
        assertThat((int) record[0]).describedAs(what).isEqualTo(naive.status);
        if (before == 0) { // what is left of a backward move may not overlap
            assertThat((int) record[1]).describedAs(what).isEqualTo(naive.result);
        }
        if (naive.completed > 0) {
            assertThat(DsaBench.completed(record)).isEqualTo(naive.completed - before);
        }
        assertThat(DsaBench.specific(record, 16, 8)).describedAs(what).isEqualTo(naive.specific2);
        assertThat(DsaBench.specific(record, 24, 8)).describedAs(what).isEqualTo(naive.specific3);
        byte[] seen = bench.os.peek(P, ARENA, naive.memory.length);
        int differs = Arrays.mismatch(seen, naive.memory);
        assertThat(differs).describedAs("first difference after %s", what).isNegative();
    }
}
