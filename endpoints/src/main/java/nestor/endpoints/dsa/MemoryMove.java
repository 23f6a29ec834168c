package nestor.endpoints.dsa;

/**
 * Memory Move: from the end backward where the destination starts inside the source, so that every
 * byte is read before it is written. Bytes completed then count from the end.
 */
final class MemoryMove implements Operation {
    private final long source;
    private final long destination;
    private final long size;
    private final boolean backward;
    private long done;

    MemoryMove(Descriptor descriptor) {
        source = descriptor.source();
        destination = descriptor.destination();
        size = descriptor.size();
        long distance = destination - source;
        backward = distance != 0 && Long.compareUnsigned(distance, size) < 0;
    }

    @Override
    public Progress piece(OperandMemory memory) {
        return backward ? backwardPiece(memory) : forwardPiece(memory);
    }

    private Progress forwardPiece(OperandMemory memory) {
        long left = size - done;
        int bytes = OperandMemory.piece(source + done, destination + done, left);
        return move(memory, done, bytes, left);
    }

    private Progress backwardPiece(OperandMemory memory) {
        long left = size - done;
        int most =
                Math.min(bytesFromPageStart(source + left), bytesFromPageStart(destination + left));
        int bytes = (int) Math.min(most, left);
        return move(memory, left - bytes, bytes, bytes);
    }

    /** Bytes of the page that ends at, or holds, the byte before {@code end}. */
    private static int bytesFromPageStart(long end) {
        return OperandMemory.PAGE_BYTES + 1 - OperandMemory.bytesToPageEnd(end - 1);
    }

    private Progress move(OperandMemory memory, long offset, int bytes, long ahead) {
        if (!memory.read(source + offset, memory.first(), bytes, ahead)
                || !memory.write(destination + offset, memory.first(), bytes, ahead)) {
            return Progress.STOPPED;
        }
        done += bytes;
        return done == size ? Progress.DONE : Progress.MORE;
    }

    @Override
    public void report(CompletionRecord record) {
        record.result(backward ? 1 : 0);
        if (done < size) {
            record.completed(done);
        }
    }
}
