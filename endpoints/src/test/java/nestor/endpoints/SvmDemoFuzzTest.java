package nestor.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import nestor.pci.PageResponse;

/** A hostile driver, an operating system that answers as it likes, and resets in between. */
class SvmDemoFuzzTest {
    private static final int MAX_ACTIONS = 300;
    private static final int RAM_BYTES = 1 << 18;
    private static final long BUFFER = 0x7f00_0000_0000L;
    private static final int[] PASIDS = {0, 1, 0xfffff, 0x100000, 0x100001, -1};
    private static final int[] ATC_ENTRIES = {0, 1, 4, 16};
    private static final int[] CODES = {-1, -1, 0, 1, 2, 15};
    private static final int[] OFFSETS = {0, 0, 0, 8, 8, 0x10, 0x18, 0x18, 0x20, 0x50, 0x50};

    @FuzzTest(maxDuration = "10m")
    void everyAccessIsDefined(FuzzedDataProvider data) {
        try (SvmBench bench = new SvmBench(data.pickValue(ATC_ENTRIES), RAM_BYTES)) {
            for (int pasid : PASIDS) {
                bench.os.mmap(pasid, BUFFER, 1 << 17);
                bench.os.map(pasid, BUFFER + 8192, pasid & 3, 12);
            }
            for (int i = 0; i < MAX_ACTIONS && data.remainingBytes() > 0; i++) {
                act(data, bench);
            }
            assertThat(bench.os.violations).isEmpty();
            worksAfterReset(bench);
        }
    }

    private static void act(FuzzedDataProvider data, SvmBench bench) {
        switch (data.consumeInt(0, 11)) {
            case 0 -> bench.loop.runUntilIdle();
            case 1, 2 -> command(data, bench);
            case 3 -> write(data, bench);
            case 4 -> bench.board.mmio.read(Board.BAR + offset(data), 1 << data.consumeInt(0, 3));
            case 5 -> bench.os.answer();
            case 6 -> bench.os.forcedCode = data.pickValue(CODES);
            case 7 -> bench.os.answersAtOnce = data.consumeBoolean();
            case 8 -> {
                long page = BUFFER + ((long) data.consumeInt(0, 31) << 12);
                bench.os.pageOut(data.pickValue(PASIDS) & 0xfffff, page, 1 << 14);
            }
            case 9 -> bench.board.config(0x100 + data.consumeInt(0, 0x2f), 1, data.consumeByte());
            case 10 -> bench.enable(data.consumeInt(0, 40));
            default -> reset(data, bench);
        }
    }

    private static void reset(FuzzedDataProvider data, SvmBench bench) {
        if (data.consumeBoolean()) {
            bench.board.host.reset();
        } else {
            bench.board.config(bench.board.capability(0x10) + 8, 2, 0x8000);
        }
        bench.enable(32);
    }

    private static void command(FuzzedDataProvider data, SvmBench bench) {
        if (data.consumeBoolean()) {
            bench.set(SvmBench.PASID, data.pickValue(PASIDS) & 0xffff_ffffL);
        }
        bench.set(SvmBench.ADDRESS, BUFFER + data.consumeInt(0, 1 << 15));
        bench.set(SvmBench.LENGTH, data.consumeInt(0, 1 << 16));
        bench.set(SvmBench.COMMAND, data.consumeInt(0, 3));
    }

    private static void write(FuzzedDataProvider data, SvmBench bench) {
        int size = 1 << data.consumeInt(0, 3);
        bench.board.mmio.write(Board.BAR + offset(data), size, data.consumeLong());
    }

    private static long offset(FuzzedDataProvider data) {
        return data.consumeBoolean() ? data.pickValue(OFFSETS) : data.consumeInt(0, (1 << 20) - 1);
    }

    private static void worksAfterReset(SvmBench bench) {
        bench.board.host.reset();
        bench.loop.runUntilIdle();
        bench.enable(32);
        assertThat(bench.get(SvmBench.ADDRESS)).isZero();
        bench.os.groups.clear();
        bench.os.forcedCode = PageResponse.INVALID_REQUEST;
        bench.pasid(77);
        assertThat(bench.run(SvmBench.WRITE, BUFFER, 1)).isEqualTo(1);
        assertThat(bench.run(SvmBench.WRITE, BUFFER, 0)).isZero();
    }
}
