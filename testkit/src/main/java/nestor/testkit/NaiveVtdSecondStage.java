package nestor.testkit;

import static nestor.testkit.NaiveTranslator.any;
import static nestor.testkit.NaiveTranslator.bit;
import static nestor.testkit.NaiveTranslator.inPlace;

import nestor.paging.Access;
import nestor.paging.AccessTracking;
import nestor.paging.VtdSecondStage;
import nestor.paging.WalkResult;

import org.jspecify.annotations.Nullable;

import java.util.Objects;

/** VT-d second-stage translation (VT-d, §9.8). */
final class NaiveVtdSecondStage extends NaiveStage {
    private final VtdSecondStage format;

    private boolean read = true;
    private boolean write = true;
    private boolean execute = true;

    NaiveVtdSecondStage(VtdSecondStage format, long input, Access access, NaiveCells cells) {
        super(2, input, access, cells);
        this.format = format;
    }

    @Override
    WalkResult walk() {
        level = format.levels();
        int inputBits = new int[] {0, 0, 0, 39, 48, 57}[level];
        if (any(input, 63, inputBits)) {
            return fault(WalkResult.Kind.INPUT_RANGE);
        }
        long table = inPlace(format.pointer(), 51, 12);
        if (any(table, 63, format.hostBits())) {
            return fault(WalkResult.Kind.ADDRESS_SIZE);
        }
        while (true) {
            int lowBit = new int[] {0, 12, 21, 30, 39, 48}[level];
            WalkResult.Fault unreadable = fetch(table, lowBit + 8, lowBit);
            if (unreadable != null) {
                return unreadable;
            }
            WalkResult ended = entry(lowBit);
            if (ended != null) {
                return ended;
            }
            read &= bit(descriptor, 0);
            write &= bit(descriptor, 1);
            execute &= bit(descriptor, 2);
            table = inPlace(descriptor, 51, 12);
            level--;
        }
    }

    /** Judges the entry in hand until its update succeeds; null means: on to the next level. */
    private @Nullable WalkResult entry(int lowBit) {
        while (true) {
            boolean present =
                    bit(descriptor, 0)
                            || bit(descriptor, 1)
                            || format.executeEnabled() && bit(descriptor, 2);
            if (!present) {
                return fault(WalkResult.Kind.TRANSLATION);
            }
            boolean large = level > 1 && bit(descriptor, 7);
            if (reserved(large)) {
                return fault(WalkResult.Kind.RESERVED);
            }
            boolean leaf = level == 1 || large;
            boolean tracked = format.tracking() == AccessTracking.HARDWARE_DIRTY;
            long value = tracked ? descriptor | 1L << 8 : descriptor;
            int granted = 0;
            if (leaf) {
                granted = permissions();
                if (lacks(granted)) {
                    return refuse(granted);
                }
                if (tracked && writes(granted)) {
                    value |= 1L << 9;
                }
            }
            Update done = update(value);
            if (done == Update.FAILED) {
                return Objects.requireNonNull(updateFault);
            }
            if (done == Update.DONE) {
                boolean clean = tracked && !bit(descriptor, 9);
                int usable = clean ? granted & ~2 & ~16 : granted;
                return leaf
                        ? new WalkResult.Mapping(
                                inPlace(descriptor, 51, lowBit),
                                lowBit,
                                lowBit,
                                level,
                                usable,
                                false,
                                descriptor)
                        : null;
            }
        }
    }

    private boolean reserved(boolean large) {
        if (bit(descriptor, 62)) {
            return true;
        }
        if (format.hostBits() < 52 && any(descriptor, 51, format.hostBits())) {
            return true;
        }
        if (large && level > format.largestLevel()) {
            return true;
        }
        if (large && level == 2 && any(descriptor, 20, 12)) {
            return true;
        }
        if (large && level == 3 && any(descriptor, 29, 12)) {
            return true;
        }
        boolean table = level > 1 && !large;
        return bit(descriptor, 11) && (table || format.snoopReserved());
    }

    private int permissions() {
        boolean r = read && bit(descriptor, 0);
        boolean w = write && bit(descriptor, 1);
        boolean x = format.executeEnabled() ? execute && bit(descriptor, 2) : r;
        return (r ? 1 + 8 : 0) + (w ? 2 + 16 : 0) + (x ? 4 + 32 : 0);
    }
}
