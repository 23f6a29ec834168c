package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.STREAM_TABLE;
import static nestor.smmuv3.SmmuHarness.SYNC;
import static nestor.smmuv3.SmmuHarness.assertAborted;
import static nestor.smmuv3.SmmuHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.paging.Permissions;
import nestor.pci.PageRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.smmuv3.event.Event;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What other models of the SMMUv3 were found to get wrong; docs/smmuv3.md lists all of them. */
class KnownMistakesTest {
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;
    private static final long IOVA = 0x7000_0000L;
    private static final long IPA = 0x1_0000_0000L;
    private static final int LARGE_LOG2 = 21;
    private static final long LEAF = 0x30_0000;

    private final SmmuHarness smmu = new SmmuHarness().enabled();

    @Test
    @DisplayName("§3.4: a large page of stage 1 is no more than what stage 2 has below it")
    void aNestedHitIsWhatBothStagesPermit() {
        PageTables stage2 = smmu.stage2Tables();
        for (long block = 0; block < SmmuHarness.MEMORY_BYTES / 2; block += 1 << LARGE_LOG2) {
            stage2.map(block, block, LARGE_LOG2, READ_WRITE);
        }
        smmu.stage2Stream(SID, 7, 3, stage2.root());
        PageTables stage1 = smmu.stage1Tables();
        smmu.cd(0, 1, stage1.root(), 0);
        stage1.map(IOVA, IPA, LARGE_LOG2, READ_WRITE);
        stage2.map(IPA, 0x5000, 12, Permissions.READ);
        stage2.map(IPA + 0x1000, 0x9000, 12, READ_WRITE);

        assertThat(gpa(smmu.read(IOVA), IOVA)).isEqualTo(0x5000);
        assertThat(gpa(smmu.write(IOVA + 0x1000), IOVA + 0x1000)).isEqualTo(0x9000);
        assertAborted(smmu.write(IOVA));
        assertThat(smmu.event().number()).isEqualTo(Event.F_PERMISSION);
        assertAborted(smmu.read(IOVA + 0x2000));
        assertThat(smmu.event().number()).isEqualTo(Event.F_TRANSLATION);
        assertThat(gpa(smmu.read(IOVA), IOVA)).describedAs("still cached").isEqualTo(0x5000);
    }

