package nestor.endpoints.dsa;

import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/** A work queue: its state, and the descriptors that no engine has taken yet (§3.5, §5). */
final class WorkQueue {
    /** As WQCFG shows it. */
    enum State {
        DISABLED(0),
        ENABLED(1),
        /** Being disabled: takes no more descriptors. */
        BUSY(2);

        private final int code;

        State(int code) {
            this.code = code;
        }
    }

    final int index;

    /** Guarded by the device's lock, as all that follows. */
    State state = State.DISABLED;

    final Queue<Submission> entries = new ArrayDeque<>();

    /** As enabled last. */
    @Nullable WqConfig config;

    /** Share of the engines it is owed, in the arithmetic of {@link Dispatcher}. */
    int credit;

    WorkQueue(int index) {
        this.index = index;
    }

    /** Dword 6 of WQCFG. */
    int status() {
        long word = WqConfig.OCCUPANCY.set(0, entries.size());
        return (int) WqConfig.STATE.set(word, state.code);
    }

    int sizeTaken() {
        return state == State.DISABLED || config == null ? 0 : config.size();
    }
}
