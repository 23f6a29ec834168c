package nestor.testkit;

import nestor.paging.AccessTracking;
import nestor.paging.VmsaV8Geometry;
import nestor.paging.VmsaV8Stage1;
import nestor.paging.VmsaV8Stage2;
import nestor.paging.VtdSecondStage;
import nestor.paging.X86Paging;

/** Any parameters a format can have. */
record RandomFormats(Choices choices) {
    private int pick(int... values) {
        return values[choices.below(values.length)];
    }

    private <T> T pick(T[] values) {
        return values[choices.below(values.length)];
    }

    private VmsaV8Geometry geometry() {
        int granule = pick(12, 14, 16);
        boolean large = choices.oneIn(3);
        int widest = large ? 52 : 48;
        int narrowest = Math.max(16, granule + 1);
        int input =
                choices.flip()
                        ? pick(39, 48, widest)
                        : narrowest + choices.below(widest - narrowest + 1);
        int output = large ? pick(36, 48, 52, 52) : pick(32, 36, 40, 42, 44, 48, 48);
        return new VmsaV8Geometry(granule, input, output, large);
    }

    VmsaV8Stage1 vmsaV8Stage1(long root) {
        return new VmsaV8Stage1(
                geometry(),
                root | (choices.oneIn(8) ? choices.anyLong() & 0xffff_0000_0000_0001L : 0),
                choices.flip(),
                choices.flip(),
                choices.flip(),
                choices.oneIn(4),
                pick(AccessTracking.values()));
    }

    VmsaV8Stage2 vmsaV8Stage2(long root) {
        while (true) {
            VmsaV8Geometry geometry = geometry();
            int startLevel = choices.below(5) - 1;
            if (VmsaV8Stage2.consistent(geometry, startLevel)) {
                return new VmsaV8Stage2(
                        geometry,
                        root,
                        startLevel,
                        pick(AccessTracking.values()),
                        choices.oneIn(4),
                        choices.flip(),
                        choices.flip());
            }
        }
    }

    X86Paging x86(long root) {
        return new X86Paging(
                pick(4, 5),
                root | choices.below(1 << 12),
                pick(32, 39, 46, 48, 52),
                choices.flip(),
                pick(X86Paging.ExecuteDisable.values()),
                choices.flip(),
                choices.flip());
    }

    VtdSecondStage vtdSecondStage(long root) {
        return new VtdSecondStage(
                3 + choices.below(3),
                root | choices.below(1 << 12),
                pick(32, 39, 46, 48, 52),
                1 + choices.below(3),
                choices.flip(),
                choices.flip() ? AccessTracking.IGNORED : AccessTracking.HARDWARE_DIRTY,
                choices.flip());
    }
}