    @ParameterizedTest(name = "Span {0}: entry {1} is there: {2}")
    @DisplayName("§5.1.1: Span n is a table of 2^(n-1) entries, n at most SPLIT + 1")
    @CsvSource({
        "0, 0, false",
        "1, 0, true",
        "1, 1, false",
        "2, 1, true",
        "2, 2, false",
        "8, 127, true",
        "8, 128, false",
        "9, 255, true",
        "10, 0, false",
        "12, 0, false",
        "31, 0, false"
    })
    void spanIsOneMoreThanTheLogarithm(int span, int entry, boolean there) {
        smmu.control(0);
        smmu.write32(0x02c, 2); // RECINVSID
        smmu.write32(0x088, 1 << 16 | 8 << 6 | 16);
        smmu.control(0b1111);
        smmu.store(STREAM_TABLE + 8, LEAF | span);
        smmu.store(LEAF + 64L * entry, 1 | 4 << 1);

        Translation seen =
                smmu.translate(Requester.withoutPasid(0x100 + entry), 0x1234, Translation.READ);

        if (there) {
            assertThat(gpa(seen, 0x1234)).isEqualTo(0x1234);
        } else {
            assertAborted(seen);
            assertThat(smmu.event().number()).isEqualTo(Event.C_BAD_STREAMID);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {5, 6, 7})
    @DisplayName("§5.4: IPS beyond OAS counts as OAS, for outputs and for TTB0")
    void largeIpsIsLimited(int ips) {
        PageTables tables = smmu.stage1Tables();
        tables.map(IOVA, 0x5000, 12, READ_WRITE);
        smmu.stage1Stream(SID, 0, 0);
        long word0 = SmmuHarness.cdWord0(1) & ~(7L << 32) | (long) ips << 32;
        smmu.store(CONTEXTS, word0, tables.root());
        assertThat(gpa(smmu.read(IOVA), IOVA)).isEqualTo(0x5000);

        smmu.store(CONTEXTS, word0, tables.root() | 1L << 48);
        smmu.invalidateAll();
        assertAborted(smmu.read(IOVA));
        assertThat(smmu.event().number()).isEqualTo(Event.C_BAD_CD);
    }

    @ParameterizedTest
    @ValueSource(ints = {5, 6, 7})
    @DisplayName("§5.2: S2PS beyond OAS counts as OAS; S2AA64 = 0 is C_BAD_STE")
    void largeS2psIsLimitedAndS2Aa64IsNeeded(int s2ps) {
        PageTables stage2 = smmu.stage2Tables();
        stage2.map(IOVA, 0x6000, 12, READ_WRITE);
        smmu.stage2Stream(SID, 6, 3, stage2.root());
        long at = STREAM_TABLE + 64L * SID + 16;
        long word2 = smmu.load(at) & ~(7L << 48) | (long) s2ps << 48;
        smmu.store(at, word2);
        assertThat(gpa(smmu.read(IOVA), IOVA)).isEqualTo(0x6000);

        smmu.store(at, word2 & ~(1L << 51));
        smmu.invalidateAll();
        assertAborted(smmu.read(IOVA));
        assertThat(smmu.event().number()).isEqualTo(Event.C_BAD_STE);
    }

    @Test
    @DisplayName(
            "§4.4.1: another ASID's invalidation, by ASID or address, leaves what is not global")
    void anotherAsidsInvalidationLeavesEntries() {
        PageTables tables = smmu.stage1Tables();
        tables.map(IOVA, 0x5000, 12, READ_WRITE, 1 << 11); // nG
        smmu.stage1Stream(SID, 0, 0);
        smmu.cd(0, 1, tables.root(), 0);
        assertThat(gpa(smmu.read(IOVA), IOVA)).isEqualTo(0x5000);
        tables.unmap(IOVA);
        smmu.submit(0x11 | 2L << 48, 0, 0x12 | 2L << 48, IOVA, SYNC, 0);
        assertThat(smmu.read(IOVA)).isInstanceOf(Translation.Mapping.class);
        smmu.submit(0x12 | 1L << 48, IOVA, SYNC, 0);
        assertAborted(smmu.read(IOVA));
    }

    @ParameterizedTest(name = "GERROR bit {1}")
    @DisplayName("§6.3.18: an interrupt message that aborts is a global error, once")
    @CsvSource({"0xb0, 5", "0xd0, 6"})
    void messagesThatAbortAreGlobalErrors(String register, int bit) {
        smmu.write32(0x050, 0);
        smmu.write64(Long.decode(register), 1L << 40);
        smmu.write32(0x050, 0b111);
        if (bit == 5) {
            assertAborted(smmu.read(IOVA)); // C_BAD_STE
        } else {
            smmu.smmu.requestPage(
                    new PageRequest(SmmuHarness.REQUESTER, IOVA, Translation.READ, 1, true));
        }
        assertThat(smmu.read32(0x060) >>> bit & 1).isEqualTo(1);
        assertThat(smmu.interrupts).containsExactly("gerror");
        smmu.write32(0x064, smmu.read32(0x060));
        smmu.submit(SYNC | 1 << 12 | 5L << 32, 1L << 40);
        assertThat(smmu.read32(0x060) >>> 4 & 1).describedAs("MSI_CMDQ_ABT").isEqualTo(1);
        assertThat(smmu.isIdle()).describedAs("the command itself is complete").isTrue();
    }

    @Test
    @DisplayName("§6.3.18: the message of a global error that aborts is no reason for another")
    void aGlobalErrorsOwnMessageDoesNotRepeat() {
        smmu.write32(0x050, 0);
        smmu.write64(0x068, 1L << 40);
        smmu.write32(0x050, 0b111);
        smmu.submit(0x00, 0);
        assertThat(smmu.read32(0x060)).isEqualTo(1 | 1 << 7);
        assertThat(smmu.interrupts).isEmpty();
    }
}
