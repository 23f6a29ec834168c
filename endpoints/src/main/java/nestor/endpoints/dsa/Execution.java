package nestor.endpoints.dsa;

import java.util.Objects;
import nestor.atc.PageRequests;
import nestor.endpoints.dsa.DescriptorCheck.Origin;
import org.jspecify.annotations.Nullable;

/**
 * One descriptor from its check to its completion record (§5.4, §6, §7). On the device's loop only;
 * never waits: a step does a bounded amount of work, or says what it waits for.
 */
final class Execution {
    /** What a step ended with. */
    enum Step {
        /** There is more to do. */
        RUNNABLE,
        /** Pages are awaited, or, by a drain, other descriptors; {@code wake} is run. */
        BLOCKED,
        FINISHED
    }

    /** What comes next. */
    private enum Phase {
        CHECK,
        OPERATE,
        BATCH,
        DRAIN,
        COMPLETE,
        FINISHED
    }

    /** Pieces of a step, after which others have their turn. */
    private static final int STEP_PIECES = 16;

    /**
     * How often in a row a page may be reported present without being so. An agent whose queue
     * overflows may answer by itself until software notices, so there must be some patience.
     */
    static final int MAX_FRUITLESS_RESPONSES = 10_000;

    private final Environment environment;
    private final Submission submission;
    private final Descriptor descriptor;
    private final int batchIndex;
    private final OperandMemory memory;
    private final Runnable wake;
    private final CompletionRecord record = new CompletionRecord();

    private Phase phase = Phase.CHECK;
    private Operation operation = new Nothing();
    private @Nullable Batch batch;
    private int invalidFlags;
    private int entry = InterruptTable.NONE;
    private boolean awaitsPages;
    private int fruitless;

    /**
     * @param descriptor the submission's, or one of its batch
     * @param batchIndex in the batch, or {@link SoftwareErrors.Report#NO_BATCH}
     * @param wake told, on the loop, that a blocked execution can go on
     */
    Execution(
            Environment environment,
            Submission submission,
            Descriptor descriptor,
            int batchIndex,
            OperandMemory memory,
            Runnable wake) {
        this.environment = environment;
        this.submission = submission;
        this.descriptor = descriptor;
        this.batchIndex = batchIndex;
        this.memory = memory;
        this.wake = wake;
    }

    Step step() {
        if (awaitsPages) {
            return Step.BLOCKED;
        }
        return switch (phase) {
            case CHECK -> check();
            case OPERATE -> operate();
            case BATCH -> runBatch();
            case DRAIN -> drain();
            case COMPLETE -> complete();
            case FINISHED -> Step.FINISHED;
        };
    }

    /** The status it ended with. */
    int status() {
        return record.status();
    }

    /** Whether it waits for other descriptors to end. */
    boolean isDraining() {
        return phase == Phase.DRAIN;
    }

    private boolean isInBatch() {
        return batchIndex != SoftwareErrors.Report.NO_BATCH;
    }

    private Step check() {
        long address = descriptor.completionAddress();
        boolean misaligned = (address & DescriptorCheck.COMPLETION_ALIGNMENT_BYTES - 1) != 0;
        if (descriptor.has(Flags.COMPLETION_ADDRESS_VALID) && misaligned) {
            record.status(Status.COMPLETION_ALIGNMENT);
            return withoutRecord(Status.COMPLETION_ALIGNMENT, 0);
        }
        DescriptorCheck check =
                DescriptorCheck.of(
                        descriptor,
                        submission.config(),
                        isInBatch() ? Origin.BATCH : Origin.PORTAL);
        if (!check.isGood()) {
            invalidFlags = check.invalidFlags();
            if (invalidFlags != 0) {
                record.specific(2, invalidFlags);
            }
            return end(check.status());
        }
        if (submission.exceedsPrivilege()) {
            return end(Status.PRIVILEGE);
        }
        if (descriptor.has(Flags.REQUEST_INTERRUPT)) {
            entry = environment.entry(descriptor.interruptHandle(), submission);
            if (entry == InterruptTable.NONE) {
                return end(Status.INTERRUPT_HANDLE);
            }
        }
        begin();
        return Step.RUNNABLE;
    }

    private void begin() {
        switch (Opcode.of(descriptor.opcode()).orElseThrow()) {
            case BATCH -> {
                batch = new Batch(environment, submission, descriptor, memory, wake);
                phase = Phase.BATCH;
            }
            case DRAIN -> phase = Phase.DRAIN;
            default -> {
                operation = Operation.of(descriptor);
                phase = Phase.OPERATE;
            }
        }
    }

    private Step operate() {
        for (int i = 0; i < STEP_PIECES; i++) {
            switch (operation.piece(memory)) {
                case MORE -> fruitless = 0;
                case DONE -> {
                    record.status(Status.SUCCESS);
                    operation.report(record);
                    phase = Phase.COMPLETE;
                    return Step.RUNNABLE;
                }
                case STOPPED -> {
                    return operandTrouble();
                }
            }
        }
        return Step.RUNNABLE;
    }

