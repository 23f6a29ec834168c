package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.STREAM_TABLE;
import static nestor.smmuv3.SmmuHarness.SYNC;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.paging.Permissions;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How structures are read, and what a driver may rely on (IHI 0070, §3.21.3). */
class FetchTest {
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;
    private static final long IOVA = 0x7000_0000L;
    private static final int ACCESSES = 64;
    private static final long CFGI_STE = 0x03 | (long) SID << 32;
    private static final long STE = STREAM_TABLE + 64L * SID;
    private static final long STAGE1_WORD0 = 1 | 5 << 1 | CONTEXTS;
    private static final long BYPASS_WORD0 = 1 | 4 << 1;

    private static SmmuHarness torn(long seed) {
        return new SmmuHarness(SmmuV3Options.builder().fetch(StructureFetch.torn(seed)).build())
                .enabled();
    }

    private static void cfgi(SmmuHarness smmu) {
        smmu.submit(CFGI_STE, 1, SYNC, 0);
        assertThat(smmu.isIdle()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    @DisplayName("a driver that turns V on without an invalidation in between is caught")
    void anUnsyncedUpdateIsSeenTorn(long seed) {
        SmmuHarness smmu = torn(seed);
        PageTables tables = smmu.stage1Tables();
        tables.map(IOVA, 0x5000, 12, READ_WRITE);
        smmu.cd(0, 1, tables.root(), 0);
        smmu.ste(SID, 0, 1L << 27, 0, 0);
        smmu.cd(0, 1, tables.root(), 1L << 44); // CD.S: legal only while S1STALLD = 0
        SmmuHarness.assertAborted(smmu.read(IOVA)); // the model has looked at the entry
        smmu.event();
        smmu.store(STE + 8, 0);
        smmu.store(STE, STAGE1_WORD0);

        boolean misread = false;
        for (int i = 0; i < ACCESSES; i++) {
            misread |= !(smmu.read(IOVA) instanceof Translation.Mapping) && misreadEvent(smmu);
        }
        assertThat(misread).describedAs("a new word 0 beside an old word 1").isTrue();
    }

    private static boolean misreadEvent(SmmuHarness smmu) {
        return smmu.hasEvent() && smmu.event().number() == 0x0a;
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    @DisplayName("identity to DMA and back, as drivers do it: each access is old or new")
    void aHitlessTransitionNeverMisroutes(long seed) {
        SmmuHarness smmu = torn(seed);
        PageTables tables = smmu.stage1Tables();
        tables.map(IOVA, 0x5000, 12, READ_WRITE);
        smmu.cd(0, 1, tables.root(), 0);
        smmu.ste(SID, BYPASS_WORD0, 1L << 44, 0, 0);
        cfgi(smmu);
        for (int round = 0; round < 4; round++) {
            // 1: words that bypass does not use; 2: the one that counts; 3: what is unused now.
            smmu.store(STE + 8, 1L << 44 | 1L << 27 | 1L << 2);
            expectOldOrNew(smmu);
            cfgi(smmu);
            smmu.store(STE, STAGE1_WORD0);
            expectOldOrNew(smmu);
            cfgi(smmu);
            expect(smmu, 0x5000);
            smmu.store(STE + 8, 1L << 27 | 1L << 2);
            expect(smmu, 0x5000);
            cfgi(smmu);

            smmu.store(STE + 8, 1L << 44 | 1L << 27 | 1L << 2);
            expect(smmu, 0x5000);
            cfgi(smmu);
            smmu.store(STE, BYPASS_WORD0);
            expectOldOrNew(smmu);
            cfgi(smmu);
            expect(smmu, IOVA);
            smmu.store(STE + 8, 1L << 44);
            cfgi(smmu);
            expect(smmu, IOVA);
        }
        assertThat(smmu.hasEvent()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    @DisplayName("DMA to blocked to DMA: never through identity")
    void blockingNeverBypasses(long seed) {
        SmmuHarness smmu = torn(seed);
        PageTables tables = smmu.stage1Tables();
        tables.map(IOVA, 0x5000, 12, READ_WRITE);
        smmu.cd(0, 1, tables.root(), 0);
        smmu.ste(SID, STAGE1_WORD0, 0, 0, 0);
        cfgi(smmu);
        for (int round = 0; round < 4; round++) {
            smmu.store(STE, 1); // Config 0: abort
            for (int i = 0; i < ACCESSES; i++) {
                if (smmu.read(IOVA) instanceof Translation.Mapping mapping) {
                    assertThat(mapping.gpa(IOVA)).isEqualTo(0x5000);
                }
            }
            cfgi(smmu);
            SmmuHarness.assertAborted(smmu.read(IOVA));
            smmu.store(STE, STAGE1_WORD0);
            for (int i = 0; i < ACCESSES; i++) {
                if (smmu.read(IOVA) instanceof Translation.Mapping mapping) {
                    assertThat(mapping.gpa(IOVA)).isEqualTo(0x5000);
                }
            }
            cfgi(smmu);
            expect(smmu, 0x5000);
        }
        assertThat(smmu.hasEvent()).describedAs("abort is silent").isFalse();
    }

    private static void expect(SmmuHarness smmu, long gpa) {
        for (int i = 0; i < ACCESSES; i++) {
            assertThat(SmmuHarness.gpa(smmu.read(IOVA), IOVA)).isEqualTo(gpa);
        }
    }

    private static void expectOldOrNew(SmmuHarness smmu) {
        for (int i = 0; i < ACCESSES; i++) {
            assertThat(SmmuHarness.gpa(smmu.read(IOVA), IOVA)).isIn(IOVA, 0x5000L);
        }
    }

    @Test
    @DisplayName("§4.3: after CFGI_STE and CMD_SYNC nothing of the old entry is left")
    void invalidatedStructuresAreReadWhole() {
        for (long seed = 0; seed < 32; seed++) {
            SmmuHarness smmu = torn(seed);
            smmu.ste(SID, BYPASS_WORD0, 0, 0, 0);
            cfgi(smmu);
            expect(smmu, IOVA);
            smmu.ste(SID, 1, 0, 0, 0);
            cfgi(smmu);
            SmmuHarness.assertAborted(smmu.read(IOVA));
        }
    }

    @Test
    @DisplayName("fetch=atomic128: a pair of doublewords is what memory held at one time")
    void pairsAreReadWhole() throws Exception {
        SmmuHarness smmu =
                new SmmuHarness(SmmuV3Options.builder().fetch(StructureFetch.atomic128()).build());
        smmu.store(0x1000, 1, 2, 3, 4);
        assertThat(StructureFetch.atomic128().fetch(smmu.memory, SID, 0x1000))
                .containsExactly(1, 2, 3, 4);
        smmu.enabled();
        smmu.ste(SID, BYPASS_WORD0, 0, 0, 0);
        expect(smmu, IOVA);
    }
}
