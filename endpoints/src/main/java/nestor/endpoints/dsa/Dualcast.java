package nestor.endpoints.dsa;

/** Memory Copy with Dualcast: one source, two destinations. */
final class Dualcast implements Operation {
    private final Descriptor descriptor;
    private final long size;
    private long done;

    Dualcast(Descriptor descriptor) {
        this.descriptor = descriptor;
        this.size = descriptor.size();
    }

    @Override
    public Progress piece(OperandMemory memory) {
        long left = size - done;
        long source = descriptor.source() + done;
        long first = descriptor.destination() + done;
        long second = descriptor.specific(5) + done;
        int bytes = OperandMemory.piece(source, first, left); // the second is aligned as the first
        if (!memory.read(source, memory.first(), bytes, left)
                || !memory.write(first, memory.first(), bytes, left)
                || !memory.write(second, memory.first(), bytes, left)) {
            return Progress.STOPPED;
        }
        done += bytes;
        return done == size ? Progress.DONE : Progress.MORE;
    }

    @Override
    public void report(CompletionRecord record) {
        if (done < size) {
            record.completed(done);
        }
    }
}
