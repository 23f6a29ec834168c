package nestor.paging;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nestor.vmm.memory.GuestAccessException;

/**
 * A walk with every descriptor on its way, for people who ask why: its result is that of a walk for
 * the same access, but nothing in memory changes. Bounded as a walk is.
 *
 * @param result what a walk for the access comes to, updates of descriptors included
 * @param stage1 the descriptors of stage 1; empty if only stage 2 was walked
 * @param stage2 the descriptors of stage 2 for the final address; empty without stage 2
 */
public record ExploredWalk(WalkResult result, List<Step> stage1, List<Step> stage2) {
    /** The last address of the first page: nothing is narrower. */
    private static final long SMALLEST = 0xfff;

    /**
     * One descriptor.
     *
     * @param format of the table it is in
     * @param level of that table
     * @param address of the descriptor, in the space of the table: of stage 1 under stage 2, an IPA
     * @param gpa where it is in memory; empty if stage 2 did not let the walk read it
     * @param descriptor as it is in memory; empty if it could not be read
     * @param stage2 the walk of stage 2 for {@code address}; empty if there is no stage 2
     */
    public record Step(
            TableFormat format,
            int level,
            long address,
            Optional<Long> gpa,
            Optional<Long> descriptor,
            List<Step> stage2) {}

    public ExploredWalk {
        stage1 = List.copyOf(stage1);
        stage2 = List.copyOf(stage2);
    }

    /** What stage 1 makes of the address; empty if it does not lead to a leaf. */
    public Optional<Long> stage1Output(long input) {
        if (stage1.isEmpty() || stage1.getLast().descriptor().isEmpty()) {
            return Optional.empty();
        }
        Step last = stage1.getLast();
        TableFormat format = last.format();
        long descriptor = last.descriptor().get();
        if (format.kind(descriptor, last.level()) != TableFormat.DescriptorKind.LEAF) {
            return Optional.empty();
        }
        long offset = input & ~(-1L << format.shift(last.level()));
        return Optional.of(format.output(descriptor, last.level()) | offset);
    }

    /** A walk that ends before its first descriptor. */
    public static ExploredWalk refused(WalkResult.Fault fault) {
        return new ExploredWalk(fault, List.of(), List.of());
    }

    /**
     * The last address, unsigned, that the descriptors of a walk for {@code input} are for, too:
     * its block or hole ends there. Where no descriptor was read, {@link #lastOfSameWidth}.
     */
    public long last(long input, int addressBits) {
        int spanLog2 = Math.min(spanLog2(stage1), spanLog2(stage2));
        return spanLog2 < Long.SIZE
                ? input | (1L << spanLog2) - 1
                : lastOfSameWidth(input, addressBits);
    }

    private static int spanLog2(List<Step> steps) {
        return steps.isEmpty() ? Long.SIZE : steps.getLast().format.shift(steps.getLast().level);
    }

    /**
     * The last address that has as many bits, or as many leading ones, as {@code input}: limits of
     * address sizes lie between such.
     *
     * @param addressBits 64, or less where the bits above may be ignored
     */
    public static long lastOfSameWidth(long input, int addressBits) {
        int ignored = Long.SIZE - addressBits;
        long address = input << ignored >> ignored;
        long down = ~address;
        long last;
        if (address >= 0) {
            last = Long.MAX_VALUE >>> Long.numberOfLeadingZeros(address | SMALLEST) - 1;
        } else {
            last = down <= SMALLEST ? -1 : ~Long.highestOneBit(down);
        }
        long kept = -1L >>> ignored;
        return input & ~kept | last & kept;
    }

    /** One stage alone. */
    public static ExploredWalk of(
            TableMemory physical, TableFormat format, long input, Access access) {
        var tables = new RehearsedTables(physical);
        WalkResult result = new Walker(tables).walk(format, input, access);
        List<Step> steps = chain(format, tables.take());
        return format.stage() == 1
                ? new ExploredWalk(result, steps, List.of())
                : new ExploredWalk(result, List.of(), steps);
    }

    /** Both stages. */
    public static ExploredWalk nested(
            TableMemory physical,
            TableFormat stage1,
            TableFormat stage2,
            long input,
            Access access) {
        var tables = new RehearsedTables(physical);
        var outer = new OuterTables(tables, stage1, stage2);
        WalkResult result = new NestedWalker(tables, stage2, outer).walk(stage1, input, access);
        return new ExploredWalk(result, outer.steps, chain(stage2, tables.take()));
    }

    /** The descriptors of one walk of one stage, which came one after the other. */
    public static List<Step> chain(TableFormat format, List<RehearsedTables.Fetch> fetches) {
        List<Step> steps = new ArrayList<>();
        int level = format.startLevel();
        for (RehearsedTables.Fetch fetch : fetches) {
            steps.add(step(format, level, fetch));
            if (!fetch.backed() || !leadsOn(format, fetch.descriptor(), level)) {
                break;
            }
            level = format.nextLevel(level);
        }
        return steps;
    }

    private static boolean leadsOn(TableFormat format, long descriptor, int level) {
        return format.kind(descriptor, level) == TableFormat.DescriptorKind.TABLE
                && format.fitsOutput(format.nextTable(descriptor));
    }

    private static Step step(TableFormat format, int level, RehearsedTables.Fetch fetch) {
        Optional<Long> descriptor =
                fetch.backed() ? Optional.of(fetch.descriptor()) : Optional.empty();
        return new Step(
                format,
                level,
                fetch.address(),
                Optional.of(fetch.address()),
                descriptor,
                List.of());
    }

    /** Stage-1 tables behind stage 2, with both stages' descriptors. */
    private static final class OuterTables implements TableMemory {
        private final RehearsedTables physical;
        private final TranslatedTables behind;
        private final TableFormat stage1;
        private final TableFormat stage2;
        private final List<Step> steps = new ArrayList<>();
        private int level;

        OuterTables(RehearsedTables physical, TableFormat stage1, TableFormat stage2) {
            this.physical = physical;
            this.behind = new TranslatedTables(physical, stage2);
            this.stage1 = stage1;
            this.stage2 = stage2;
            this.level = stage1.startLevel();
        }

        @Override
        public long descriptor(long address) throws GuestAccessException, TableFaultException {
            try {
                return behind.descriptor(address);
            } finally {
                List<RehearsedTables.Fetch> fetches = physical.take();
                List<Step> under = chain(stage2, fetches);
                Optional<RehearsedTables.Fetch> own =
                        fetches.stream().skip(under.size()).findFirst();
                steps.add(
                        new Step(
                                stage1,
                                level,
                                address,
                                own.map(RehearsedTables.Fetch::address),
                                own.filter(RehearsedTables.Fetch::backed)
                                        .map(RehearsedTables.Fetch::descriptor),
                                under));
                level = stage1.nextLevel(level);
            }
        }

        /** The walk of stage 2 that asks whether the update may be is none of the steps. */
        @Override
        public long compareAndExchange(long address, long expected, long value)
                throws GuestAccessException, TableFaultException {
            int before = physical.count();
            try {
                return behind.compareAndExchange(address, expected, value);
            } finally {
                physical.forgetAfter(before);
            }
        }
    }
}
