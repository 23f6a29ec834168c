package nestor.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
import nestor.vmm.memory.GuestMemory;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.function.LongFunction;

class PageTablesTest {
    private static final long RAM = 0x4000_0000L;
    private static final int USER_READ_WRITE = Permissions.USER_READ | Permissions.USER_WRITE;

    private final GuestMemory memory = GuestMemory.anonymous(RAM, 4 << 20);
    private final TablePages pages = new TablePages(memory, RAM, 4 << 20);
    private final Walker walker = new Walker(new PhysicalTables(memory));

    @AfterEach
    void close() {
        memory.close();
    }

    private static VmsaV8Stage1 stage1(VmsaV8Geometry geometry, long root) {
        return new VmsaV8Stage1(
                geometry, root, false, false, false, false, AccessTracking.SOFTWARE);
    }

    private static VmsaV8Stage2 stage2(VmsaV8Geometry geometry, int startLevel, long root) {
        return new VmsaV8Stage2(
                geometry, root, startLevel, AccessTracking.SOFTWARE, false, false, true);
    }

    private static X86Paging x86(int levels, long root) {
        return new X86Paging(levels, root, 52, true, X86Paging.ExecuteDisable.ENABLED, true, false);
    }

    private static VtdSecondStage vtd(int levels, long root) {
        return new VtdSecondStage(levels, root, 52, 3, true, AccessTracking.IGNORED, false);
    }

    /** Every format, granule and depth. */
    private static final List<LongFunction<TableFormat>> FORMATS =
            List.of(
                    root -> stage1(new VmsaV8Geometry(12, 48, 48, false), root),
                    root -> stage1(new VmsaV8Geometry(12, 52, 52, true), root),
                    root -> stage1(new VmsaV8Geometry(14, 47, 48, false), root),
                    root -> stage1(new VmsaV8Geometry(14, 52, 52, true), root),
                    root -> stage1(new VmsaV8Geometry(16, 48, 48, false), root),
                    root -> stage1(new VmsaV8Geometry(16, 52, 52, true), root),
                    root -> stage2(new VmsaV8Geometry(12, 40, 48, false), 1, root),
                    root -> stage2(new VmsaV8Geometry(12, 48, 48, false), 0, root),
                    root -> stage2(new VmsaV8Geometry(14, 40, 48, false), 2, root),
                    root -> stage2(new VmsaV8Geometry(16, 42, 48, false), 2, root),
                    root -> x86(4, root),
                    root -> x86(5, root),
                    root -> vtd(3, root),
                    root -> vtd(4, root),
                    root -> vtd(5, root));

    @Test
    @DisplayName(
            "What is mapped is what walker and naive translator find, in every format and size")
    void mapsInEveryFormat() {
        for (LongFunction<TableFormat> shape : FORMATS) {
            PageTables tables = PageTables.in(pages, shape);
            TableFormat format = tables.format();
            int smallest = format instanceof X86Paging || format instanceof VtdSecondStage ? 1 : 3;
            for (int level : new int[] {smallest, 2}) {
                int size = format.shift(level);
                long input = 5L << size;
                long output = 3L << size + 1;
                tables.map(input, output, size, USER_READ_WRITE);
                WalkResult walked =
                        walker.walk(format, input + 0x123, Access.upTo(USER_READ_WRITE));
                assertThat(walked).describedAs("%s", format).isInstanceOf(WalkResult.Mapping.class);
                WalkResult.Mapping mapping = (WalkResult.Mapping) walked;
                assertThat(mapping.translate(input + 0x123)).isEqualTo(output + 0x123);
                assertThat(mapping.sizeLog2()).isEqualTo(size);
                assertThat(mapping.permissions())
                        .describedAs("%s", format)
                        .isEqualTo(Permissions.READ | Permissions.WRITE);
                assertThat(
                                new NaiveTranslator(memory)
                                        .translate(
                                                format,
                                                input + 0x123,
                                                Access.upTo(USER_READ_WRITE)))
                        .isEqualTo(walked);
                tables.unmap(input);
                assertThat(walker.walk(format, input)).isInstanceOf(WalkResult.Fault.class);
            }
        }
    }

    @Test
    @DisplayName("Nested: stage-1 tables are known by another address than their GPA")
    void nested() {
        PageTables second =
                PageTables.in(
                        pages, root -> stage2(new VmsaV8Geometry(12, 40, 48, false), 1, root));
        long ipa = 0x80_0000_0000L;
        long behind = RAM + 0x20_0000;
        second.map(ipa, behind, 21, USER_READ_WRITE);
        TablePages translated = new TablePages(memory, behind, 1 << 20, ipa);
        PageTables first =
                PageTables.in(
                        translated, root -> stage1(new VmsaV8Geometry(12, 48, 48, false), root));
        first.map(0x7000_0000L, ipa + 0x18_0000, 12, USER_READ_WRITE);

        NestedWalker nested = new NestedWalker(new PhysicalTables(memory), second.format());
        Access write = Access.of(Permissions.USER_WRITE);
        WalkResult result = nested.walk(first.format(), 0x7000_0123L, write);
        assertThat(((WalkResult.Mapping) result).translate(0x7000_0123L))
                .isEqualTo(behind + 0x18_0123);
        assertThat(first.descriptorGpa(0x7000_0000L)).isBetween(behind, behind + (1 << 20));
        assertThat(
                        new NaiveTranslator(memory)
                                .translate(first.format(), second.format(), 0x7000_0123L, write))
                .isEqualTo(result);
    }

    @Test
    @DisplayName("Misaligned addresses, sizes without a level and pages in the way are refused")
    void refuses() {
        PageTables tables = PageTables.in(pages, root -> x86(4, root));
        assertThatThrownBy(() -> tables.map(0x1000, 0x20_0000, 21, Permissions.READ))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> tables.map(0, 0, 16, Permissions.READ))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> tables.map(0, 0, 39, Permissions.READ))
                .isInstanceOf(IllegalArgumentException.class);
        tables.map(0, 0, 21, Permissions.READ);
        assertThatThrownBy(() -> tables.map(0x1000, 0, 12, Permissions.READ))
                .isInstanceOf(IllegalStateException.class);
    }

    @Test
    @DisplayName("Attributes go into the leaf, and the leaf can be read and replaced")
    void attributes() {
        PageTables tables =
                PageTables.in(pages, root -> stage1(new VmsaV8Geometry(12, 39, 48, false), root));
        long notGlobal = 1L << 11;
        tables.map(0x1000, 0x2000, 12, Permissions.READ, notGlobal);
        assertThat(tables.descriptor(0x1000) & notGlobal).isEqualTo(notGlobal);
        tables.setDescriptor(0x1000, 0);
        assertThat(walker.walk(tables.format(), 0x1000))
                .isEqualTo(WalkResult.Fault.of(WalkResult.Kind.TRANSLATION, 1, 3, 0x1000));
    }
}
