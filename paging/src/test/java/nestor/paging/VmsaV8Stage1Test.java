package nestor.paging;

import static nestor.paging.Permissions.PRIVILEGED_EXECUTE;
import static nestor.paging.Permissions.PRIVILEGED_READ;
import static nestor.paging.Permissions.PRIVILEGED_WRITE;
import static nestor.paging.Permissions.READ;
import static nestor.paging.Permissions.USER_EXECUTE;
import static nestor.paging.Permissions.USER_READ;
import static nestor.paging.Permissions.USER_WRITE;
import static nestor.paging.Permissions.WRITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import nestor.paging.WalkResult.Kind;
import nestor.vmm.memory.GuestMemory;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class VmsaV8Stage1Test {
    private static final long ROOT = 0x1000;
    private static final long TABLE = 3;
    private static final long BLOCK = 1;
    private static final long PAGE = 3;
    private static final long AF = 1L << 10;
    private static final long USER = 1L << 6;
    private static final long READ_ONLY = 1L << 7;
    private static final long NOT_GLOBAL = 1L << 11;
    private static final long DBM = 1L << 51;
    private static final long CONTIGUOUS = 1L << 52;
    private static final long PXN = 1L << 53;
    private static final long UXN = 1L << 54;
    private static final long VA = 0x123;

    private final SparseTables tables = new SparseTables();
    private final Walker walker = new Walker(tables);

    private static VmsaV8Stage1 format(int inputBits, AccessTracking tracking) {
        return new VmsaV8Stage1(
                new VmsaV8Geometry(12, inputBits, 48, false),
                ROOT,
                false,
                false,
                false,
                false,
                tracking);
    }

    /** Levels 1 to 3 over VA 0, the page descriptor at 0x3000. */
    private void page(long leaf) {
        tables.with(ROOT, 0x2000 | TABLE).with(0x2000, 0x3000 | TABLE).with(0x3000, leaf);
    }

    private WalkResult walk(AccessTracking tracking, Access access) {
        return walker.walk(format(39, tracking), VA, access);
    }

    private static int permissions(WalkResult result) {
        return ((WalkResult.Mapping) result).permissions();
    }

    @Test
    @DisplayName("DDI 0487 §D8.4.1: AP[2:1] and the never-execute bits grant by privilege")
    void permissionsOfEveryApAndXn() {
        page(0x8000_0000L | AF | PAGE);
        int kernel = permissions(walk(AccessTracking.SOFTWARE, Access.of(0)));
        assertThat(kernel)
                .isEqualTo(PRIVILEGED_READ | PRIVILEGED_WRITE | PRIVILEGED_EXECUTE | USER_EXECUTE);
        page(0x8000_0000L | AF | USER | PAGE);
        assertThat(permissions(walk(AccessTracking.SOFTWARE, Access.of(0))))
                .isEqualTo(READ | WRITE | USER_EXECUTE);
        page(0x8000_0000L | AF | USER | READ_ONLY | PXN | PAGE);
        assertThat(permissions(walk(AccessTracking.SOFTWARE, Access.of(0))))
                .isEqualTo(READ | USER_EXECUTE);
        page(0x8000_0000L | AF | READ_ONLY | UXN | PAGE);
        assertThat(permissions(walk(AccessTracking.SOFTWARE, Access.of(0))))
                .isEqualTo(PRIVILEGED_READ | PRIVILEGED_EXECUTE);
    }

    @Test
    @DisplayName("DDI 0487 §D8.4.2: APTable, UXNTable and PXNTable restrict all below, unless HPD")
    void hierarchicalControls() {
        page(0x8000_0000L | AF | USER | PAGE);
        tables.with(ROOT, 0x2000 | TABLE | 1L << 62);
        tables.with(0x2000, 0x3000 | TABLE | 1L << 60 | 1L << 59);
        assertThat(permissions(walk(AccessTracking.SOFTWARE, Access.of(0)))).isEqualTo(READ);
        tables.with(ROOT, 0x2000 | TABLE | 1L << 61);
        assertThat(permissions(walk(AccessTracking.SOFTWARE, Access.of(0))))
                .isEqualTo(PRIVILEGED_READ | PRIVILEGED_WRITE);
        TableFormat hpd =
                new VmsaV8Stage1(
                        new VmsaV8Geometry(12, 39, 48, false),
                        ROOT,
                        false,
                        false,
                        true,
                        false,
                        AccessTracking.SOFTWARE);
        assertThat(permissions(walker.walk(hpd, VA))).isEqualTo(READ | WRITE | USER_EXECUTE);
    }

    @Test
    @DisplayName(
            "DDI 0487 §D8.4.1: what the leaf does not grant is a Permission fault, and says so")
    void permissionFaultReportsWhatIsGranted() {
        page(0x8000_0000L | AF | READ_ONLY | PXN | UXN | PAGE);
        TableFormat format = format(39, AccessTracking.SOFTWARE);

        assertThat(walker.translate(format, VA, PRIVILEGED_READ))
                .isEqualTo(
                        new WalkResult.Mapping(
                                0x8000_0000L, 12, 12, 3, PRIVILEGED_READ, true, tables.at(0x3000)));
        assertThat(walker.translate(format, VA, PRIVILEGED_WRITE))
                .isEqualTo(WalkResult.Fault.permission(1, 3, VA, PRIVILEGED_READ));
        assertThat(walker.translate(format, VA, USER_READ))
                .isEqualTo(WalkResult.Fault.permission(1, 3, VA, PRIVILEGED_READ));
    }

    @Test
    @DisplayName("DDI 0487 §D8.2: a table where no memory is reports the descriptor's address")
    void tableFetchFromNowhereIsAnExternalAbort() {
        try (GuestMemory memory = GuestMemory.anonymous(0, 0x1000)) {
            Walker overRam = new Walker(new PhysicalTables(memory));
            TableFormat format =
                    new VmsaV8Stage1(
                            new VmsaV8Geometry(12, 48, 48, false),
                            0x9000_0000L,
                            true,
                            false,
                            false,
                            false,
                            AccessTracking.SOFTWARE);

            assertThat(overRam.walk(format, -8))
                    .isEqualTo(
                            WalkResult.Fault.onDescriptor(
                                    Kind.EXTERNAL_ABORT, 1, 0, -8, 0x9000_0ff8L));
        }
    }

    @Test
    @DisplayName("DDI 0487 §D8.4.5: a clear access flag faults, is ignored, or is set")
    void accessFlag() {
        long leaf = 0x8000_0000L | PAGE;
        page(leaf);
        assertThat(walk(AccessTracking.SOFTWARE, Access.of(PRIVILEGED_READ)))
                .isEqualTo(WalkResult.Fault.of(Kind.ACCESS_FLAG, 1, 3, VA));
        assertThat(walk(AccessTracking.IGNORED, Access.of(PRIVILEGED_READ)))
                .isInstanceOf(WalkResult.Mapping.class);
        assertThat(tables.at(0x3000)).isEqualTo(leaf);

        WalkResult result = walk(AccessTracking.HARDWARE_ACCESSED, Access.of(PRIVILEGED_READ));
        assertThat(((WalkResult.Mapping) result).leaf()).isEqualTo(leaf | AF);
        assertThat(tables.at(0x3000)).isEqualTo(leaf | AF);
        assertThat(tables.updates()).isEqualTo(1);
    }

    @Test
    @DisplayName("DDI 0487 §D8.4.6: a write to a clean page with DBM clears AP[2], once")
    void dirtyState() {
        long leaf = 0x8000_0000L | READ_ONLY | DBM | PAGE;
        page(leaf);
        WalkResult read = walk(AccessTracking.HARDWARE_DIRTY, Access.of(PRIVILEGED_READ));
        assertThat(permissions(read) & WRITE).describedAs("clean pages grant no write").isZero();
        assertThat(tables.at(0x3000)).isEqualTo(leaf | AF);

        WalkResult write = walk(AccessTracking.HARDWARE_DIRTY, Access.of(PRIVILEGED_WRITE));
        assertThat(permissions(write) & WRITE).isEqualTo(PRIVILEGED_WRITE);
        assertThat(tables.at(0x3000)).isEqualTo(leaf & ~READ_ONLY | AF);
        walk(AccessTracking.HARDWARE_DIRTY, Access.of(PRIVILEGED_WRITE));
        assertThat(tables.updates()).isEqualTo(2);
    }

    @Test
    @DisplayName("DDI 0487 §D8.4.6: DBM means nothing unless hardware tracks dirty state")
    void dirtyBitModifierWithoutHd() {
        page(0x8000_0000L | READ_ONLY | DBM | AF | PAGE);
        assertThat(walk(AccessTracking.HARDWARE_ACCESSED, Access.of(PRIVILEGED_WRITE)))
                .extracting(fault -> ((WalkResult.Fault) fault).kind())
                .isEqualTo(Kind.PERMISSION);
    }

    @Test
    @DisplayName("DDI 0487 §D8.4.6: an access that is refused leaves no dirty state behind")
    void refusedAccessLeavesTheDescriptor() {
        long leaf = 0x8000_0000L | READ_ONLY | DBM | PAGE; // no EL0 access
        page(leaf);
        assertThat(walk(AccessTracking.HARDWARE_DIRTY, Access.of(USER_WRITE)))
                .isEqualTo(
                        WalkResult.Fault.permission(
                                1,
                                3,
                                VA,
                                PRIVILEGED_READ
                                        | PRIVILEGED_WRITE
                                        | PRIVILEGED_EXECUTE
                                        | USER_EXECUTE));
        tables.with(ROOT, 0x2000 | TABLE | 1L << 62); // APTable: read-only below
        assertThat(walk(AccessTracking.HARDWARE_DIRTY, Access.of(PRIVILEGED_WRITE)))
                .isInstanceOf(WalkResult.Fault.class);
        assertThat(tables.updates()).isZero();
    }

    @Test
    @DisplayName("IHI 0070 ATS: without NW a writable clean page turns dirty, with NW it stays")
    void translationRequests() {
        page(0x8000_0000L | READ_ONLY | DBM | AF | USER | PAGE);
        WalkResult noWrite = walk(AccessTracking.HARDWARE_DIRTY, Access.upTo(USER_READ));
        assertThat(permissions(noWrite) & (READ | WRITE)).isEqualTo(READ);
        assertThat(tables.updates()).isZero();

        Access readWrite = Access.upTo(USER_READ | USER_WRITE);
        assertThat(permissions(walk(AccessTracking.HARDWARE_DIRTY, readWrite)) & (READ | WRITE))
                .isEqualTo(READ | WRITE);
        assertThat(tables.updates()).isEqualTo(1);
        page(0x8000_0000L | READ_ONLY | AF | USER | PAGE);
        assertThat(permissions(walk(AccessTracking.HARDWARE_DIRTY, readWrite)) & (READ | WRITE))
                .describedAs("a read-only page is a success that grants no write")
                .isEqualTo(READ);
    }

    @Test
    @DisplayName("A probe changes nothing, not even an access flag")
    void probe() {
        page(0x8000_0000L | READ_ONLY | DBM | PAGE);
        assertThat(walk(AccessTracking.HARDWARE_DIRTY, Access.probe(PRIVILEGED_WRITE)))
                .isInstanceOf(WalkResult.Mapping.class);
        assertThat(tables.updates()).isZero();
    }

    @Test
    @DisplayName("DDI 0487 §D8.2.4: bits above the range fault at level 0, the top byte if not TBI")
    void inputRange() {
        page(0x8000_0000L | AF | PAGE);
        assertThat(walker.walk(format(39, AccessTracking.SOFTWARE), 1L << 39))
                .isEqualTo(WalkResult.Fault.of(Kind.TRANSLATION, 1, 0, 1L << 39));
        TableFormat tagged =
                new VmsaV8Stage1(
                        new VmsaV8Geometry(12, 39, 48, false),
                        ROOT,
                        false,
                        true,
                        false,
                        false,
                        AccessTracking.SOFTWARE);
        assertThat(walker.walk(tagged, 0xa5L << 56 | VA)).isInstanceOf(WalkResult.Mapping.class);
        assertThat(walker.walk(tagged, 1L << 55)).isInstanceOf(WalkResult.Fault.class);
    }

    @Test
    @DisplayName("DDI 0487 §D8.7.1: the Contiguous bit is reported, and taken only when asked")
    void contiguousHint() {
        page(0x8000_3000L | AF | CONTIGUOUS | PAGE);
        WalkResult.Mapping mapping =
                (WalkResult.Mapping) walk(AccessTracking.SOFTWARE, Access.of(0));
        assertThat(mapping.sizeLog2()).isEqualTo(12);
        assertThat(mapping.output()).isEqualTo(0x8000_3000L);
        assertThat(mapping.contiguous().sizeLog2()).isEqualTo(16);
        assertThat(mapping.contiguous().output()).isEqualTo(0x8000_0000L);
        assertThat(mapping.contiguous().translate(0x3123)).isEqualTo(0x8000_3123L);
    }

    @Test
    @DisplayName("DDI 0487 §D8.13: nG says whether the mapping is global")
    void global() {
        page(0x8000_0000L | AF | NOT_GLOBAL | PAGE);
        assertThat(((WalkResult.Mapping) walk(AccessTracking.SOFTWARE, Access.of(0))).global())
                .isFalse();
        page(0x8000_0000L | AF | PAGE);
        assertThat(((WalkResult.Mapping) walk(AccessTracking.SOFTWARE, Access.of(0))).global())
                .isTrue();
    }

    @Test
    @DisplayName("DDI 0487 §D8.2 FEAT_LPA2: 52-bit inputs start at level -1, bits 9:8 are 51:50")
    void largeAddressesOfSmallGranules() {
        TableFormat format =
                new VmsaV8Stage1(
                        new VmsaV8Geometry(12, 52, 52, true),
                        ROOT,
                        false,
                        false,
                        false,
                        false,
                        AccessTracking.SOFTWARE);
        long va = 0xf_8000_0000_0000L | VA;
        long table = 1L << 51 | 0x2000;
        tables.with(ROOT + 0xf * 8, 0x2000 | 2L << 8 | TABLE);
        tables.with(table + 0x100 * 8, 0x4_0000_0000_0000L >>> 2 | 1L << 8 | AF | BLOCK);
        WalkResult result = walker.walk(format, va);

        assertThat(format.startLevel()).isEqualTo(-1);
        WalkResult.Mapping mapping = (WalkResult.Mapping) result;
        assertThat(mapping.level()).isZero();
        assertThat(mapping.sizeLog2()).describedAs("a 512 GiB block").isEqualTo(39);
        assertThat(mapping.output()).isEqualTo(1L << 50 | 1L << 48);
    }

    @Test
    @DisplayName("DDI 0487 §D8.3 FEAT_LPA: with 64 KiB granules bits 15:12 are address bits 51:48")
    void largeAddressesOf64KGranule() {
        TableFormat format =
                new VmsaV8Stage1(
                        new VmsaV8Geometry(16, 52, 52, true),
                        0x10_0000,
                        false,
                        false,
                        false,
                        false,
                        AccessTracking.SOFTWARE);
        tables.with(0x10_0000, 0x2_0000 | 0xaL << 12 | TABLE);
        tables.with(0xa_0000_0002_0000L, 0x2000_0000 | 0x5L << 12 | AF | BLOCK);
        WalkResult.Mapping mapping = (WalkResult.Mapping) walker.walk(format, VA);
        assertThat(format.startLevel()).isEqualTo(1);
        assertThat(mapping.output()).isEqualTo(0x5_0000_2000_0000L);
        assertThat(mapping.level()).isEqualTo(2);
        assertThat(mapping.sizeLog2()).isEqualTo(29);

        TableFormat narrow =
                new VmsaV8Stage1(
                        new VmsaV8Geometry(16, 48, 48, true),
                        0x10_0000,
                        false,
                        false,
                        false,
                        false,
                        AccessTracking.SOFTWARE);
        assertThat(walker.walk(narrow, VA))
                .isEqualTo(WalkResult.Fault.of(Kind.ADDRESS_SIZE, 1, 1, VA));
    }

    @Test
    @DisplayName("DDI 0487 §D8.2: widths and granules that do not exist are refused when made")
    void nonsenseIsRefused() {
        assertThatThrownBy(() -> new VmsaV8Geometry(13, 48, 48, false))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new VmsaV8Geometry(12, 52, 48, false))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new VmsaV8Geometry(12, 48, 52, false))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @DisplayName("DDI 0487 §D8.4.5: a descriptor that changed before its update is judged again")
    void lostRaceIsJudgedAgain() {
        page(0x8000_0000L | READ_ONLY | DBM | PAGE);
        tables.race(descriptor -> descriptor | AF);
        assertThat(walk(AccessTracking.HARDWARE_DIRTY, Access.of(PRIVILEGED_WRITE)))
                .isInstanceOf(WalkResult.Mapping.class);
        assertThat(tables.at(0x3000)).isEqualTo(0x8000_0000L | DBM | AF | PAGE);

        page(0x8000_0000L | READ_ONLY | DBM | PAGE);
        tables.race(_ -> 0);
        assertThat(walk(AccessTracking.HARDWARE_DIRTY, Access.of(PRIVILEGED_WRITE)))
                .isEqualTo(WalkResult.Fault.of(Kind.TRANSLATION, 1, 3, VA));
        assertThat(tables.at(0x3000)).isZero();
    }

    @Test
    @DisplayName("A guest that keeps rewriting a descriptor cannot keep the walk for ever")
    void racesAreBounded() {
        page(0x8000_0000L | PAGE);
        for (int i = 0; i <= Walker.MAX_LOST_RACES; i++) {
            tables.race(descriptor -> descriptor + 0x1000);
        }
        assertThat(walk(AccessTracking.HARDWARE_ACCESSED, Access.of(PRIVILEGED_READ)))
                .isEqualTo(WalkResult.Fault.onDescriptor(Kind.UPDATE_FAILED, 1, 3, VA, 0x3000));
        assertThat(tables.updates()).isZero();
    }
}
