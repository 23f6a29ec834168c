package nestor.endpoints.dsa;

import static nestor.endpoints.dsa.DescriptorBuilder.descriptor;
import static nestor.endpoints.dsa.DsaBench.P;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import nestor.endpoints.Board;
import nestor.endpoints.dsa.DsaOptions.TranslationServices;

/** A hostile driver and hostile clients, an operating system that answers as it likes, resets. */
class DsaFuzzTest {
    private static final int MAX_ACTIONS = 200;
    private static final long ARENA = 0x5555_0000_0000L;
    private static final int ARENA_PAGES = 8;
    private static final int[] CODES = {-1, -1, -1, 0, 1, 2, 15};
    private static final int[] REGISTERS = {
        0x80, 0x88, 0x98, 0xa0, 0xa0, 0xc0, 0x400, 0x420, 0x428, 0x600, 0x604, 0x608, 0x60c, 0x800
    };
    private static final long[] ADDRESSES = {
        ARENA, ARENA + 4096, ARENA + 5 * 4096, DsaBench.RECORDS, 0xfee0_0000L, 0, -64, -4096
    };

    @FuzzTest(maxDuration = "10m")
    void everyAccessIsDefined(FuzzedDataProvider data) {
        DsaOptions options =
                DsaOptions.DEFAULT
                        .withAtcEntries(data.consumeBoolean() ? 1024 : 2)
                        .withTranslation(data.pickValue(TranslationServices.values()))
                        .withInterruptHandles(data.pickValue(DsaOptions.InterruptHandles.values()));
        try (DsaBench bench = DsaBench.start(options)) {
            bench.os.map(P, ARENA, ARENA_PAGES * 4096, DsaOs.READ_WRITE);
            bench.os.map(P + 1, ARENA, ARENA_PAGES * 4096, DsaOs.READ);
            for (int i = 0; i < MAX_ACTIONS && data.remainingBytes() > 0; i++) {
                act(data, bench, options);
            }
            assertThat(bench.os.violations).isEmpty();
            worksAfterReset(bench, options);
        }
    }

    private static void act(FuzzedDataProvider data, DsaBench bench, DsaOptions options) {
        switch (data.consumeInt(0, 13)) {
            case 0 -> bench.loop.runUntilIdle();
            case 1, 2, 3 -> submit(data, bench);
            case 4 -> bench.os.answer();
            case 5 -> bench.issue(data.consumeInt(0, 15), data.consumeInt(0, 0x1f));
            case 6 -> bench.set(0xa0, data.consumeLong());
            case 7 -> {
                long offset = data.pickValue(REGISTERS) + 4L * data.consumeInt(0, 31);
                bench.board.mmio.write(
                        Board.BAR + offset, 1 << data.consumeInt(0, 3), data.consumeLong());
            }
            case 8 ->
                    bench.board.mmio.read(
                            Board.BAR + data.consumeInt(0, 0xffff), 1 << data.consumeInt(0, 3));
            case 9 ->
                    bench.board.mmio.write(
                            DsaBench.PORTALS + data.consumeInt(0, 0x1ffff),
                            1 << data.consumeInt(0, 3),
                            data.consumeLong());
            case 10 -> bench.os.pageOut(P, ARENA + data.consumeInt(0, 7) * 4096L, 4096);
            case 11 -> bench.os.forcedCode = data.pickValue(CODES);
            case 12 -> config(data, bench);
            case 13 -> {
                bench.board.host.reset();
                bench.program(options);
                if (data.consumeBoolean()) {
                    bench.loop.runUntilIdle();
                    bench.configure();
                }
            }
            default -> throw new AssertionError();
        }
    }

    private static void config(FuzzedDataProvider data, DsaBench bench) {
        int at = 0x100 + data.consumeInt(0, 0x1f);
        bench.board.config(at, 1, data.consumeByte());
    }

    /** Sense in most fields, or in none. */
    private static void submit(FuzzedDataProvider data, DsaBench bench) {
        DescriptorBuilder submitted = descriptor(data.consumeInt(0, 0x21));
        if (data.consumeBoolean()) {
            submitted.source(address(data)).destination(address(data)).completion(address(data));
            submitted.pasid(data.consumeInt(0, 7)).flags(data.consumeInt(0, 0xffff) & 0x9e);
            submitted.size(data.consumeInt(0, 3 * 4096));
        } else {
            for (int word = 1; word < 8; word++) {
                submitted.word(word, data.consumeLong());
            }
            submitted.flags(data.consumeInt(0, 0xffffff));
        }
        if (data.consumeBoolean()) {
            submitted.word(5, address(data)).word(6, data.consumeInt(0, 4096));
        }
        if (data.consumeBoolean()) {
            bench.os.poke(P, ARENA + 64L * data.consumeInt(0, 511), submitted.bytes());
        }
        long portal = DsaBench.PORTALS + 64L * data.consumeInt(0, 0x3ff);
        if (data.consumeBoolean()) {
            bench.board.mmio.writeBlock(portal, submitted.block());
        } else {
            bench.board.mmio.writeDeferrable(portal, submitted.block());
        }
    }

    private static long address(FuzzedDataProvider data) {
        return data.pickValue(ADDRESSES) + (data.consumeInt(0, 4096) & -8);
    }

    private static void worksAfterReset(DsaBench bench, DsaOptions options) {
        bench.os.groups.clear();
        bench.os.forcedCode = -1;
        bench.board.host.reset();
        bench.program(options);
        bench.loop.runUntilIdle();
        assertThat(bench.get(0x90) & 3).isZero();
        assertThat(bench.takeSoftwareError()).isZero();
        bench.configure();
        assertThat(bench.run(descriptor(0))).startsWith(1);
    }
}
