package nestor.paging;

import static nestor.paging.Permissions.EXECUTE;
import static nestor.paging.Permissions.PRIVILEGED_READ;
import static nestor.paging.Permissions.PRIVILEGED_WRITE;
import static nestor.paging.Permissions.READ;
import static nestor.paging.Permissions.WRITE;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import nestor.paging.WalkResult.Kind;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class VtdSecondStageTest {
    private static final long R = 1;
    private static final long W = 1 << 1;
    private static final long X = 1 << 2;
    private static final long PS = 1 << 7;
    private static final long A = 1 << 8;
    private static final long D = 1 << 9;
    private static final long SNP = 1 << 11;
    private static final long GPA = 0x123;

    private final SparseTables tables = new SparseTables();
    private final Walker walker = new Walker(tables);

    private static VtdSecondStage format(boolean execute, AccessTracking tracking) {
        return new VtdSecondStage(3, 0x1000, 46, 3, execute, tracking, false);
    }

    private static final VtdSecondStage PLAIN = format(false, AccessTracking.IGNORED);

    private void entries(long pdpe, long pde, long pte) {
        tables.with(0x1000, 0x2000 | pdpe)
                .with(0x2000, 0x3000 | pde)
                .with(0x3000, 0x9000_0000L | pte);
    }

    private int permissions(TableFormat format) {
        return ((WalkResult.Mapping) walker.walk(format, GPA)).permissions();
    }

    private Kind kind(TableFormat format) {
        return ((WalkResult.Fault) walker.walk(format, GPA)).kind();
    }

    @Test
    @DisplayName("VT-d §3.7: R, W and X must be granted at every level")
    void permissionsAreTheIntersection() {
        entries(R | W, R | W, R | W);
        assertThat(permissions(PLAIN)).isEqualTo(READ | WRITE | EXECUTE);
        entries(R, R | W, R | W);
        assertThat(permissions(PLAIN)).isEqualTo(READ | EXECUTE);
        entries(R | W, W, R | W);
        assertThat(permissions(PLAIN)).isEqualTo(WRITE);
        entries(R | W | X, R | X, R | W);
        VtdSecondStage execute = format(true, AccessTracking.IGNORED);
        assertThat(permissions(execute)).isEqualTo(READ);
        entries(X, X, X);
        assertThat(permissions(execute)).isEqualTo(EXECUTE);
        assertThat(kind(PLAIN)).describedAs("X alone is not present").isEqualTo(Kind.TRANSLATION);
    }

    @Test
    @DisplayName("VT-d §9.8: an entry that grants nothing is not present, whatever else it says")
    void notPresent() {
        entries(R | W, R | W, 1L << 62 | 1L << 50);
        assertThat(walker.walk(PLAIN, GPA))
                .isEqualTo(WalkResult.Fault.of(Kind.TRANSLATION, 2, 1, GPA));
    }

    @Test
    @DisplayName(
            "VT-d §9.8: bit 62, bits above HAW, SNP in tables and large-page bits are reserved")
    void reservedBits() {
        entries(R | W, R | W, R | 1L << 62);
        assertThat(kind(PLAIN)).isEqualTo(Kind.RESERVED);
        entries(R | W, R | W, R | 1L << 46);
        assertThat(kind(PLAIN)).isEqualTo(Kind.RESERVED);
        entries(R | W, R | W | SNP, R);
        assertThat(kind(PLAIN)).isEqualTo(Kind.RESERVED);
        entries(R | W, R | W, R | SNP | 1L << 63 | 0x3ffL << 52);
        assertThat(permissions(PLAIN)).isEqualTo(READ | EXECUTE);
        assertThat(kind(new VtdSecondStage(3, 0x1000, 46, 3, false, AccessTracking.IGNORED, true)))
                .describedAs("SNP in legacy mode without snoop control")
                .isEqualTo(Kind.RESERVED);
        tables.with(0x2000, 0x4020_1000L | R | PS);
        assertThat(kind(PLAIN)).isEqualTo(Kind.RESERVED);
    }

    @Test
    @DisplayName("VT-d §9.8: large pages as CAP.SSLPS says, never above level 3")
    void largePages() {
        tables.with(0x1000, 0x2000 | R | W).with(0x2000, 0x4020_0000L | R | PS);
        assertThat(((WalkResult.Mapping) walker.walk(PLAIN, GPA)).sizeLog2()).isEqualTo(21);
        assertThat(kind(new VtdSecondStage(3, 0x1000, 46, 1, false, AccessTracking.IGNORED, false)))
                .isEqualTo(Kind.RESERVED);
        tables.with(0x1000, 0x4000_0000L | R | PS);
        assertThat(((WalkResult.Mapping) walker.walk(PLAIN, GPA)).sizeLog2()).isEqualTo(30);
        assertThat(kind(new VtdSecondStage(3, 0x1000, 46, 2, false, AccessTracking.IGNORED, false)))
                .isEqualTo(Kind.RESERVED);
        assertThat(kind(new VtdSecondStage(4, 0x1000, 46, 3, false, AccessTracking.IGNORED, false)))
                .isEqualTo(Kind.RESERVED);
    }

    @Test
    @DisplayName("VT-d §3.7.2: with SSADE, A in every entry used and D in the leaf of a write")
    void accessedAndDirty() {
        entries(R | W, R | W, R | W);
        walker.translate(PLAIN, GPA, PRIVILEGED_WRITE);
        assertThat(tables.updates()).isZero();

        VtdSecondStage tracked = format(false, AccessTracking.HARDWARE_DIRTY);
        assertThat(permissions(tracked)).describedAs("clean").isEqualTo(READ | EXECUTE);
        assertThat(tables.at(0x1000)).isEqualTo(0x2000 | R | W | A);
        assertThat(tables.at(0x3000)).isEqualTo(0x9000_0000L | R | W | A);
        walker.translate(tracked, GPA, PRIVILEGED_WRITE);
        assertThat(tables.at(0x3000)).isEqualTo(0x9000_0000L | R | W | A | D);
        assertThat(tables.updates()).isEqualTo(4);
    }

    @Test
    @DisplayName("VT-d §3.7: inputs beyond the address width are out of range, in all widths")
    void inputWidth() {
        for (int levels = 3; levels <= 5; levels++) {
            VtdSecondStage format =
                    new VtdSecondStage(levels, 0x1000, 46, 3, false, AccessTracking.IGNORED, false);
            long beyond = 1L << 12 + 9 * levels;
            assertThat(walker.walk(format, beyond))
                    .isEqualTo(WalkResult.Fault.of(Kind.INPUT_RANGE, 2, levels, beyond));
            assertThat(walker.translate(format, beyond - 1, PRIVILEGED_READ))
                    .isEqualTo(WalkResult.Fault.of(Kind.TRANSLATION, 2, levels, beyond - 1));
        }
    }

    @Test
    @DisplayName("VT-d: parameters that do not exist are refused when made")
    void nonsenseIsRefused() {
        assertThatThrownBy(
                        () -> new VtdSecondStage(2, 0, 46, 3, false, AccessTracking.IGNORED, false))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() ->
                        new VtdSecondStage(3, 0, 46, 3, false, AccessTracking.SOFTWARE, false))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(
                        () -> new VtdSecondStage(3, 0, 46, 4, false, AccessTracking.IGNORED, false))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
