package nestor.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
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
    private static final String DEVICE_DEL = "device_del ";

    /** The kernel waits five seconds for a change of mind; then its driver lets go. */
    private static final long LEAVE_SECONDS = 60;

    private final List<String> asked = new ArrayList<>();
    private final List<String> errors = new ArrayList<>();
    private final Map<String, CountDownLatch> leaving = new ConcurrentHashMap<>();
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
        CountDownLatch gone = new CountDownLatch(1);
        boolean leaves = command.startsWith(DEVICE_DEL);
        if (leaves) {
            leaving.put(command.substring(DEVICE_DEL.length()), gone);
        }
        String answer = monitor.apply(command).strip();
        if (!answer.isEmpty()) {
            fail(answer);
        } else if (leaves) {
            await(command, gone);
        }
    }

    private void await(String command, CountDownLatch gone) {
        try {
            if (!gone.await(LEAVE_SECONDS, TimeUnit.SECONDS)) {
                fail(command + ": still there after " + LEAVE_SECONDS + " s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized void fail(String error) {
        errors.add(error);
    }

    /** A device has left; the request that follows its {@code device_del} waits for that. */
    void deleted(String id) {
        CountDownLatch gone = leaving.remove(id);
        if (gone != null) {
            gone.countDown();
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

    /** Ends what is under way: the machine is gone. */
    @Override
    public void close() {
        thread.shutdownNow();
        try {
            if (!thread.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                throw new IllegalStateException("a monitor command does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
