package nestor.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;

/**
 * Monitor commands that a guest under test asks for, out of those its run allows. They run one
 * after the other on a thread of their own, since a device that leaves waits for the console that
 * asked.
 */
final class GuestRequests implements AutoCloseable {
    /** A guest that asks for ever must not fill the heap. */
    private static final int MAX_REQUESTS = 1_000;

    private static final long CLOSE_SECONDS = 10;

    private final Map<String, String> commands;
    private final UnaryOperator<String> monitor;
    private final List<String> asked = new ArrayList<>();
    private final List<String> errors = new ArrayList<>();
    private final ExecutorService thread =
            Executors.newSingleThreadExecutor(
                    Thread.ofPlatform().daemon().name("guest requests").factory());

    /**
     * @param commands by the word the guest asks with
     * @param monitor executes one; an answer that is not empty is an error
     */
    GuestRequests(Map<String, String> commands, UnaryOperator<String> monitor) {
        this.commands = commands;
        this.monitor = monitor;
    }

    /** The guest asks. Any thread. */
    synchronized void ask(String word) {
        String command = commands.get(word);
        if (asked.size() == MAX_REQUESTS) {
            return;
        }
        asked.add(word);
        if (command == null) {
            errors.add(word + ": the run has no such request");
        } else {
            thread.execute(() -> serve(command));
        }
    }

    private void serve(String command) {
        String answer = monitor.apply(command).strip();
        if (!answer.isEmpty()) {
            synchronized (this) {
                errors.add(answer);
            }
        }
    }

    /** What was asked for, in order. */
    synchronized List<String> asked() {
        return List.copyOf(asked);
    }

    /** What went wrong. */
    synchronized List<String> errors() {
        return List.copyOf(errors);
    }

    /** Waits for what is under way. */
    @Override
    public void close() {
        thread.shutdown();
        try {
            if (!thread.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException("a monitor command does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
