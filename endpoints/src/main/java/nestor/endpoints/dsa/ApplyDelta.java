package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/**
 * Apply Delta Record: writes the quadwords of a record into the destination. Offsets must increase
 * and lie within the size; entries before one that does not have been written. Bytes completed are
 * those of the record.
 */
final class ApplyDelta implements Operation {
    private static final BitField RECORD_BYTES = bits(31, 0);

    /** Entries of a piece. */
    private static final int ENTRIES = 64;

    private final Descriptor descriptor;
    private final long recordBytes;
    private long done;
    private int lastOffset = -1;
    private int failure = Status.NONE;

    ApplyDelta(Descriptor descriptor) {
        this.descriptor = descriptor;
        this.recordBytes = recordBytes(descriptor);
    }

    static long recordBytes(Descriptor descriptor) {
        return RECORD_BYTES.get(descriptor.specific(5));
    }

    @Override
    public Progress piece(OperandMemory memory) {
        long left = recordBytes - done;
        int bytes = (int) Math.min(left, (long) ENTRIES * Deltas.ENTRY_BYTES);
        byte[] entries = memory.first();
        if (!memory.read(descriptor.source() + done, entries, bytes, left)) {
            return Progress.STOPPED;
        }
        for (int at = 0; at < bytes; at += Deltas.ENTRY_BYTES) {
            int offset = Deltas.offset(entries, at);
            failure = check(offset);
            if (failure != Status.NONE) {
                return Progress.DONE;
            }
            long iova = descriptor.destination() + (long) offset * Long.BYTES;
            if (!memory.write(iova, entries, at + Deltas.OFFSET_BYTES, Long.BYTES, Long.BYTES)) {
                return Progress.STOPPED;
            }
            lastOffset = offset;
            done += Deltas.ENTRY_BYTES;
        }
        return done == recordBytes ? Progress.DONE : Progress.MORE;
    }

    private int check(int offset) {
        if (offset <= lastOffset) {
            return Status.DELTA_OFFSET_NOT_INCREASING;
        }
        return offset < descriptor.size() / Long.BYTES
                ? Status.NONE
                : Status.DELTA_OFFSET_OUT_OF_RANGE;
    }

    @Override
    public void report(CompletionRecord record) {
        if (failure != Status.NONE) {
            record.status(failure);
        }
        if (done < recordBytes) {
            record.completed(done);
        }
    }
}
