package nestor.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import nestor.paging.Access;
import nestor.paging.NestedWalker;
import nestor.paging.PhysicalTables;
import nestor.paging.TableFormat;
import nestor.paging.VmsaV8Stage1;
import nestor.paging.VmsaV8Stage2;
import nestor.paging.VtdSecondStage;
import nestor.paging.WalkResult;
import nestor.paging.Walker;
import nestor.paging.X86Paging;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.Map;

/**
 * Hostile tables, any parameters, any access: the walker must return what the naive translator
 * returns, and leave the same descriptors in memory. {@code -Dnestor.cases=N} for more cases,
 * {@code -Dnestor.seed=N} to replay.
 */
class WalkerAgreesWithNaiveTranslatorTest {
    private static final int DEFAULT_CASES = 180_000;
    private static final int CASES_PER_WORLD = 3_000;

    /** Half for stage 1, or single-stage tables; half for stage 2. */
    private static final long RAM = 0x4000_0000L;

    private static final int HALF_LOG2 = 20;
    private static final long STAGE2 = RAM + (1L << HALF_LOG2);

    private enum Family {
        VMSA_STAGE1(HostileTables.Style.VMSA_V8, HostileTables.Style.VMSA_V8),
        VMSA_STAGE2(HostileTables.Style.VMSA_V8, HostileTables.Style.VMSA_V8),
        X86(HostileTables.Style.X86, HostileTables.Style.X86),
        VTD_SECOND_STAGE(
                HostileTables.Style.VTD_SECOND_STAGE, HostileTables.Style.VTD_SECOND_STAGE),
        VMSA_NESTED(HostileTables.Style.VMSA_V8, HostileTables.Style.VMSA_V8),
        VTD_NESTED(HostileTables.Style.X86, HostileTables.Style.VTD_SECOND_STAGE);

        private final HostileTables.Style low;
        private final HostileTables.Style high;

        Family(HostileTables.Style low, HostileTables.Style high) {
            this.low = low;
            this.high = high;
        }

        boolean isNested() {
            return this == VMSA_NESTED || this == VTD_NESTED;
        }
    }

