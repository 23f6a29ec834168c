package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.FIRST_STAGE;
import static nestor.vtd.VtdHarness.NOWHERE;
import static nestor.vtd.VtdHarness.RID;
import static nestor.vtd.VtdHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.paging.Permissions;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import nestor.testkit.TablePages;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** VT-d §3.6 to §3.8: first stage, second stage and both. */
class StagesTest {
    private static final int ALL = 0x3f;
    private static final int READ_ONLY = Permissions.READ;
    private static final Requester USER = new Requester(RID, 1, false);
    private static final Requester SUPERVISOR = new Requester(RID, 1, true);
    private static final int EXECUTE = Translation.READ | Translation.EXECUTE;
    private static final long ACCESSED = 1 << 5;
    private static final long DIRTY = 1 << 6;
    private static final long SECOND_ACCESSED = 1 << 8;
    private static final long SECOND_DIRTY = 1 << 9;

    private final VtdHarness vtd =
            new VtdHarness(VtdOptions.whole().with(VtdProperty.ADDRESS_BITS, 57)).scalable();

    private Translation read(long address) {
        return vtd.translate(USER, address, Translation.READ);
    }

    private Translation write(long address) {
        return vtd.translate(USER, address, Translation.WRITE);
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 5})
    void firstStageOfEachDepthTranslates(int levels) {
        var tables = vtd.firstStageTables(levels);
        long top = 1L << 10 + 9 * levels;
        tables.map(top | 0x5000, 0x9000, 12, ALL);
        tables.map(top | 0x4000_0000, 0x4000_0000, 30, ALL);
        tables.map(-0x1000, 0xa000, 12, ALL);
        vtd.firstStage(1, DID, tables);
        assertThat(gpa(write(top | 0x5678), top | 0x5678)).isEqualTo(0x9678);
        assertThat(gpa(read(-0x1000), -0x1000)).isEqualTo(0xa000);
        var large = (Translation.Mapping) read(top | 0x7fff_f000);
        assertThat(large.sizeLog2()).isEqualTo(30);
        vtd.assertFault(read(1L << 11 + 9 * levels), 0x80);
    }

    @Test
    @DisplayName("§3.6: faults of the first stage")
    void firstStageFaultsHaveTheirReasons() {
        var tables = vtd.firstStageTables(4);
        tables.map(0x1000, 0x9000, 12, READ_ONLY);
        tables.map(0x2000, 0x9000, 12, Permissions.PRIVILEGED_READ | Permissions.PRIVILEGED_WRITE);
        tables.map(0x3000, 0x9000, 12, ALL);
        tables.map(0x20_0000, 0x20_0000, 21, ALL);
        tables.map(0x8000_0000L, 0x9000, 12, ALL);
        vtd.firstStage(1, DID, tables);
        vtd.assertFault(read(0x7000), 0x71);
        vtd.assertFault(write(0x1000), 0x85);
        vtd.assertFault(read(0x2000), 0x81);
        tables.setDescriptor(0x3000, 1L << 49 | 7);
        vtd.assertFault(read(0x3000), 0x72);
        tables.setDescriptor(0x20_0000, 0x20_0000 | 1 << 13 | 0x87);
        vtd.assertFault(read(0x20_0000), 0x72);
        tables.setDescriptor(0x20_0000, NOWHERE | 7);
        vtd.assertFault(read(0x20_0000), 0x70);
        vtd.pasid(1, 1 | FIRST_STAGE << 6, DID, NOWHERE);
        vtd.rootTable(1);
        vtd.assertFault(read(0x1000), 0x73);
        vtd.assertFault(read(1L << 60), 0x80);
    }

    @Test
    void gigabytePagesAreReservedWithoutTheirCapability() {
        var without =
                new VtdHarness(VtdOptions.whole().with(VtdProperty.GIGABYTE_PAGES, 0)).scalable();
        var tables = without.firstStageTables(4);
        tables.map(0, 0, 30, ALL);
        without.firstStage(1, DID, tables);
        without.assertFault(without.translate(USER, 0x1000, Translation.READ), 0x72);
    }

    @Test
    @DisplayName("§9.6: SRE, ERE, NXE, WPE and SMEP")
    void privilegeAndExecutionAreChecked() {
        var tables = vtd.firstStageTables(4);
        tables.map(0x1000, 0x9000, 12, Permissions.PRIVILEGED_READ);
        tables.map(0x2000, 0xa000, 12, ALL, 1L << 63);
        long enables = tables.root() | 0b11;
        vtd.pasid(1, 1 | FIRST_STAGE << 6, DID, enables);
        assertThat(gpa(vtd.translate(SUPERVISOR, 0x1000, 2), 0x1000))
                .describedAs("without WPE, supervisors write what is read-only")
                .isEqualTo(0x9000);
        vtd.assertFault(write(0x1000), 0x81);
        assertThat(gpa(vtd.translate(USER, 0x2000, EXECUTE), 0x2000))
                .describedAs("without NXE, XD says nothing")
                .isEqualTo(0xa000);
        vtd.pasid(1, 1 | FIRST_STAGE << 6, DID, enables | 1 << 4 | 1 << 5 | 1 << 6);
        vtd.rootTable(1);
        vtd.assertFault(vtd.translate(SUPERVISOR, 0x1000, 2), 0x85);
        vtd.assertFault(vtd.translate(USER, 0x2000, EXECUTE), 0x82);
        tables.setDescriptor(0x2000, 0xa007);
        assertThat(gpa(vtd.translate(USER, 0x2000, EXECUTE), 0x2000)).isEqualTo(0xa000);
        vtd.assertFault(vtd.translate(SUPERVISOR, 0x2000, EXECUTE), 0x82);
    }

    @Test
    @DisplayName("§3.6.2: accessed and dirty bits of the first stage")
    void theDirtyBitIsSetByAWriteThatHitsTheIotlb() {
        var tables = vtd.firstStageTables(4);
        tables.map(0x1000, 0x9000, 12, ALL);
        vtd.firstStage(1, DID, tables);
        gpa(read(0x1000), 0x1000);
        assertThat(tables.descriptor(0x1000) & (ACCESSED | DIRTY)).isEqualTo(ACCESSED);
        gpa(read(0x1000), 0x1000);
        assertThat(tables.descriptor(0x1000) & DIRTY).isZero();
        gpa(write(0x1000), 0x1000);
        assertThat(tables.descriptor(0x1000) & DIRTY).isNotZero();
    }

    @Test
    void aRefusedWriteLeavesThePageClean() {
        var tables = vtd.firstStageTables(4);
        tables.map(0x1000, 0x9000, 12, READ_ONLY);
        vtd.firstStage(1, DID, tables);
        vtd.assertFault(write(0x1000), 0x85);
        assertThat(tables.descriptor(0x1000) & (ACCESSED | DIRTY)).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {3, 4, 5})
    void secondStageOfEachDepthTranslates(int levels) {
        var tables = vtd.secondStageTables(levels);
        long top = 1L << 11 + 9 * levels;
        tables.map(top, 0x9000, 12, ALL);
        vtd.secondStage(1, DID, tables, false);
        assertThat(gpa(write(top | 0x678), top | 0x678)).isEqualTo(0x9678);
        if (levels < 5) {
            vtd.assertFault(read(top << 1), 0x84);
        }
    }

    @Test
    @DisplayName("§3.7.2: accessed and dirty bits of the second stage")
    void secondStageTracksWhenEnabled() {
        var tables = vtd.secondStageTables(4);
        tables.map(0x1000, 0x9000, 12, ALL);
        vtd.secondStage(1, DID, tables, false);
        gpa(write(0x1000), 0x1000);
        assertThat(tables.descriptor(0x1000) & (SECOND_ACCESSED | SECOND_DIRTY)).isZero();
        vtd.secondStage(1, DID, tables, true);
        vtd.rootTable(1);
        gpa(read(0x1000), 0x1000);
        assertThat(tables.descriptor(0x1000) & (SECOND_ACCESSED | SECOND_DIRTY))
                .isEqualTo(SECOND_ACCESSED);
        gpa(write(0x1000), 0x1000);
        assertThat(tables.descriptor(0x1000) & SECOND_DIRTY).isNotZero();
    }

    @Test
    @DisplayName("§3.7: faults of the second stage")
    void secondStageFaultsHaveTheirReasons() {
        var tables = vtd.secondStageTables(4);
        tables.map(0x1000, 0x9000, 12, READ_ONLY);
        tables.map(0x2000, 0x9000, 12, Permissions.WRITE);
        tables.map(0x3000, 0x9000, 12, ALL);
        tables.map(0x20_0000, 0x20_0000, 21, ALL);
        vtd.secondStage(1, DID, tables, false);
        vtd.assertFault(read(0x7000), 0x79);
        vtd.assertFault(write(0x1000), 0x85);
        vtd.assertFault(read(0x2000), 0x86);
        vtd.assertFault(read(1L << 48), 0x84);
        tables.setDescriptor(0x3000, 0x9003 | 1L << 62);
        vtd.assertFault(read(0x3000), 0x7a);
        tables.setDescriptor(0x3000, 0x9003 | 1L << 11 | 1L << 63);
        assertThat(gpa(read(0x3000), 0x3000)).describedAs("SNP, ignored bits").isEqualTo(0x9000);
        tables.setDescriptor(0x20_0000, NOWHERE | 3);
        vtd.assertFault(read(0x20_0000), 0x78);
        vtd.pasid(1, 1 | 2 << 2 | 2 << 6 | NOWHERE, DID, 0);
        vtd.rootTable(1);
        vtd.assertFault(read(0x1000), 0x7b);
    }

    /** First-stage tables at GPA 0x10_0000 known to themselves at 0x7010_0000. */
    private PageTables[] nested() {
        var second = vtd.secondStageTables(4);
        for (long page = 0; page < 0x10_0000; page += 0x1000) {
            second.map(0x7010_0000 + page, 0x10_0000 + page, 12, ALL);
        }
        var pages = new TablePages(vtd.memory, 0x10_0000, 0x10_0000, 0x7010_0000);
        var first =
                PageTables.in(
                        pages,
                        root ->
                                new nestor.paging.X86Paging(
                                        4,
                                        root,
                                        48,
                                        true,
                                        nestor.paging.X86Paging.ExecuteDisable.IGNORED,
                                        false,
                                        false));
        vtd.nested(1, DID, first, second);
        return new PageTables[] {first, second};
    }

    @Test
    @DisplayName("§3.8: tables and output of the first stage pass the second")
    void nestedTranslationPassesBothStages() {
        PageTables[] both = nested();
        both[0].map(0x20_0000, 0x4000_0000, 21, ALL);
        both[1].map(0x4000_3000, 0x9000, 12, ALL);
        var mapping = (Translation.Mapping) write(0x20_3456);
        assertThat(mapping.gpa(0x20_3456)).isEqualTo(0x9456);
        assertThat(mapping.sizeLog2()).describedAs("the smaller of both").isEqualTo(12);
        assertThat(both[0].descriptor(0x20_0000) & (ACCESSED | DIRTY)).isEqualTo(ACCESSED | DIRTY);
    }

    @Test
    @DisplayName("§3.8: faults of either stage in nested translation")
    void nestedFaultsHaveTheirReasons() {
        PageTables[] both = nested();
        both[0].map(0x1000, 0x4000_0000, 12, ALL);
        both[0].map(0x2000, 0x4000_1000, 12, ALL);
        both[0].map(0x3000, 1L << 47, 12, ALL);
        both[1].map(0x4000_1000, 0x9000, 12, READ_ONLY);
        vtd.assertFault(read(0x1000), 0x79);
        vtd.assertFault(write(0x2000), 0x85);
        vtd.assertFault(read(0x7000), 0x71);
        vtd.assertFault(read(1L << 50), 0x80);
        vtd.assertFault(read(0x3000), 0x79);
        long table = both[0].descriptorGpa(0x1000) - 0x10_0000 + 0x7010_0000;
        both[1].setDescriptor(table, 2 | table - 0x7000_0000 & -0x1000);
        vtd.assertFault(read(0x1000), 0x76);
        both[1].setDescriptor(table, 1 | table - 0x7000_0000 & -0x1000);
        both[0].map(0x4000, 0x4000_1000, 12, ALL);
        vtd.assertFault(read(0x4000), 0x77);
        both[1].unmap(table);
        vtd.assertFault(read(0x1000), 0x79);
        both[1].setDescriptor(table, 3 | 1L << 62);
        vtd.assertFault(read(0x1000), 0x7a);
        both[1].setDescriptor(both[0].root(), 2 | both[0].root() - 0x7000_0000);
        vtd.assertFault(read(0x1000), 0x75);
    }

    @Test
    void aFirstStagePointerBeyondTheSecondStageIsRefused() {
        var second = vtd.secondStageTables(3);
        vtd.pasid(1, 1 | 1 << 2 | 3 << 6 | second.root(), DID, 1L << 40);
        vtd.assertFault(read(0x1000), 0x74);
    }

    @Test
    void anOutputBeyondTheSecondStageIsRefused() {
        var second = vtd.secondStageTables(3);
        second.map(0, 0, 30, ALL);
        var first = vtd.firstStageTables(4);
        first.map(0x1000, 1L << 40, 12, ALL);
        vtd.nested(1, DID, first, second);
        vtd.assertFault(read(0x1000), 0x84);
    }

    @Test
    void theReadOnlySecondStageLeavesTheDirtyBitToBothStages() {
        PageTables[] both = nested();
        both[0].map(0x2000, 0x4000_1000, 12, ALL);
        both[1].map(0x4000_1000, 0x9000, 12, READ_ONLY);
        gpa(read(0x2000), 0x2000);
        assertThat(both[0].descriptor(0x2000) & DIRTY).isZero();
        vtd.assertFault(write(0x2000), 0x85);
    }
}
