package nestor.paging;

import static nestor.paging.Permissions.EXECUTE;
import static nestor.paging.Permissions.PRIVILEGED_READ;
import static nestor.paging.Permissions.READ;
import static nestor.paging.Permissions.USER_READ;
import static nestor.paging.Permissions.USER_WRITE;
import static nestor.paging.Permissions.WRITE;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import nestor.paging.WalkResult.Kind;
import nestor.paging.WalkResult.Subject;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/**
 * Stage 1 is x86, stage 2 VT-d's: three pages of stage-1 tables at GPA 0x10_0000 and up, which
 * stage 2 moves to 0x1_0000 and up in RAM.
 */
class NestedWalkerTest {
    private static final long ALL = 7;
    private static final long RW = 3;
    private static final long A = 1 << 5;
    private static final long D = 1 << 6;
    private static final long PS = 1 << 7;
    private static final long SECOND_A = 1 << 8;
    private static final long SECOND_D = 1 << 9;

    private static final long VA = 0x4567;

    /** Stage-1 tables, as stage 1 and as RAM knows them. */
    private static final long GPA_TABLES = 0x10_0000;

    private static final long RAM_TABLES = 0x1_0000;

    /** What VA maps to in stage 1. */
    private static final long GPA_DATA = 0x20_4000;

    private static final long SECOND_ROOT = 0x2_0000;
    private static final long SECOND_LEAVES = 0x2_2000;

    private final GuestMemory memory = GuestMemory.anonymous(0, 0x10_0000);
    private final PhysicalTables physical = new PhysicalTables(memory);

    private static final X86Paging STAGE1 =
            new X86Paging(4, GPA_TABLES, 46, true, X86Paging.ExecuteDisable.ENABLED, true, false);

    private static VtdSecondStage stage2(AccessTracking tracking) {
        return new VtdSecondStage(3, SECOND_ROOT, 46, 3, false, tracking, false);
    }

