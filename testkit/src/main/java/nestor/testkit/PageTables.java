package nestor.testkit;

import nestor.paging.Permissions;
import nestor.paging.TableFormat;
import nestor.paging.VmsaV8Geometry;
import nestor.paging.VmsaV8Stage1;
import nestor.paging.VmsaV8Stage2;
import nestor.paging.VtdSecondStage;
import nestor.paging.X86Paging;

import java.util.function.LongFunction;

/**
 * Builds page tables as an operating system would. The leaf's access flag is set where software
 * keeps it, accessed and dirty bits of x86 and VT-d start clear.
 *
 * <pre>{@code
 * var tables = PageTables.in(pages, root -> new X86Paging(4, root, ...));
 * tables.map(0x7000_0000L, 0x10_0000L, 12, Permissions.USER_READ | Permissions.USER_WRITE);
 * }</pre>
 */
public final class PageTables {
    private final TablePages pages;
    private final TableFormat format;

    private PageTables(TablePages pages, TableFormat format) {
        this.pages = pages;
        this.format = format;
    }

    /**
     * Empty tables.
     *
     * @param format the format for the initial table's address, which is allocated first
     */
    public static PageTables in(TablePages pages, LongFunction<? extends TableFormat> format) {
        TableFormat shape = format.apply(0);
        int tableLog2 = 3 + shape.indexBits(shape.startLevel());
        return new PageTables(pages, format.apply(pages.allocate(Math.max(tableLog2, 12))));
    }

    /** The format with its root: what a walk needs, and what goes into base registers. */
    public TableFormat format() {
        return format;
    }

    /** Address of the initial table. */
    public long root() {
        return format.root();
    }

    /**
     * Maps one page or block.
     *
     * @param input base of the range, in the input space
     * @param output base of what it maps to
     * @param sizeLog2 a size for which the format has a level
     * @param permissions a set of {@link Permissions}. Where the format cannot express it, it
     *     grants more: privileged access wherever users have one, reading to whoever may write
     */
    public void map(long input, long output, int sizeLog2, int permissions) {
        map(input, output, sizeLog2, permissions, 0);
    }

    /**
     * As {@link #map(long, long, int, int)}, with further bits of the descriptor.
     *
     * @param attributes ORed into the leaf: nG, DBM, the contiguous hint, memory types
     */
    public void map(long input, long output, int sizeLog2, int permissions, long attributes) {
        if (((input | output) & ((1L << sizeLog2) - 1)) != 0) {
            throw new IllegalArgumentException("not aligned to 2^" + sizeLog2);
        }
        int level = format.startLevel();
        long table = format.root();
        while (format.shift(level) > sizeLog2) {
            long slot = slot(table, input, level);
            table = nextTable(slot, level);
            level = format.nextLevel(level);
        }
        if (format.shift(level) != sizeLog2) {
            throw new IllegalArgumentException("no level maps 2^" + sizeLog2);
        }
        long leaf = leaf(output, level, permissions) | attributes;
        if (format.kind(leaf, level) != TableFormat.DescriptorKind.LEAF) {
            throw new IllegalArgumentException("the format has no such leaf");
        }
        pages.write(slot(table, input, level), leaf);
    }

    /** Makes the leaf that maps {@code input} invalid. */
    public void unmap(long input) {
        setDescriptor(input, 0);
    }

    /** The leaf, or the invalid descriptor, where the walk of {@code input} ends. */
    public long descriptor(long input) {
        return pages.read(lastSlot(input));
    }

    /** Replaces that descriptor. */
    public void setDescriptor(long input, long descriptor) {
        pages.write(lastSlot(input), descriptor);
    }

    /** Its guest-physical address. */
    public long descriptorGpa(long input) {
        return pages.gpa(lastSlot(input));
    }

    private long lastSlot(long input) {
        int level = format.startLevel();
        long slot = slot(format.root(), input, level);
        while (format.kind(pages.read(slot), level) == TableFormat.DescriptorKind.TABLE) {
            long table = format.nextTable(pages.read(slot));
            level = format.nextLevel(level);
            slot = slot(table, input, level);
        }
        return slot;
    }

    private long slot(long table, long input, int level) {
        long index = input >>> format.shift(level) & (1L << format.indexBits(level)) - 1;
        return table + 8 * index;
    }

    private long nextTable(long slot, int level) {
        long descriptor = pages.read(slot);
        return switch (format.kind(descriptor, level)) {
            case TABLE -> format.nextTable(descriptor);
            case INVALID -> newTable(slot, level);
            case LEAF, RESERVED -> throw new IllegalStateException("a larger page is in the way");
        };
    }