    @Test
    @DisplayName("Every format alone and nested: same result, same descriptors afterwards")
    void agrees() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        long cases = Long.getLong("nestor.cases", DEFAULT_CASES);
        System.out.println("WalkerAgreesWithNaiveTranslatorTest: -Dnestor.seed=" + seed);
        Choices worlds = Choices.seeded(seed);
        Map<Family, Tally> tallies = new EnumMap<>(Family.class);
        for (Family family : Family.values()) {
            tallies.put(family, new Tally());
        }
        long done = 0;
        while (done < cases) {
            for (Family family : Family.values()) {
                try (World world = new World(family, worlds.anyLong(), "seed " + seed)) {
                    world.run(tallies.get(family));
                }
                done += CASES_PER_WORLD;
            }
        }
        System.out.println("WalkerAgreesWithNaiveTranslatorTest: " + done + " cases " + tallies);
        tallies.forEach((family, tally) -> tally.assertEverythingWasMet(family));
    }

    /** How the cases ended. */
    private static final class Tally {
        private final Map<WalkResult.Kind, Integer> faults = new EnumMap<>(WalkResult.Kind.class);
        private final Map<WalkResult.Subject, Integer> subjects =
                new EnumMap<>(WalkResult.Subject.class);
        private int cases;
        private int mappings;
        private int updated;

        void count(WalkResult result, boolean changed) {
            cases++;
            updated += changed ? 1 : 0;
            switch (result) {
                case WalkResult.Mapping _ -> mappings++;
                case WalkResult.Fault fault -> {
                    faults.merge(fault.kind(), 1, Integer::sum);
                    subjects.merge(fault.subject(), 1, Integer::sum);
                }
            }
        }

        void assertEverythingWasMet(Family family) {
            assertThat(mappings).describedAs("%s: mappings", family).isGreaterThan(cases / 20);
            assertThat(updated).describedAs("%s: updates", family).isGreaterThan(cases / 100);
            assertThat(faults)
                    .describedAs("%s: faults", family)
                    .containsKeys(
                            WalkResult.Kind.TRANSLATION,
                            WalkResult.Kind.PERMISSION,
                            WalkResult.Kind.EXTERNAL_ABORT);
            switch (family) {
                case VMSA_STAGE1, VMSA_STAGE2, VMSA_NESTED ->
                        assertThat(faults)
                                .containsKeys(
                                        WalkResult.Kind.ACCESS_FLAG, WalkResult.Kind.ADDRESS_SIZE);
                case X86, VTD_SECOND_STAGE, VTD_NESTED ->
                        assertThat(faults)
                                .containsKeys(
                                        WalkResult.Kind.RESERVED, WalkResult.Kind.INPUT_RANGE);
            }
            if (family.isNested()) {
                assertThat(subjects).containsOnlyKeys(WalkResult.Subject.values());
            }
        }

        @Override
        public String toString() {
            return "[%d mapped, %d updated, %s %s]".formatted(mappings, updated, faults, subjects);
        }
    }

    /** Two copies of the same hostile RAM: one for the walker, one for the naive translator. */
    private static final class World implements AutoCloseable {
        private final Family family;
        private final String name;
        private final Choices choices;
        private final RandomFormats formats;
        private final GuestMemory walked = GuestMemory.anonymous(RAM, 2L << HALF_LOG2);
        private final GuestMemory translated = GuestMemory.anonymous(RAM, 2L << HALF_LOG2);
        private final NaiveTranslator naive = new NaiveTranslator(translated);
        private final PhysicalTables tables = new PhysicalTables(walked);
        private final Walker walker = new Walker(tables);

        World(Family family, long seed, String name) {
            this.family = family;
            this.name = name;
            this.choices = Choices.seeded(seed);
            this.formats = new RandomFormats(choices);
            // A nested walk passes twenty descriptors and more: tables as wild as those of one
            // stage would let none arrive.
            int calm = family.isNested() ? 2 + choices.below(3) : choices.below(5);
            fill(family.low, calm, RAM);
            fill(family.high, calm, STAGE2);
        }

        private void fill(HostileTables.Style style, int calm, long gpa) {
            new HostileTables(choices, style, calm, RAM, HALF_LOG2 + 1)
                    .fill(walked, gpa, 1 << HALF_LOG2);
            segment(translated).copyFrom(segment(walked));
        }

        private static MemorySegment segment(GuestMemory memory) {
            return memory.regions().getFirst().segment();
        }

        private long root(long half) {
            long slot = choices.anyLong() & (1L << HALF_LOG2) - 1;
            return half + (slot & (choices.oneIn(4) ? -1L << 12 : -1L << 16));
        }

        void run(Tally tally) {
            for (int i = 0; i < CASES_PER_WORLD; i++) {
                Access access = access();
                String before = family + ", " + name + ", case " + i;
                switch (family) {
                    case VMSA_STAGE1 ->
                            single(tally, before, formats.vmsaV8Stage1(root(RAM)), access);
                    case VMSA_STAGE2 ->
                            single(tally, before, formats.vmsaV8Stage2(root(STAGE2)), access);
                    case X86 -> single(tally, before, formats.x86(root(RAM)), access);
                    case VTD_SECOND_STAGE ->
                            single(tally, before, formats.vtdSecondStage(root(STAGE2)), access);
                    case VMSA_NESTED ->
                            nested(
                                    tally,
                                    before,
                                    formats.vmsaV8Stage1(root(RAM)),
                                    formats.vmsaV8Stage2(root(STAGE2)),
                                    access);
                    case VTD_NESTED ->
                            nested(
                                    tally,
                                    before,
                                    formats.x86(root(RAM)),
                                    formats.vtdSecondStage(root(STAGE2)),
                                    access);
                }
            }
            assertSameRam();
        }

        private Access access() {
            int some = 1 << choices.below(6);
            return switch (choices.below(6)) {
                case 0 -> Access.upTo(0);
                case 1 -> Access.upTo(some | 1 << choices.below(6));
                case 2 -> Access.probe(some);
                case 3 -> Access.of(some | 1 << choices.below(6));
                default -> Access.of(some);
            };
        }

        private long input(TableFormat format) {
            long random = choices.anyLong();
            return switch (format) {
                case VmsaV8Stage1 f -> {
                    int bits = f.geometry().inputBits();
                    long low = random & (1L << bits) - 1;
                    yield stray(f.upper() ? low | -1L << bits : low);
                }
                case VmsaV8Stage2 f -> stray(random & (1L << f.geometry().inputBits()) - 1);
                case X86Paging f -> {
                    int above = 64 - (12 + 9 * f.levels());
                    yield stray(random << above >> above);
                }
                case VtdSecondStage f -> stray(random & (1L << 12 + 9 * f.levels()) - 1);
            };
        }

        /** Once in a while one bit, or the top byte, is off. */
        private long stray(long input) {
            return switch (choices.below(16)) {
                case 0 -> input ^ 1L << choices.below(64);
                case 1 -> input ^ choices.anyLong() << 56;
                default -> input;
            };
        }

        private void single(Tally tally, String name, TableFormat format, Access access) {
            long input = input(format);
            WalkResult expected = naive.translate(format, input, access);
            WalkResult actual = walker.walk(format, input, access);
            check(tally, name, format.toString(), input, access, expected, actual);
        }

        private void nested(
                Tally tally, String name, TableFormat stage1, TableFormat stage2, Access access) {
            long input = input(stage1);
            WalkResult expected = naive.translate(stage1, stage2, input, access);
            WalkResult actual = new NestedWalker(tables, stage2).walk(stage1, input, access);
            check(tally, name, stage1 + " over " + stage2, input, access, expected, actual);
        }

        private void check(
                Tally tally,
                String name,
                String format,
                long input,
                Access access,
                WalkResult expected,
                WalkResult actual) {
            if (!actual.equals(expected)) {
                assertThat(actual)
                        .describedAs("%s: %s, input %x, %s", name, format, input, access)
                        .isEqualTo(expected);
            }
            sameDescriptors(name, format, input, access);
            tally.count(expected, naive.updates() > 0);
        }

        private void sameDescriptors(String name, String format, long input, Access access) {
            for (long gpa : naive.touched()) {
                long expected = read(translated, gpa);
                long actual = read(walked, gpa);
                if (actual != expected) {
                    assertThat(actual)
                            .describedAs(
                                    "%s: %s, input %x, %s: descriptor at %x",
                                    name, format, input, access, gpa)
                            .isEqualTo(expected);
                }
            }
        }

        private static long read(GuestMemory memory, long gpa) {
            try {
                return memory.getLongLe(gpa);
            } catch (GuestAccessException e) {
                return 0;
            }
        }

        private void assertSameRam() {
            long mismatch = segment(walked).mismatch(segment(translated));
            assertThat(mismatch)
                    .describedAs("%s, %s: first differing byte", family, name)
                    .isEqualTo(-1);
        }

        @Override
        public void close() {
            walked.close();
            translated.close();
        }
    }
}
