package nestor.testkit;

import nestor.paging.Access;
import nestor.paging.WalkResult;

import org.jspecify.annotations.Nullable;

/** One naive walk of one stage: what every architecture's has in common. */
abstract class NaiveStage {
    final int stage;
    final long input;
    final Access access;
    final NaiveCells cells;

    int level;

    /** The descriptor in hand, and where it is in the space of its table. */
    long descriptor;

    long address;

    NaiveStage(int stage, long input, Access access, NaiveCells cells) {
        this.stage = stage;
        this.input = input;
        this.access = access;
        this.cells = cells;
    }

    abstract WalkResult walk();

    /** Fetches the descriptor that the input's bits {@code topBit..lowBit} select. */
    final WalkResult.@Nullable Fault fetch(long table, int topBit, int lowBit) {
        address = table;
        for (int n = lowBit; n <= topBit; n++) {
            if (NaiveTranslator.bit(input, n)) {
                address += 8L << (n - lowBit);
            }
        }
        NaiveCells.Cell cell = cells.read(address, access.updates());
        descriptor = cell.value();
        return problem(cell, WalkResult.Kind.EXTERNAL_ABORT);
    }

    /** What became of an update. */
    enum Update {
        DONE,
        CHANGED,
        FAILED
    }

    WalkResult.@Nullable Fault updateFault;

    /** Writes the descriptor; if somebody changed it, takes the new one in hand instead. */
    final Update update(long value) {
        if (value == descriptor || !access.updates()) {
            return Update.DONE;
        }
        NaiveCells.Cell cell = cells.exchange(address, descriptor, value);
        updateFault = problem(cell, WalkResult.Kind.UPDATE_FAILED);
        if (updateFault != null) {
            return Update.FAILED;
        }
        if (cell.value() != descriptor) {
            descriptor = cell.value();
            return Update.CHANGED;
        }
        descriptor = value;
        return Update.DONE;
    }

    private WalkResult.@Nullable Fault problem(NaiveCells.Cell cell, WalkResult.Kind absent) {
        WalkResult.Fault refused = cell.refused();
        if (refused != null) {
            return new WalkResult.Fault(
                    refused.kind(),
                    refused.stage(),
                    refused.level(),
                    refused.subject(),
                    input,
                    refused.ipa(),
                    refused.descriptor(),
                    refused.granted());
        }
        return cell.absent() ? fault(absent, cell.physical(), 0) : null;
    }

    final WalkResult.Fault fault(WalkResult.Kind kind) {
        return fault(kind, 0, 0);
    }

    final WalkResult.Fault refuse(int granted) {
        return fault(WalkResult.Kind.PERMISSION, 0, granted);
    }

    private WalkResult.Fault fault(WalkResult.Kind kind, long physical, int granted) {
        return new WalkResult.Fault(
                kind,
                stage,
                level,
                WalkResult.Subject.ACCESS,
                input,
                stage == 2 ? input : 0,
                physical,
                granted);
    }

    /** Whether the access would write, if {@code granted} lets it. */
    final boolean writes(int granted) {
        int privilegedWrite = 2;
        int userWrite = 16;
        return (access.wanted() & granted & privilegedWrite) != 0
                || (access.wanted() & granted & userWrite) != 0;
    }

    final boolean lacks(int granted) {
        for (int n = 0; n < 6; n++) {
            if ((access.needed() >> n & 1) == 1 && (granted >> n & 1) == 0) {
                return true;
            }
        }
        return false;
    }
}