    private void put(long gpa, long value) {
        try {
            memory.setLongLe(gpa, value);
        } catch (GuestAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    private long get(long gpa) {
        try {
            return memory.getLongLe(gpa);
        } catch (GuestAccessException e) {
            throw new IllegalStateException(e);
        }
    }

    /** The stage-2 leaf of a GPA below 4 MiB. */
    private static long secondLeaf(long gpa) {
        return SECOND_LEAVES + (gpa >>> 12) * 8;
    }

    @BeforeEach
    void tables() {
        put(SECOND_ROOT, 0x2_1000 | RW);
        put(0x2_1000, SECOND_LEAVES | RW);
        put(0x2_1008, SECOND_LEAVES + 0x1000 | RW);
        for (int page = 0; page < 4; page++) {
            long table = GPA_TABLES + (page << 12);
            put(secondLeaf(table), RAM_TABLES + (page << 12) | RW);
            put(RAM_TABLES + (page << 12), table + 0x1000 | ALL);
        }
        put(RAM_TABLES + 0x3000, 0);
        put(RAM_TABLES + 0x3020, GPA_DATA | ALL);
        put(secondLeaf(GPA_DATA), 0x8_8000 | RW);
    }

    @AfterEach
    void close() {
        memory.close();
    }

    private WalkResult walk(AccessTracking tracking, int needed) {
        return new NestedWalker(physical, stage2(tracking)).walk(STAGE1, VA, Access.of(needed));
    }

    private static WalkResult.Fault fault(
            Kind kind, int level, Subject subject, long ipa, int granted) {
        return new WalkResult.Fault(kind, 2, level, subject, VA, ipa, 0, granted);
    }

    @Test
    @DisplayName("VT-d §3.8: output of both stages, smaller size, intersection of permissions")
    void combines() {
        WalkResult.Mapping mapping = (WalkResult.Mapping) walk(AccessTracking.IGNORED, USER_WRITE);
        assertThat(mapping.translate(VA)).isEqualTo(0x8_8567);
        assertThat(mapping.permissions()).isEqualTo(READ | WRITE | EXECUTE);

        put(RAM_TABLES + 0x2000, 0x20_0000 | PS | ALL); // stage 1: 2 MiB
        put(SECOND_LEAVES + 0x204 * 8, 0x8_9000 | 1); // stage 2: 4 KiB, read-only
        WalkResult.Mapping small = (WalkResult.Mapping) walk(AccessTracking.IGNORED, USER_READ);
        assertThat(small.sizeLog2()).isEqualTo(12);
        assertThat(small.level()).isEqualTo(2);
        assertThat(small.permissions()).isEqualTo(READ | EXECUTE);
        assertThat(small.translate(VA)).isEqualTo(0x8_9567);
    }

    @Test
    @DisplayName("VT-d §3.8: stage 1 smaller than stage 2 keeps its place inside the large page")
    void smallInLarge() {
        put(0x2_1008, 0x4000_0000L | PS | RW);
        WalkResult.Mapping mapping = (WalkResult.Mapping) walk(AccessTracking.IGNORED, USER_READ);
        assertThat(mapping.sizeLog2()).isEqualTo(12);
        assertThat(mapping.output()).isEqualTo(0x4000_4000L);
    }

    @Test
    @DisplayName(
            "VT-d §3.8: a missing stage-2 page of a table is a fault of the fetch, with its GPA")
    void tableFetchFault() {
        put(secondLeaf(GPA_TABLES + 0x2000), 0);
        assertThat(walk(AccessTracking.IGNORED, USER_READ))
                .isEqualTo(fault(Kind.TRANSLATION, 1, Subject.TABLE_READ, GPA_TABLES + 0x2000, 0));
        put(secondLeaf(GPA_TABLES + 0x2000), RAM_TABLES + 0x2000 | 2);
        assertThat(walk(AccessTracking.IGNORED, USER_READ))
                .describedAs("reading a table needs read permission")
                .isEqualTo(
                        fault(Kind.PERMISSION, 1, Subject.TABLE_READ, GPA_TABLES + 0x2000, WRITE));
    }

    @Test
    @DisplayName("VT-d §3.8: setting A or D in a table that stage 2 maps read-only faults")
    void tableUpdateFault() {
        long leafTable = GPA_TABLES + 0x3000;
        put(secondLeaf(leafTable), RAM_TABLES + 0x3000 | 1);
        WalkResult.Fault refused =
                fault(Kind.PERMISSION, 1, Subject.TABLE_UPDATE, leafTable + 0x20, READ | EXECUTE);
        assertThat(walk(AccessTracking.IGNORED, USER_READ)).isEqualTo(refused);
        put(RAM_TABLES + 0x3020, GPA_DATA | ALL | A);
        assertThat(walk(AccessTracking.IGNORED, USER_READ)).isInstanceOf(WalkResult.Mapping.class);
        assertThat(walk(AccessTracking.IGNORED, USER_WRITE)).isEqualTo(refused);
        assertThat(get(RAM_TABLES + 0x3020)).isEqualTo(GPA_DATA | ALL | A);
    }

    @Test
    @DisplayName("VT-d §3.8: a fault of the access itself names the GPA it would have used")
    void accessFault() {
        put(secondLeaf(GPA_DATA), 0x8_8000 | 1);
        assertThat(walk(AccessTracking.IGNORED, USER_WRITE))
                .isEqualTo(
                        fault(
                                Kind.PERMISSION,
                                1,
                                Subject.ACCESS,
                                GPA_DATA | 0x567,
                                READ | EXECUTE));
        put(RAM_TABLES + 0x3020, 1L << 40 | ALL);
        assertThat(walk(AccessTracking.IGNORED, USER_READ))
                .isEqualTo(fault(Kind.INPUT_RANGE, 3, Subject.ACCESS, 1L << 40 | 0x567, 0));
    }

    @Test
    @DisplayName("VT-d §3.8: stage-1 faults are stage 1's, and external aborts name RAM")
    void firstStageFaults() {
        put(RAM_TABLES + 0x3020, 0);
        assertThat(walk(AccessTracking.IGNORED, USER_READ))
                .isEqualTo(WalkResult.Fault.of(Kind.TRANSLATION, 1, 1, VA));
        put(secondLeaf(GPA_TABLES + 0x1000), 0x7000_0000L | RW);
        assertThat(walk(AccessTracking.IGNORED, USER_READ))
                .isEqualTo(
                        WalkResult.Fault.onDescriptor(Kind.EXTERNAL_ABORT, 1, 3, VA, 0x7000_0000L));
        put(0x2_1000, 0x7000_0000L | RW);
        assertThat(walk(AccessTracking.IGNORED, USER_READ))
                .isEqualTo(
                        new WalkResult.Fault(
                                Kind.EXTERNAL_ABORT,
                                2,
                                1,
                                Subject.TABLE_READ,
                                VA,
                                GPA_TABLES,
                                0x7000_0000L + (GPA_TABLES >>> 9),
                                0));
    }

    @Test
    @DisplayName("VT-d §3.8: stage 2 tracks fetches as reads, and A/D updates of tables as writes")
    void secondStageTracking() {
        walk(AccessTracking.HARDWARE_DIRTY, USER_READ);
        assertThat(get(secondLeaf(GPA_TABLES))).isEqualTo(RAM_TABLES | RW | SECOND_A | SECOND_D);
        assertThat(get(secondLeaf(GPA_DATA))).isEqualTo(0x8_8000 | RW | SECOND_A);
        tables();
        for (int page = 0; page < 3; page++) {
            put(RAM_TABLES + (page << 12), get(RAM_TABLES + (page << 12)) | A);
        }
        put(RAM_TABLES + 0x3020, GPA_DATA | ALL | A | D);
        walk(AccessTracking.HARDWARE_DIRTY, USER_WRITE);
        assertThat(get(secondLeaf(GPA_TABLES))).isEqualTo(RAM_TABLES | RW | SECOND_A);
        assertThat(get(secondLeaf(GPA_DATA))).isEqualTo(0x8_8000 | RW | SECOND_A | SECOND_D);
    }

    @Test
    @DisplayName("A write that stage 1 does not grant marks nothing dirty in stage 2")
    void ungrantedWriteLeavesStage2Clean() {
        put(RAM_TABLES + 0x3020, GPA_DATA | 5);
        WalkResult result =
                new NestedWalker(physical, stage2(AccessTracking.HARDWARE_DIRTY))
                        .walk(STAGE1, VA, Access.upTo(USER_READ | USER_WRITE));
        assertThat(((WalkResult.Mapping) result).permissions()).isEqualTo(READ | EXECUTE);
        assertThat(get(secondLeaf(GPA_DATA))).isEqualTo(0x8_8000 | RW | SECOND_A);
    }

    @Test
    @DisplayName("A probe leaves both stages as they are")
    void probe() {
        byte[] before =
                memory.regions()
                        .getFirst()
                        .segment()
                        .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
        WalkResult result =
                new NestedWalker(physical, stage2(AccessTracking.HARDWARE_DIRTY))
                        .walk(STAGE1, VA, Access.probe(USER_WRITE));
        assertThat(result).isInstanceOf(WalkResult.Mapping.class);
        assertThat(
                        memory.regions()
                                .getFirst()
                                .segment()
                                .toArray(java.lang.foreign.ValueLayout.JAVA_BYTE))
                .isEqualTo(before);
    }

    @Test
    @DisplayName("IHI 0070 EATS: stage 1 alone gives an IPA, stage 2 alone takes one")
    void stagesApart() {
        NestedWalker walker = new NestedWalker(physical, stage2(AccessTracking.IGNORED));
        WalkResult.Mapping first =
                (WalkResult.Mapping) walker.walkStage1(STAGE1, VA, Access.of(USER_READ));
        assertThat(first.output()).isEqualTo(GPA_DATA);
        WalkResult.Mapping second =
                (WalkResult.Mapping) walker.walkStage2(GPA_DATA, Access.of(PRIVILEGED_READ));
        assertThat(second.output()).isEqualTo(0x8_8000);
        assertThatThrownBy(() -> new NestedWalker(physical, STAGE1))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @DisplayName("DDI 0487 HCR_EL2.PTW: a table in Device memory is a stage-2 Permission fault")
    void protectedTableWalk() {
        VmsaV8Geometry geometry = new VmsaV8Geometry(12, 30, 40, false);
        long root = 0x3_0000;
        VmsaV8Stage2 stage2 =
                new VmsaV8Stage2(geometry, root, 2, AccessTracking.SOFTWARE, true, false, false);
        long readWrite = 3L << 6 | 1 << 10;
        put(root, readWrite | 1); // a block of Device memory
        VmsaV8Stage1 stage1 =
                new VmsaV8Stage1(
                        new VmsaV8Geometry(12, 39, 40, false),
                        0x4_0000,
                        false,
                        false,
                        false,
                        false,
                        AccessTracking.SOFTWARE);
        NestedWalker walker = new NestedWalker(physical, stage2);
        assertThat(walker.walk(stage1, VA, Access.of(0)))
                .isEqualTo(
                        fault(
                                Kind.PERMISSION,
                                2,
                                Subject.TABLE_READ,
                                0x4_0000,
                                READ | WRITE | EXECUTE));
        put(root, get(root) | 0xf << 2);
        assertThat(walker.walk(stage1, VA, Access.of(0)))
                .isEqualTo(WalkResult.Fault.of(Kind.TRANSLATION, 1, 1, VA));
    }
}
