package nestor.testkit;

import static nestor.testkit.NaiveTranslator.bit;
import static nestor.testkit.NaiveTranslator.inPlace;

import nestor.paging.Access;
import nestor.paging.AccessTracking;
import nestor.paging.VmsaV8Geometry;
import nestor.paging.VmsaV8Stage1;
import nestor.paging.VmsaV8Stage2;
import nestor.paging.WalkResult;

import org.jspecify.annotations.Nullable;

import java.util.Objects;

/** VMSAv8-64, either stage (DDI 0487, chapter D8). */
final class NaiveVmsaV8 extends NaiveStage {
    private final VmsaV8Geometry geometry;
    private final @Nullable VmsaV8Stage1 stage1;
    private final @Nullable VmsaV8Stage2 stage2;
    private final AccessTracking tracking;
    private final long base;

    private boolean apTableNoUser;
    private boolean apTableReadOnly;
    private boolean uxnTable;
    private boolean pxnTable;

    NaiveVmsaV8(VmsaV8Stage1 format, long input, Access access, NaiveCells cells) {
        super(1, input, access, cells);
        this.geometry = format.geometry();
        this.stage1 = format;
        this.stage2 = null;
        this.tracking = format.tracking();
        this.base = format.ttbr();
    }

    NaiveVmsaV8(VmsaV8Stage2 format, long input, Access access, NaiveCells cells) {
        super(2, input, access, cells);
        this.geometry = format.geometry();
        this.stage1 = null;
        this.stage2 = format;
        this.tracking = format.tracking();
        this.base = format.vttbr();
    }

    @Override
    WalkResult walk() {
        int granule = geometry.granuleLog2();
        int perLevel = granule - 3;
        boolean ones = stage1 != null && stage1.upper();
        int highest = stage1 != null && stage1.topByteIgnored() ? 55 : 63;
        for (int n = geometry.inputBits(); n <= highest; n++) {
            if (bit(input, n) != ones) {
                return fault(WalkResult.Kind.TRANSLATION);
            }
        }
        int start = 3;
        int lowBit = granule;
        if (stage2 != null) {
            while (start > stage2.startLevel()) {
                start--;
                lowBit += perLevel;
            }
        } else {
            while (lowBit + perLevel < geometry.inputBits()) {
                start--;
                lowBit += perLevel;
            }
        }
        int topBit = geometry.inputBits() - 1;
        int entriesLog2 = topBit - lowBit + 1;
        int alignment = entriesLog2 + 3;
        if (geometry.large() && alignment < 6) {
            alignment = 6;
        }
        long table = inPlace(base, geometry.large() ? 51 : 47, alignment);
        if (tooWide(table)) {
            return fault(WalkResult.Kind.ADDRESS_SIZE);
        }
        level = start;
        while (true) {
            WalkResult.Fault unreadable = fetch(table, topBit, lowBit);
            if (unreadable != null) {
                return unreadable;
            }
            if (isTable()) {
                long next = address(granule);
                if (tooWide(next)) {
                    return fault(WalkResult.Kind.ADDRESS_SIZE);
                }
                if (stage1 != null && !stage1.hierarchicalDisabled()) {
                    pxnTable |= bit(descriptor, 59);
                    uxnTable |= bit(descriptor, 60);
                    apTableNoUser |= bit(descriptor, 61);
                    apTableReadOnly |= bit(descriptor, 62);
                }
                table = next;
                topBit = lowBit - 1;
                lowBit -= perLevel;
                level++;
                continue;
            }
            return leaf(lowBit);
        }
    }

    private boolean isTable() {
        return bit(descriptor, 0) && bit(descriptor, 1) && level < 3;
    }

    private boolean isLeaf() {
        if (!bit(descriptor, 0)) {
            return false;
        }
        if (level == 3) {
            return bit(descriptor, 1);
        }
        if (bit(descriptor, 1)) {
            return false;
        }
        return switch (geometry.granuleLog2()) {
            case 12 -> level == 1 || level == 2 || level == 0 && geometry.large();
            case 14 -> level == 2 || level == 1 && geometry.large();
            default -> level == 2 || level == 1 && geometry.large();
        };
    }