    private Step operandTrouble() {
        return switch (memory.trouble()) {
            case NONE -> throw new IllegalStateException("stopped without a reason");
            case ABANDONED -> abandon();
            case PAGE_FAULT ->
                    descriptor.has(Flags.BLOCK_ON_FAULT) && mayRequestPages()
                            ? requestPages()
                            : endPart(Status.PAGE_FAULT);
            case TRANSLATION_FAILED -> endPart(Status.TRANSLATION_FAILED);
            case REQUEST_FAILED -> endPart(Status.HARDWARE_ERROR);
        };
    }

    private Step runBatch() {
        Batch running = Objects.requireNonNull(batch);
        return switch (running.step()) {
            case RUNNABLE -> Step.RUNNABLE;
            case BLOCKED -> Step.BLOCKED;
            case FINISHED -> {
                running.report(record);
                phase = Phase.COMPLETE;
                yield Step.RUNNABLE;
            }
        };
    }

    private Step drain() {
        if (!environment.isDrained(submission)) {
            return Step.BLOCKED;
        }
        return end(Status.SUCCESS);
    }

    private boolean mayRequestPages() {
        return !submission.config().prsDisabled() && environment.mayRequestPages();
    }

    private Step requestPages() {
        fruitless++;
        if (fruitless > MAX_FRUITLESS_RESPONSES) {
            answered(PageRequests.Outcome.INVALID_REQUEST);
            return Step.RUNNABLE;
        }
        awaitsPages = true;
        environment.requestPages(memory.requester(), memory.missing(), this::pagesAnswered);
        return Step.BLOCKED;
    }

    private void pagesAnswered(PageRequests.Outcome outcome) {
        awaitsPages = false;
        if (memory.isLive()) {
            answered(outcome);
            wake.run();
        }
    }

    /** What a refused page request means, is another matter for a record than for operands. */
    private void answered(PageRequests.Outcome outcome) {
        if (outcome == PageRequests.Outcome.SUCCESS) {
            return;
        }
        if (phase == Phase.COMPLETE) {
            withoutRecord(Status.COMPLETION_ADDRESS, descriptor.completionAddress());
            return;
        }
        switch (outcome) {
            case SUCCESS -> {}
            case NOT_PERMITTED, NO_CREDIT -> endPart(Status.PAGE_FAULT);
            case INVALID_REQUEST, RESPONSE_FAILURE, STOPPED, DISABLED ->
                    endPart(Status.PAGE_REQUEST_FAILED);
        }
    }

    private Step end(int status) {
        record.status(status);
        fruitless = 0;
        phase = Phase.COMPLETE;
        return Step.RUNNABLE;
    }

    /** Ends an operation that has come only so far. */
    private Step endPart(int status) {
        operation.report(record);
        int write = memory.faultedOnWrite() ? (int) Status.WRITE.mask() : 0;
        record.faultAddress(memory.faultAddress());
        return end(status | write);
    }

    /** Writes the record, if it is wanted; the status last, in one access with what it is of. */
    private Step complete() {
        boolean success = record.status() == Status.SUCCESS;
        if (!descriptor.has(Flags.COMPLETION_ADDRESS_VALID)) {
            if (success || record.status() == Status.SUCCESS_FALSE_PREDICATE) {
                return finish();
            }
            return withoutRecord(record.status() & ~(int) Status.WRITE.mask(), 0);
        }
        if (success && !descriptor.has(Flags.REQUEST_COMPLETION) || writeRecord()) {
            return finish();
        }
        return switch (memory.trouble()) {
            case ABANDONED -> abandon();
            case PAGE_FAULT ->
                    mayRequestPages()
                            ? requestPages()
                            : withoutRecord(
                                    Status.COMPLETION_ADDRESS, descriptor.completionAddress());
            default -> withoutRecord(Status.COMPLETION_ADDRESS, descriptor.completionAddress());
        };
    }

    private boolean writeRecord() {
        byte[] bytes = memory.first();
        for (int i = 0; i < CompletionRecord.QUADWORDS; i++) {
            LittleEndian.put(bytes, i * Long.BYTES, Long.BYTES, record.word(i));
        }
        long address = descriptor.completionAddress();
        int rest = CompletionRecord.BYTES - Long.BYTES;
        return memory.write(address + Long.BYTES, bytes, Long.BYTES, rest, rest)
                && memory.write(address, bytes, 0, Long.BYTES, Long.BYTES);
    }

    /** Interrupts, if that was asked for. */
    private Step finish() {
        phase = Phase.FINISHED;
        if (entry != InterruptTable.NONE) {
            environment.signal(entry);
        }
        return Step.FINISHED;
    }

    private Step withoutRecord(int code, long address) {
        phase = Phase.FINISHED;
        if (code == Status.COMPLETION_ADDRESS) {
            record.status(code);
        }
        environment.report(
                new SoftwareErrors.Report(
                        code,
                        submission.workQueue().index,
                        descriptor,
                        submission.requester(),
                        batchIndex,
                        invalidFlags,
                        address));
        return Step.FINISHED;
    }

    private Step abandon() {
        phase = Phase.FINISHED;
        return Step.FINISHED;
    }
}
