package nestor.endpoints.dsa;

import nestor.endpoints.dsa.Execution.Step;
import org.jspecify.annotations.Nullable;

/**
 * The descriptors of a batch, one after the other (§5.3): so a fence has nothing to wait for, and
 * decides only whether the rest is abandoned. The list is read once, a page at a time. On the
 * device's loop only.
 */
final class Batch {
    /** Descriptors that a step finishes at most. */
    private static final int STEP_DESCRIPTORS = 16;

    private final Environment environment;
    private final Submission submission;
    private final long list;
    private final int count;
    private final OperandMemory memory;
    private final Runnable wake;

    private final long[] fetched =
            new long[OperandMemory.PAGE_BYTES / Descriptor.BYTES * Descriptor.QUADWORDS];
    private int firstFetched;
    private int fetchedCount;

    private int finished;
    private int failures;
    private @Nullable Execution current;
    private final CompletionRecord outcome = new CompletionRecord();

    Batch(
            Environment environment,
            Submission submission,
            Descriptor descriptor,
            OperandMemory memory,
            Runnable wake) {
        this.environment = environment;
        this.submission = submission;
        this.list = descriptor.source();
        this.count = (int) descriptor.size();
        this.memory = memory;
        this.wake = wake;
    }

    Step step() {
        for (int i = 0; i < STEP_DESCRIPTORS; i++) {
            Execution running = current != null ? current : next();
            if (running == null) {
                return Step.FINISHED;
            }
            current = running;
            Step step = running.step();
            if (step != Step.FINISHED) {
                return step;
            }
            current = null;
            finished++;
            failures += running.status() == Status.SUCCESS ? 0 : 1;
        }
        return Step.RUNNABLE;
    }

    /**
     * The next descriptor's execution; null if the batch is over, and {@link #report} tells how.
     */
    private @Nullable Execution next() {
        if (finished == count) {
            return over(failures == 0 ? Status.SUCCESS : Status.BATCH_FAILED);
        }
        if (finished >= firstFetched + fetchedCount && !fetch()) {
            return switch (memory.trouble()) {
                case PAGE_FAULT -> faulted(Status.BATCH_PAGE_FAULT);
                case TRANSLATION_FAILED -> faulted(Status.TRANSLATION_FAILED);
                default -> faulted(Status.HARDWARE_ERROR);
            };
        }
        Descriptor descriptor =
                new Descriptor(fetched, (finished - firstFetched) * Descriptor.QUADWORDS);
        if (descriptor.has(Flags.FENCE) && failures > 0) {
            return over(Status.BATCH_FAILED);
        }
        return new Execution(environment, submission, descriptor, finished, memory, wake);
    }

    /** Reads what the page of the next descriptor has. */
    private boolean fetch() {
        long at = list + (long) finished * Descriptor.BYTES;
        long left = (long) (count - finished) * Descriptor.BYTES;
        int bytes = (int) Math.min(left, OperandMemory.bytesToPageEnd(at));
        if (!memory.read(at, memory.first(), bytes, left)) {
            return false;
        }
        for (int i = 0; i < bytes / Long.BYTES; i++) {
            fetched[i] = LittleEndian.get(memory.first(), i * Long.BYTES, Long.BYTES);
        }
        firstFetched = finished;
        fetchedCount = bytes / Descriptor.BYTES;
        return true;
    }

    private @Nullable Execution faulted(int status) {
        outcome.faultAddress(memory.faultAddress());
        return over(status);
    }

    private @Nullable Execution over(int status) {
        outcome.status(status);
        return null;
    }

    /** Fills in how the batch has ended. */
    void report(CompletionRecord record) {
        record.status(outcome.status()).faultAddress(outcome.faultAddress()).completed(finished);
    }
}
