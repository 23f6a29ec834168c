package nestor.testkit;

import static nestor.testkit.NaiveTranslator.any;
import static nestor.testkit.NaiveTranslator.bit;
import static nestor.testkit.NaiveTranslator.inPlace;

import nestor.paging.Access;
import nestor.paging.WalkResult;
import nestor.paging.X86Paging;

import org.jspecify.annotations.Nullable;

import java.util.Objects;

/** x86 4-level and 5-level paging (SDM volume 3A, chapter 4; VT-d, §9.7). */
final class NaiveX86 extends NaiveStage {
    private final X86Paging format;

    private boolean userEverywhere = true;
    private boolean writableEverywhere = true;
    private boolean executeDisabled;

    NaiveX86(X86Paging format, long input, Access access, NaiveCells cells) {
        super(1, input, access, cells);
        this.format = format;
    }

    @Override
    WalkResult walk() {
        level = format.levels();
        int signBit = format.levels() == 4 ? 47 : 56;
        for (int n = signBit + 1; n <= 63; n++) {
            if (bit(input, n) != bit(input, signBit)) {
                return fault(WalkResult.Kind.INPUT_RANGE);
            }
        }
        long table = inPlace(format.pointer(), 51, 12);
        if (any(table, 63, format.physicalBits())) {
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
            userEverywhere &= bit(descriptor, 2);
            writableEverywhere &= bit(descriptor, 1);
            executeDisabled |= bit(descriptor, 63);
            table = inPlace(descriptor, 51, 12);
            level--;
        }
    }

    /** Judges the entry in hand until its update succeeds; null means: on to the next level. */
    private @Nullable WalkResult entry(int lowBit) {
        while (true) {
            if (!bit(descriptor, 0)) {
                return fault(WalkResult.Kind.TRANSLATION);
            }
            if (reserved()) {
                return fault(WalkResult.Kind.RESERVED);
            }
            boolean leaf = level == 1 || bit(descriptor, 7);
            long value = descriptor | 1L << 5;
            int granted = 0;
            if (leaf) {
                granted = permissions();
                if (lacks(granted)) {
                    return refuse(granted);
                }
                if (writes(granted)) {
                    value |= 1L << 6;
                }
            }
            Update done = update(value);
            if (done == Update.FAILED) {
                return Objects.requireNonNull(updateFault);
            }
            if (done == Update.DONE) {
                return leaf ? mapping(lowBit, granted) : null;
            }
        }
    }

    private WalkResult mapping(int lowBit, int granted) {
        int usable = bit(descriptor, 6) ? granted : granted & ~2 & ~16;
        return new WalkResult.Mapping(
                inPlace(descriptor, 51, lowBit),
                lowBit,
                lowBit,
                level,
                usable,
                bit(descriptor, 8),
                descriptor);
    }

    private boolean reserved() {
        if (format.physicalBits() < 52 && any(descriptor, 51, format.physicalBits())) {
            return true;
        }
        if (format.executeDisable() == X86Paging.ExecuteDisable.RESERVED && bit(descriptor, 63)) {
            return true;
        }
        if (!bit(descriptor, 7)) {
            return false;
        }
        return switch (level) {
            case 5, 4 -> true;
            case 3 -> !format.gigabytePages() || any(descriptor, 29, 13);
            case 2 -> any(descriptor, 20, 13);
            default -> false;
        };
    }

    private int permissions() {
        boolean user = userEverywhere && bit(descriptor, 2);
        boolean writable = writableEverywhere && bit(descriptor, 1);
        boolean executable =
                format.executeDisable() != X86Paging.ExecuteDisable.ENABLED
                        || !executeDisabled && !bit(descriptor, 63);
        int set = 1;
        if (writable || !format.writeProtect()) {
            set += 2;
        }
        if (executable && (!user || !format.supervisorExecutePrevention())) {
            set += 4;
        }
        if (user) {
            set += 8;
        }
        if (user && writable) {
            set += 16;
        }
        if (user && executable) {
            set += 32;
        }
        return set;
    }
}
