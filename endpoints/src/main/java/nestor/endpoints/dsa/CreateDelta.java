package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/** Create Delta Record: what quadwords of the second source differ from the first. */
final class CreateDelta implements Operation {
    private static final BitField MAX_RECORD_BYTES = bits(31, 0);
    private static final BitField EXPECTED = bits(2, 0);
    private static final int EQUAL = 0;
    private static final int DIFFERENT = 1;
    private static final int OVERFLOW = 2;

    private final Descriptor descriptor;
    private final long size;
    private final long maxRecordBytes;
    private long done;
    private long recordBytes;
    private boolean overflow;

    /** Bytes of the piece before the quadword that found no room. */
    private int fitting;

    CreateDelta(Descriptor descriptor) {
        this.descriptor = descriptor;
        this.size = descriptor.size();
        this.maxRecordBytes = maxRecordBytes(descriptor);
    }

    static long maxRecordBytes(Descriptor descriptor) {
        return MAX_RECORD_BYTES.get(descriptor.specific(6));
    }

    /** Half a page of data, for its entries must fit the buffer. */
    @Override
    public Progress piece(OperandMemory memory) {
        long left = size - done;
        long first = descriptor.source() + done;
        long second = descriptor.destination() + done;
        int most = OperandMemory.piece(first, second, left);
        int bytes = Math.min(most, OperandMemory.PAGE_BYTES / 2);
        if (!memory.read(first, memory.first(), bytes, left)
                || !memory.read(second, memory.second(), bytes, left)) {
            return Progress.STOPPED;
        }
        int entries = compare(memory.first(), memory.second(), bytes);
        long at = descriptor.specific(5) + recordBytes;
        if (!memory.write(at, memory.first(), entries, entries)) {
            overflow = false;
            return Progress.STOPPED;
        }
        recordBytes += entries;
        done += overflow ? fitting : bytes;
        return overflow || done == size ? Progress.DONE : Progress.MORE;
    }

    /**
     * Leaves entries in a new place, then in {@code first}: an entry is longer than its data.
     *
     * @return bytes of entries
     */
    private int compare(byte[] first, byte[] second, int bytes) {
        byte[] entries = new byte[bytes / Long.BYTES * Deltas.ENTRY_BYTES];
        int count = 0;
        for (int i = 0; i < bytes && !overflow; i += Long.BYTES) {
            long data = LittleEndian.get(second, i, Long.BYTES);
            if (LittleEndian.get(first, i, Long.BYTES) != data) {
                if (recordBytes + count + Deltas.ENTRY_BYTES > maxRecordBytes) {
                    overflow = true;
                    fitting = i;
                } else {
                    Deltas.put(entries, count, (int) ((done + i) / Long.BYTES), data);
                    count += Deltas.ENTRY_BYTES;
                }
            }
        }
        System.arraycopy(entries, 0, first, 0, count);
        return count;
    }

    @Override
    public void report(CompletionRecord record) {
        int result = overflow ? OVERFLOW : recordBytes == 0 ? EQUAL : DIFFERENT;
        record.result(result).specific(2, recordBytes);
        if (done < size) {
            record.completed(done);
        }
        boolean expected = (EXPECTED.get(descriptor.specific(7)) >>> result & 1) != 0;
        if (descriptor.has(Flags.CHECK_RESULT) && !expected) {
            record.status(Status.SUCCESS_FALSE_PREDICATE);
        }
    }
}
