package nestor.endpoints.dsa;

/** Memory Fill: an 8-byte pattern, repeated from the first byte on. */
final class Fill implements Operation {
    private final long pattern;
    private final long destination;
    private final long size;
    private long done;

    Fill(Descriptor descriptor) {
        pattern = descriptor.source();
        destination = descriptor.destination();
        size = descriptor.size();
    }

    @Override
    public Progress piece(OperandMemory memory) {
        long at = destination + done;
        int bytes = OperandMemory.piece(at, at, size - done);
        fill(memory.first(), bytes, pattern, done);
        if (!memory.write(at, memory.first(), bytes, size - done)) {
            return Progress.STOPPED;
        }
        done += bytes;
        return done == size ? Progress.DONE : Progress.MORE;
    }

    /** Fills the start of {@code buffer} with what a repeated pattern holds from an offset on. */
    static void fill(byte[] buffer, int bytes, long pattern, long offset) {
        long turned = Long.rotateRight(pattern, (int) (offset % Long.BYTES) * Byte.SIZE);
        for (int i = 0; i < bytes; i++) {
            buffer[i] = (byte) (turned >>> i % Long.BYTES * Byte.SIZE);
        }
    }

    @Override
    public void report(CompletionRecord record) {
        if (done < size) {
            record.completed(done);
        }
    }
}
