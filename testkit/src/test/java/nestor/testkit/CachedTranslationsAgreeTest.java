package nestor.testkit;

import static org.assertj.core.api.Assertions.assertThat;

import nestor.iommu.Iotlb;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.paging.Access;
import nestor.paging.AccessTracking;
import nestor.paging.NestedWalker;
import nestor.paging.Permissions;
import nestor.paging.PhysicalTables;
import nestor.paging.TableFormat;
import nestor.paging.VmsaV8Geometry;
import nestor.paging.VmsaV8Stage1;
import nestor.paging.VmsaV8Stage2;
import nestor.paging.VtdSecondStage;
import nestor.paging.WalkResult;
import nestor.paging.Walker;
import nestor.paging.X86Paging;
import nestor.pci.Translation;
import nestor.vmm.memory.GuestMemory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Walker and IOTLB together, as a model uses them, against the naive translator, which caches
 * nothing: tables change as software changes them, each change followed by its invalidation. {@code
 * -Dnestor.cases=N} for more steps, {@code -Dnestor.seed=N} to replay.
 */
class CachedTranslationsAgreeTest {
    private static final int DEFAULT_CASES = 200_000;
    private static final long RAM_BYTES = 32L << 20;
    private static final long IOVA = 0x12_4000_0000L;
    private static final int REGIONS = 4;
    private static final int PAGES = 512;
    private static final long TAG = 7;
    private static final int READ = Permissions.READ;
    private static final Access ACCESS = Access.of(Permissions.USER_READ);

    enum Family {
        STAGE_1,
        X86,
        VTD_SECOND_STAGE,
        NESTED
    }

    private static TableFormat format(Family family, long root) {
        return switch (family) {
            case STAGE_1, NESTED -> stage1(root);
            case X86 ->
                    new X86Paging(4, root, 46, true, X86Paging.ExecuteDisable.ENABLED, true, false);
            case VTD_SECOND_STAGE -> vtd(root);
        };
    }

    private static VmsaV8Stage1 stage1(long root) {
        var geometry = new VmsaV8Geometry(12, 48, 48, false);
        return new VmsaV8Stage1(
                geometry, root, false, false, false, false, AccessTracking.SOFTWARE);
    }

    private static VmsaV8Stage2 stage2(long root) {
        var geometry = new VmsaV8Geometry(12, 48, 48, false);
        return new VmsaV8Stage2(geometry, root, 0, AccessTracking.SOFTWARE, false, false, true);
    }

    private static VtdSecondStage vtd(long root) {
        return new VtdSecondStage(4, root, 46, 3, true, AccessTracking.IGNORED, false);
    }

    @ParameterizedTest
    @EnumSource
    @DisplayName("A translation from the cache is what the tables say")
    void cachedTranslationsAreNeverStale(Family family) {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("CachedTranslationsAgreeTest: " + family + " -Dnestor.seed=" + seed);
        long cases = Long.getLong("nestor.cases", DEFAULT_CASES) / Family.values().length;
        try (World world = new World(family, Choices.seeded(seed))) {
            for (long i = 0; i < cases; i++) {
                world.step("seed " + seed + ", step " + i);
            }
            assertThat(world.hits).describedAs("hits").isGreaterThan((int) (cases / 50));
            assertThat(world.misses).describedAs("faults").isGreaterThan((int) (cases / 100));
        }
    }

    /** One address space with its tables and its cache; regions hold pages or one block. */
    private static final class World implements AutoCloseable {
        private final Choices choices;
        private final GuestMemory memory = GuestMemory.anonymous(0, RAM_BYTES);
        private final Walker walker = new Walker(new PhysicalTables(memory));
        private final NaiveTranslator naive = new NaiveTranslator(memory);
        private final Iotlb iotlb;
        private final PageTables tables;
        private final @Nullable PageTables outer;
        private final @Nullable NestedWalker nested;
        private final int[] pagesIn = new int[REGIONS];
        private final boolean[] mapped = new boolean[REGIONS * PAGES];
        private final boolean[] block = new boolean[REGIONS];
        private final boolean[] outerMapped = new boolean[PAGES];
        private int hits;
        private int misses;