    /** The descriptor in hand is no table: judge it until an update, if one is due, succeeds. */
    private WalkResult leaf(int lowBit) {
        while (true) {
            if (!isLeaf()) {
                return fault(WalkResult.Kind.TRANSLATION);
            }
            long output = address(lowBit);
            if (tooWide(output)) {
                return fault(WalkResult.Kind.ADDRESS_SIZE);
            }
            if (!bit(descriptor, 10) && tracking == AccessTracking.SOFTWARE) {
                return fault(WalkResult.Kind.ACCESS_FLAG);
            }
            boolean dbm = tracking == AccessTracking.HARDWARE_DIRTY && bit(descriptor, 51);
            int granted = permissions(dbm);
            if (lacks(granted)) {
                return refuse(granted);
            }
            long value = descriptor;
            if (tracking == AccessTracking.HARDWARE_ACCESSED
                    || tracking == AccessTracking.HARDWARE_DIRTY) {
                value |= 1L << 10;
            }
            if (dbm && writes(granted)) {
                value = stage == 1 ? value & ~(1L << 7) : value | 1L << 7;
            }
            switch (update(value)) {
                case CHANGED -> {}
                case FAILED -> {
                    return Objects.requireNonNull(updateFault);
                }
                case DONE -> {
                    boolean clean = dbm && bit(descriptor, 7) == (stage == 1);
                    int usable = clean ? granted & ~2 & ~16 : granted;
                    boolean global = stage == 1 && !bit(descriptor, 11);
                    return new WalkResult.Mapping(
                            output, lowBit, joined(lowBit), level, usable, global, descriptor);
                }
            }
        }
    }

    /** §D8.3: output address or next table, from {@code lowBit} up. */
    private long address(int lowBit) {
        if (!geometry.large()) {
            return inPlace(descriptor, 47, lowBit);
        }
        long high = 0;
        if (geometry.granuleLog2() == 16) {
            for (int n = 12; n <= 15; n++) {
                high |= bit(descriptor, n) ? 1L << (n - 12 + 48) : 0;
            }
            return high | inPlace(descriptor, 47, lowBit);
        }
        for (int n = 8; n <= 9; n++) {
            high |= bit(descriptor, n) ? 1L << (n - 8 + 50) : 0;
        }
        return high | inPlace(descriptor, 49, lowBit);
    }

    private boolean tooWide(long wide) {
        for (int n = geometry.outputBits(); n < 64; n++) {
            if (bit(wide, n)) {
                return true;
            }
        }
        return false;
    }

    /** §D8.7.1, the table of contiguous entries. */
    private int joined(int lowBit) {
        if (!bit(descriptor, 52)) {
            return lowBit;
        }
        int entries =
                switch (geometry.granuleLog2() * 10 + level) {
                    case 121, 122, 123 -> 16;
                    case 142 -> 32;
                    case 143 -> 128;
                    case 162, 163 -> 32;
                    default -> 1;
                };
        int size = lowBit;
        for (int n = entries; n > 1; n /= 2) {
            size++;
        }
        return size > geometry.inputBits() ? lowBit : size;
    }

    private int permissions(boolean dbm) {
        return stage1 != null ? stage1Permissions(stage1, dbm) : stage2Permissions(dbm);
    }

    /** The table of AP[2:1] after APTable, then the execute-never rules. */
    private int stage1Permissions(VmsaV8Stage1 format, boolean dbm) {
        boolean ap2 = bit(descriptor, 7);
        if (dbm) {
            ap2 = false;
        }
        if (apTableReadOnly) {
            ap2 = true;
        }
        boolean ap1 = bit(descriptor, 6);
        if (apTableNoUser) {
            ap1 = false;
        }
        boolean privilegedWrite = !ap2;
        boolean userRead = ap1;
        boolean userWrite = ap1 && !ap2;
        boolean privilegedExecute = !(bit(descriptor, 53) || pxnTable);
        boolean userExecute = !(bit(descriptor, 54) || uxnTable);
        if (userWrite) {
            privilegedExecute = false;
        }
        if (format.writeImpliesNever()) {
            privilegedExecute &= !privilegedWrite;
            userExecute &= !userWrite;
        }
        return 1
                + (privilegedWrite ? 2 : 0)
                + (privilegedExecute ? 4 : 0)
                + (userRead ? 8 : 0)
                + (userWrite ? 16 : 0)
                + (userExecute ? 32 : 0);
    }

    private int stage2Permissions(boolean dbm) {
        int set = 0;
        if (bit(descriptor, 6)) {
            set += 1 + 8;
        }
        if (bit(descriptor, 7) || dbm) {
            set += 2 + 16;
        }
        boolean xn1 = bit(descriptor, 54);
        boolean xn0 = bit(descriptor, 53);
        if (stage2 != null && stage2.userExecuteNever()) {
            boolean privileged = xn1 == xn0;
            boolean user = !xn1;
            return set + (privileged ? 4 : 0) + (user ? 32 : 0);
        }
        return xn1 ? set : set + 4 + 32;
    }
}
