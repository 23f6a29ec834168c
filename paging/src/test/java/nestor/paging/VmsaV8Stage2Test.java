package nestor.paging;

import static nestor.paging.Permissions.EXECUTE;
import static nestor.paging.Permissions.PRIVILEGED_EXECUTE;
import static nestor.paging.Permissions.PRIVILEGED_READ;
import static nestor.paging.Permissions.PRIVILEGED_WRITE;
import static nestor.paging.Permissions.READ;
import static nestor.paging.Permissions.USER_EXECUTE;
import static nestor.paging.Permissions.WRITE;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import nestor.paging.WalkResult.Kind;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class VmsaV8Stage2Test {
    private static final VmsaV8Geometry GEOMETRY = new VmsaV8Geometry(12, 40, 40, false);
    private static final long ROOT = 0x2000;
    private static final long AF = 1L << 10;
    private static final long S2AP_READ = 1L << 6;
    private static final long S2AP_WRITE = 1L << 7;
    private static final long DBM = 1L << 51;
    private static final long PAGE = 3;
    private static final long IPA = 0x8000_0000_00L | 0x456;

    private final SparseTables tables = new SparseTables();
    private final Walker walker = new Walker(tables);

    private static VmsaV8Stage2 format(AccessTracking tracking, boolean twoBitXn) {
        return new VmsaV8Stage2(GEOMETRY, ROOT, 1, tracking, false, false, twoBitXn);
    }

    /** Two concatenated level-1 tables; the IPA is in the second. */
    private void page(long leaf) {
        tables.with(0x3000, 0x5000 | 3).with(0x5000, 0x6000 | 3).with(0x6000, leaf);
    }

    private int permissions(TableFormat format) {
        return ((WalkResult.Mapping) walker.walk(format, IPA)).permissions();
    }

    @Test
    @DisplayName("DDI 0487 §D8.2.7: concatenated initial tables continue the index")
    void concatenatedTables() {
        page(0x9000_0000L | AF | S2AP_READ | PAGE);
        WalkResult.Mapping mapping =
                (WalkResult.Mapping) walker.walk(format(AccessTracking.SOFTWARE, false), IPA);
        assertThat(mapping.translate(IPA)).isEqualTo(0x9000_0456L);
        assertThat(mapping.global()).isFalse();
        assertThat(walker.walk(format(AccessTracking.SOFTWARE, false), 1L << 40))
                .isEqualTo(WalkResult.Fault.of(Kind.TRANSLATION, 2, 0, 1L << 40));
    }

    @Test
    @DisplayName("DDI 0487 §D8.2.7: start levels that do not fit the width are refused")
    void inconsistentStartLevel() {
        assertThat(VmsaV8Stage2.consistent(GEOMETRY, 0)).isTrue();
        assertThat(VmsaV8Stage2.consistent(GEOMETRY, 2)).describedAs("512 tables").isFalse();
        assertThat(VmsaV8Stage2.consistent(GEOMETRY, -1)).describedAs("without LPA2").isFalse();
        assertThat(VmsaV8Stage2.consistent(new VmsaV8Geometry(14, 48, 48, false), 0)).isFalse();
        assertThat(VmsaV8Stage2.consistent(new VmsaV8Geometry(12, 30, 48, false), 1)).isFalse();
        assertThatThrownBy(() ->
                        new VmsaV8Stage2(
                                GEOMETRY, 0, 2, AccessTracking.SOFTWARE, false, false, false))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    @DisplayName("DDI 0487 §D8.4.3: S2AP and XN grant; table descriptors restrict nothing")
    void permissionBits() {
        long restrictive = 0x1fL << 59;
        for (int xn = 0; xn < 4; xn++) {
            page(0x9000_0000L | AF | S2AP_WRITE | (long) xn << 53 | PAGE);
            tables.with(0x5000, 0x6000 | restrictive | 3);
            int[] twoBits = {EXECUTE, USER_EXECUTE, 0, PRIVILEGED_EXECUTE};
            assertThat(permissions(format(AccessTracking.SOFTWARE, true)))
                    .isEqualTo(WRITE | twoBits[xn]);
            assertThat(permissions(format(AccessTracking.SOFTWARE, false)))
                    .isEqualTo(WRITE | (xn < 2 ? EXECUTE : 0));
        }
        page(0x9000_0000L | AF | S2AP_READ | 2L << 53 | PAGE);
        assertThat(permissions(format(AccessTracking.SOFTWARE, true))).isEqualTo(READ);
    }

    @Test
    @DisplayName("DDI 0487 §D8.4.6: a write to a clean stage-2 page with DBM sets S2AP[1]")
    void dirtyState() {
        long leaf = 0x9000_0000L | S2AP_READ | DBM | PAGE;
        page(leaf);
        TableFormat format = format(AccessTracking.HARDWARE_DIRTY, false);
        assertThat(permissions(format) & WRITE).isZero();
        assertThat(tables.at(0x6000)).isEqualTo(leaf | AF);
        assertThat(walker.translate(format, IPA, PRIVILEGED_WRITE))
                .isInstanceOf(WalkResult.Mapping.class);
        assertThat(tables.at(0x6000)).isEqualTo(leaf | AF | S2AP_WRITE);
    }

    @Test
    @DisplayName("DDI 0487 §D8.4.5: a stage-2 access flag fault names stage, level and IPA")
    void accessFlag() {
        page(0x9000_0000L | S2AP_READ | PAGE);
        assertThat(walker.walk(format(AccessTracking.SOFTWARE, false), IPA))
                .isEqualTo(
                        new WalkResult.Fault(
                                Kind.ACCESS_FLAG, 2, 3, WalkResult.Subject.ACCESS, IPA, IPA, 0, 0));
        assertThat(walker.translate(format(AccessTracking.IGNORED, false), IPA, PRIVILEGED_READ))
                .isInstanceOf(WalkResult.Mapping.class);
    }

    @Test
    @DisplayName("DDI 0487 HCR_EL2.PTW: tables in Device memory are refused, with and without FWB")
    void deviceMemoryHoldsNoTables() {
        for (int memAttr = 0; memAttr < 16; memAttr++) {
            long leaf = (long) memAttr << 2;
            assertThat(protectedWalk(false).forbidsTables(leaf)).isEqualTo(memAttr < 4);
            assertThat(protectedWalk(true).forbidsTables(leaf)).isEqualTo((memAttr & 4) == 0);
            assertThat(format(AccessTracking.SOFTWARE, false).forbidsTables(leaf)).isFalse();
        }
    }

    private static TableFormat protectedWalk(boolean forcedWriteBack) {
        return new VmsaV8Stage2(
                GEOMETRY, ROOT, 1, AccessTracking.SOFTWARE, true, forcedWriteBack, false);
    }
}