    private long newTable(long slot, int level) {
        long table = pages.allocate(3 + format.indexBits(format.nextLevel(level)));
        pages.write(slot, table(table));
        return table;
    }

    private long table(long address) {
        return switch (format) {
            case VmsaV8Stage1 f -> folded(f.geometry(), address) | 3;
            case VmsaV8Stage2 f -> folded(f.geometry(), address) | 3;
            case X86Paging _ -> address | 7;
            case VtdSecondStage f -> address | (f.executeEnabled() ? 7 : 3);
        };
    }

    private long leaf(long output, int level, int permissions) {
        return switch (format) {
            case VmsaV8Stage1 f -> stage1Leaf(f, output, level, permissions);
            case VmsaV8Stage2 f -> stage2Leaf(f, output, level, permissions);
            case X86Paging f -> x86Leaf(f, output, level, permissions);
            case VtdSecondStage f -> vtdLeaf(f, output, level, permissions);
        };
    }

    /** DDI 0487, §D8.3.2: AttrIndx 0, inner shareable, AF, and AP from the permissions. */
    private static long stage1Leaf(VmsaV8Stage1 f, long output, int level, int permissions) {
        long leaf = folded(f.geometry(), output) | (level == 3 ? 3 : 1) | 1L << 10;
        leaf |= f.geometry().large() && f.geometry().granuleLog2() != 16 ? 0 : 3L << 8;
        leaf |= has(permissions, Permissions.USER_READ | Permissions.USER_WRITE) ? 1L << 6 : 0;
        leaf |= has(permissions, Permissions.WRITE) ? 0 : 1L << 7;
        leaf |= has(permissions, Permissions.PRIVILEGED_EXECUTE) ? 0 : 1L << 53;
        return leaf | (has(permissions, Permissions.USER_EXECUTE) ? 0 : 1L << 54);
    }

    /** DDI 0487, §D8.3.2: write-back memory, AF, and S2AP and XN from the permissions. */
    private static long stage2Leaf(VmsaV8Stage2 f, long output, int level, int permissions) {
        long leaf = folded(f.geometry(), output) | (level == 3 ? 3 : 1) | 1L << 10;
        leaf |= f.geometry().large() && f.geometry().granuleLog2() != 16 ? 0 : 3L << 8;
        leaf |= (f.forcedWriteBack() ? 6L : 15L) << 2;
        leaf |= has(permissions, Permissions.READ) ? 1L << 6 : 0;
        leaf |= has(permissions, Permissions.WRITE) ? 1L << 7 : 0;
        boolean privileged = has(permissions, Permissions.PRIVILEGED_EXECUTE);
        boolean user = has(permissions, Permissions.USER_EXECUTE);
        long xn = privileged ? user ? 0 : 3 : user ? 1 : 2;
        return leaf | (f.userExecuteNever() || xn == 0 ? xn : 2) << 53;
    }

    private static long x86Leaf(X86Paging f, long output, int level, int permissions) {
        long leaf = output | 1 | (level > 1 ? 1L << 7 : 0);
        leaf |= has(permissions, Permissions.WRITE) ? 2 : 0;
        int user = Permissions.USER_READ | Permissions.USER_WRITE | Permissions.USER_EXECUTE;
        leaf |= has(permissions, user) ? 4 : 0;
        boolean disable = f.executeDisable() == X86Paging.ExecuteDisable.ENABLED;
        return leaf | (disable && !has(permissions, Permissions.EXECUTE) ? 1L << 63 : 0);
    }

    private static long vtdLeaf(VtdSecondStage f, long output, int level, int permissions) {
        long leaf = output | (level > 1 ? 1L << 7 : 0);
        leaf |= has(permissions, Permissions.READ) ? 1 : 0;
        leaf |= has(permissions, Permissions.WRITE) ? 2 : 0;
        boolean execute = f.executeEnabled() && has(permissions, Permissions.EXECUTE);
        return leaf | (execute ? 4 : 0);
    }

    private static boolean has(int permissions, int any) {
        return (permissions & any) != 0;
    }

    /** An address as a VMSAv8-64 descriptor holds it, its bits above 47 or 49 moved down. */
    private static long folded(VmsaV8Geometry geometry, long address) {
        if (!geometry.large()) {
            return address;
        }
        return geometry.granuleLog2() == 16
                ? address & (1L << 48) - 1 | address >>> 48 << 12
                : address & (1L << 50) - 1 | address >>> 50 << 8;
    }
}