        World(Family family, Choices choices) {
            this.choices = choices;
            this.iotlb = new Iotlb(choices.flip() ? 64 : 4096);
            this.tables =
                    PageTables.in(
                            new TablePages(memory, 1 << 20, 8 << 20), root -> format(family, root));
            if (family == Family.NESTED) {
                PageTables second =
                        PageTables.in(
                                new TablePages(memory, 10 << 20, 8 << 20),
                                CachedTranslationsAgreeTest::stage2);
                for (long gpa = 0; gpa < 10 << 20; gpa += 2 << 20) {
                    second.map(gpa, gpa, 21, READ);
                }
                for (int page = 0; page < PAGES; page++) {
                    second.map(output(page), output(choices.below(PAGES)), 12, READ);
                    outerMapped[page] = true;
                }
                outer = second;
                nested = new NestedWalker(new PhysicalTables(memory), second.format());
            } else {
                outer = null;
                nested = null;
            }
        }

        void step(String name) {
            int region = choices.below(REGIONS);
            int page = region * PAGES + 16 * choices.below(32);
            switch (choices.below(16)) {
                case 0 -> mapPage(region, page);
                case 1 -> unmapPage(region, page);
                case 2 -> mapBlock(region);
                case 3 -> unmapBlock(region);
                case 4 -> {
                    if (choices.oneIn(4)) {
                        changeOuter(choices.below(PAGES));
                    }
                }
                case 5 -> {
                    if (choices.oneIn(16)) {
                        iotlb.invalidate(Tags.only(TAG), IovaRange.ALL);
                    }
                }
                default -> compare(IOVA + ((long) page << 12) + choices.below(4096), name);
            }
        }

        /** Outputs lie in the 2 MiB from 20 MiB on: IPAs, if there is a second stage. */
        private long output(int page) {
            return (20L << 20) + ((long) page % PAGES << 12);
        }

        private void mapPage(int region, int page) {
            if (!block[region] && !mapped[page]) {
                tables.map(IOVA + ((long) page << 12), output(choices.below(PAGES)), 12, READ);
                mapped[page] = true;
                pagesIn[region]++;
            }
        }

        private void unmapPage(int region, int page) {
            if (mapped[page]) {
                long iova = IOVA + ((long) page << 12);
                tables.unmap(iova);
                mapped[page] = false;
                pagesIn[region]--;
                iotlb.invalidate(Tags.only(TAG), IovaRange.block(iova, 12));
            }
        }

        /** Only where no table of pages has ever been: builders do not take tables away. */
        private void mapBlock(int region) {
            boolean fresh = pagesIn[region] == 0 && region == 0;
            if (fresh && !block[region]) {
                tables.map(IOVA + ((long) region << 21), 20L << 20, 21, READ);
                block[region] = true;
            }
        }

        private void unmapBlock(int region) {
            if (block[region]) {
                long iova = IOVA + ((long) region << 21);
                tables.unmap(iova);
                block[region] = false;
                iotlb.invalidate(Tags.only(TAG), IovaRange.block(iova, 21));
            }
        }

        /** Stage 2 maps or unmaps a page of IPAs; what is cached is of both stages, so all goes. */
        private void changeOuter(int page) {
            if (outer == null) {
                return;
            }
            if (outerMapped[page]) {
                outer.unmap(output(page));
                iotlb.invalidate(Tags.only(TAG), IovaRange.ALL);
            } else {
                outer.map(output(page), output(choices.below(PAGES)), 12, READ);
            }
            outerMapped[page] = !outerMapped[page];
        }

        private void compare(long iova, String name) {
            WalkResult expected =
                    outer == null
                            ? naive.translate(tables.format(), iova, ACCESS)
                            : naive.translate(tables.format(), outer.format(), iova, ACCESS);
            Translation.Mapping cached = iotlb.lookup(TAG, iova);
            if (cached != null) {
                hits++;
            } else {
                cached = walk(iova);
            }
            if (expected instanceof WalkResult.Mapping mapping) {
                assertThat(cached).describedAs(name).isNotNull();
                assertThat(cached == null ? -1 : cached.gpa(iova))
                        .describedAs(name)
                        .isEqualTo(mapping.translate(iova));
            } else {
                misses++;
                assertThat(cached).describedAs(name).isNull();
            }
        }

        private Translation.@Nullable Mapping walk(long iova) {
            long epoch = iotlb.epoch();
            WalkResult result =
                    nested == null
                            ? walker.walk(tables.format(), iova, ACCESS)
                            : nested.walk(tables.format(), iova, ACCESS);
            if (!(result instanceof WalkResult.Mapping found)) {
                return null;
            }
            var mapping =
                    new Translation.Mapping(
                            iova & -1L << found.sizeLog2(),
                            found.sizeLog2(),
                            found.output(),
                            Translation.READ);
            iotlb.insert(TAG, epoch, mapping);
            return mapping;
        }

        @Override
        public void close() {
            memory.close();
        }
    }
}
