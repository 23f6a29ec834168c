package nestor.paging;

import static nestor.paging.Permissions.EXECUTE;
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
import nestor.paging.X86Paging.ExecuteDisable;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class X86PagingTest {
    private static final long P = 1;
    private static final long RW = 1 << 1;
    private static final long US = 1 << 2;
    private static final long A = 1 << 5;
    private static final long D = 1 << 6;
    private static final long PS = 1 << 7;
    private static final long G = 1 << 8;
    private static final long XD = 1L << 63;
    private static final long ALL = P | RW | US;
    private static final long VA = 0x123;

    private final SparseTables tables = new SparseTables();
    private final Walker walker = new Walker(tables);

    private static X86Paging format(int levels, ExecuteDisable executeDisable) {
        return new X86Paging(levels, 0x1000, 46, true, executeDisable, true, false);
    }

    private static final X86Paging FORMAT = format(4, ExecuteDisable.ENABLED);

    private void entries(long pml4e, long pdpte, long pde, long pte) {
        tables.with(0x1000, 0x2000 | pml4e)
                .with(0x2000, 0x3000 | pdpte)
                .with(0x3000, 0x4000 | pde)
                .with(0x4000, 0x9000_0000L | pte);
    }

    private int permissions(X86Paging format) {
        entries(tables.at(0x1000), tables.at(0x2000), tables.at(0x3000), tables.at(0x4000) | D);
        return ((WalkResult.Mapping) walker.walk(format, VA)).permissions();
    }

    private Kind kind(X86Paging format) {
        return ((WalkResult.Fault) walker.walk(format, VA)).kind();
    }

    @Test
    @DisplayName("SDM §4.6: U/S, R/W and XD count at every level")
    void permissionsAccumulate() {
        entries(ALL, ALL, ALL, ALL);
        assertThat(permissions(FORMAT)).isEqualTo(READ | WRITE | EXECUTE);
        entries(ALL & ~RW, ALL, ALL, ALL);
        assertThat(permissions(FORMAT)).isEqualTo(READ | EXECUTE);
        entries(ALL, ALL & ~US, ALL, ALL);
        assertThat(permissions(FORMAT))
                .isEqualTo(PRIVILEGED_READ | PRIVILEGED_WRITE | PRIVILEGED_EXECUTE);
        entries(ALL, ALL, ALL | XD, ALL);
        assertThat(permissions(FORMAT)).isEqualTo(READ | WRITE);
        assertThat(permissions(format(4, ExecuteDisable.IGNORED)))
                .isEqualTo(READ | WRITE | EXECUTE);
    }

    @Test
    @DisplayName("SDM §4.6: without CR0.WP privileged writes pass, with SMEP user pages do not run")
    void supervisorControls() {
        X86Paging format = new X86Paging(4, 0x1000, 46, true, ExecuteDisable.ENABLED, false, true);
        entries(ALL, ALL, ALL, ALL & ~RW);
        assertThat(permissions(format)).isEqualTo(READ | PRIVILEGED_WRITE | USER_EXECUTE);
    }

    @Test
    @DisplayName("VT-d §9.7: XD without NXE is no reserved bit, in a CPU it is")
    void executeDisableWithoutNxe() {
        entries(ALL, ALL, ALL, ALL | XD);
        assertThat(kind(format(4, ExecuteDisable.RESERVED))).isEqualTo(Kind.RESERVED);
    }

    @Test
    @DisplayName("SDM §4.5: reserved bits fault in present entries only, with their level")
    void reservedBits() {
        entries(ALL | PS, ALL, ALL, ALL);
        assertThat(walker.walk(FORMAT, VA)).isEqualTo(WalkResult.Fault.of(Kind.RESERVED, 1, 4, VA));
        entries(ALL, ALL, ALL, ALL | 1L << 46);
        assertThat(walker.walk(FORMAT, VA)).isEqualTo(WalkResult.Fault.of(Kind.RESERVED, 1, 1, VA));
        entries(ALL, ALL, ALL, RW | 1L << 46);
        assertThat(kind(FORMAT)).isEqualTo(Kind.TRANSLATION);
        entries(ALL, ALL, ALL, ALL | 0x7ffL << 52);
        assertThat(walker.walk(FORMAT, VA))
                .describedAs("bits 62:52 are software's")
                .isInstanceOf(WalkResult.Mapping.class);
    }

    @Test
    @DisplayName("SDM §4.5: 2 MiB and 1 GiB pages, and what is reserved in them")
    void largePages() {
        tables.with(0x1000, 0x2000 | ALL).with(0x2000, 0x3000 | ALL);
        tables.with(0x3000, 0x4020_0000L | 1 << 12 | PS | ALL);
        WalkResult.Mapping large = (WalkResult.Mapping) walker.walk(FORMAT, VA);
        assertThat(large.sizeLog2()).isEqualTo(21);
        assertThat(large.output()).describedAs("bit 12 is PAT").isEqualTo(0x4020_0000L);
        tables.with(0x3000, 0x4020_0000L | 1 << 13 | PS | ALL);
        assertThat(kind(FORMAT)).isEqualTo(Kind.RESERVED);

        tables.with(0x2000, 0x4000_0000L | PS | ALL);
        assertThat(((WalkResult.Mapping) walker.walk(FORMAT, VA)).sizeLog2()).isEqualTo(30);
        X86Paging without =
                new X86Paging(4, 0x1000, 46, false, ExecuteDisable.ENABLED, true, false);
        assertThat(kind(without)).isEqualTo(Kind.RESERVED);
        tables.with(0x2000, 0x4000_0000L | 1 << 29 | PS | ALL);
        assertThat(kind(FORMAT)).isEqualTo(Kind.RESERVED);
    }

    @Test
    @DisplayName("SDM §4.8: A in every entry used, D in the leaf of a write, none for a probe")
    void accessedAndDirty() {
        entries(ALL, ALL, ALL, ALL);
        walker.walk(FORMAT, VA, Access.probe(PRIVILEGED_WRITE));
        assertThat(tables.updates()).isZero();

        WalkResult read = walker.translate(FORMAT, VA, USER_READ);
        assertThat(((WalkResult.Mapping) read).permissions()).isEqualTo(READ | EXECUTE);
        assertThat(tables.updates()).isEqualTo(4);
        assertThat(tables.at(0x1000)).isEqualTo(0x2000 | ALL | A);
        assertThat(tables.at(0x4000)).isEqualTo(0x9000_0000L | ALL | A);

        WalkResult write = walker.translate(FORMAT, VA, USER_WRITE);
        assertThat(((WalkResult.Mapping) write).permissions()).isEqualTo(READ | WRITE | EXECUTE);
        assertThat(tables.updates()).isEqualTo(5);
        assertThat(tables.at(0x4000)).isEqualTo(0x9000_0000L | ALL | A | D);
    }

    @Test
    @DisplayName("SDM §4.8: a refused access leaves the leaf alone")
    void refusedAccess() {
        entries(ALL, ALL, ALL, P | US);
        assertThat(walker.translate(FORMAT, VA, USER_WRITE))
                .isEqualTo(WalkResult.Fault.permission(1, 1, VA, READ | EXECUTE));
        assertThat(tables.at(0x4000)).isEqualTo(0x9000_0000L | P | US);
        assertThat(tables.at(0x3000)).describedAs("used all the same").isEqualTo(0x4000 | ALL | A);
    }

    @Test
    @DisplayName("SDM vol. 1 §3.3.7.1: addresses must be canonical, by 48 or by 57 bits")
    void canonical() {
        assertThat(walker.walk(FORMAT, 1L << 47))
                .isEqualTo(WalkResult.Fault.of(Kind.INPUT_RANGE, 1, 4, 1L << 47));
        assertThat(walker.walk(FORMAT, -1L << 47))
                .isEqualTo(WalkResult.Fault.of(Kind.TRANSLATION, 1, 4, -1L << 47));
        X86Paging five = format(5, ExecuteDisable.ENABLED);
        assertThat(walker.walk(five, 1L << 47))
                .isEqualTo(WalkResult.Fault.of(Kind.TRANSLATION, 1, 5, 1L << 47));
        assertThat(walker.walk(five, 1L << 56))
                .isEqualTo(WalkResult.Fault.of(Kind.INPUT_RANGE, 1, 5, 1L << 56));
    }

    @Test
    @DisplayName("SDM §4.10.2.4: G is reported")
    void global() {
        entries(ALL, ALL, ALL, ALL | G);
        assertThat(((WalkResult.Mapping) walker.walk(FORMAT, VA)).global()).isTrue();
        entries(ALL, ALL, ALL, ALL);
        assertThat(((WalkResult.Mapping) walker.walk(FORMAT, VA)).global()).isFalse();
    }

    @Test
    @DisplayName("A root above the physical width, or parameters that do not exist")
    void nonsense() {
        X86Paging format =
                new X86Paging(4, 1L << 46, 46, true, ExecuteDisable.ENABLED, true, false);
        assertThat(walker.walk(format, VA))
                .isEqualTo(WalkResult.Fault.of(Kind.ADDRESS_SIZE, 1, 4, VA));
        assertThatThrownBy(() -> new X86Paging(3, 0, 46, true, ExecuteDisable.ENABLED, true, false))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new X86Paging(4, 0, 53, true, ExecuteDisable.ENABLED, true, false))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
