package nestor.iommu.oracle;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The last commands of a guest, with their guest time. The owner's lock guards it. */
final class CommandHistory {
    private static final int KEPT = 256;
    private static final int BEFORE = 6;
    private static final int AFTER = 10;

    private final String[] texts = new String[KEPT];
    private final long[] nanos = new long[KEPT];
    private long count;

    CommandHistory() {
        Arrays.fill(texts, "");
    }

    void add(long now, String text) {
        int slot = (int) (count % KEPT);
        texts[slot] = text;
        nanos[slot] = now;
        count++;
    }

    /** Commands so far; the next one gets this number. */
    long count() {
        return count;
    }

    /** A command with its time, if it is remembered. */
    String text(long number) {
        if (number < 0 || number >= count || count - number > KEPT) {
            return "a command that is forgotten";
        }
        int slot = (int) (number % KEPT);
        return StaleReport.seconds(nanos[slot]) + "  " + texts[slot];
    }

    /** The commands around one, as far as they are remembered. */
    List<String> around(long number) {
        List<String> around = new ArrayList<>();
        long first = Math.max(Math.max(0, count - KEPT), number - BEFORE);
        long last = Math.min(count - 1, number + AFTER);
        for (long n = first; n <= last; n++) {
            around.add(text(n));
        }
        return around;
    }
}
