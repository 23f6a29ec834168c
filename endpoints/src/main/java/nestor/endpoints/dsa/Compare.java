package nestor.endpoints.dsa;

import java.util.Arrays;

/** Compare and Compare Pattern: whether, and where first, a buffer differs. */
final class Compare implements Operation {
    private static final int EQUAL = 0;
    private static final int DIFFERENT = 1;

    private final Descriptor descriptor;
    private final boolean withPattern;
    private final long size;
    private long done;
    private int result = EQUAL;

    private Compare(Descriptor descriptor, boolean withPattern) {
        this.descriptor = descriptor;
        this.withPattern = withPattern;
        this.size = descriptor.size();
    }

    /** Quadword 2 with quadword 3, both addresses. */
    static Compare buffers(Descriptor descriptor) {
        return new Compare(descriptor, false);
    }

    /** What quadword 2 points to with the pattern in quadword 3. */
    static Compare pattern(Descriptor descriptor) {
        return new Compare(descriptor, true);
    }

    @Override
    public Progress piece(OperandMemory memory) {
        long left = size - done;
        long first = descriptor.source() + done;
        long second = withPattern ? first : descriptor.destination() + done;
        int bytes = OperandMemory.piece(first, second, left);
        if (!memory.read(first, memory.first(), bytes, left)) {
            return Progress.STOPPED;
        }
        if (withPattern) {
            Fill.fill(memory.second(), bytes, descriptor.destination(), done);
        } else if (!memory.read(second, memory.second(), bytes, left)) {
            return Progress.STOPPED;
        }
        int differs = Arrays.mismatch(memory.first(), 0, bytes, memory.second(), 0, bytes);
        if (differs >= 0) {
            result = DIFFERENT;
            done += differs;
            return Progress.DONE;
        }
        done += bytes;
        return done == size ? Progress.DONE : Progress.MORE;
    }

    @Override
    public void report(CompletionRecord record) {
        record.result(result);
        if (done < size) {
            record.completed(done);
        }
        boolean expected = (descriptor.specific(5) & 1) == result;
        if (descriptor.has(Flags.CHECK_RESULT) && !expected) {
            record.status(Status.SUCCESS_FALSE_PREDICATE);
        }
    }
}
