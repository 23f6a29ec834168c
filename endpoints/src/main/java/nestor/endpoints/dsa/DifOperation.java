package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bit;

import nestor.vmm.register.BitField;

/**
 * DIF Check, Insert, Strip and Update: blocks with an 8-byte T10 Data Integrity Field, a block at a
 * time. A block that fails its check ends the operation, and is not written.
 */
final class DifOperation implements Operation {
    /** Of quadword 5. */
    private static final BitField INVERT_SEED = bit(18);

    private static final BitField INVERT_RESULT = bit(19);

    private static final int GUARD_BYTES = 2;
    private static final int APPLICATION_BYTES = 2;

    /** DIF status, the record's result. */
    private static final int GUARD_MISMATCH = 1;

    private static final int APPLICATION_MISMATCH = 1 << 1;
    private static final int REFERENCE_MISMATCH = 1 << 2;
    private static final int ALL_F = 1 << 3;

    private final Opcode opcode;
    private final Descriptor descriptor;
    private final DifBlocks blocks;
    private final long size;
    private final DifFlags sourceFlags;
    private final DifFlags destinationFlags;
    private DifTags source;
    private DifTags destination;
    private long block;
    private int mismatch;

    DifOperation(Opcode opcode, Descriptor descriptor) {
        this.opcode = opcode;
        this.descriptor = descriptor;
        this.blocks = DifBlocks.of(opcode, descriptor);
        this.size = descriptor.size();
        this.sourceFlags = DifFlags.source(descriptor);
        this.destinationFlags = DifFlags.destination(descriptor);
        this.source = DifTags.decode(descriptor.specific(6));
        this.destination = DifTags.decode(descriptor.specific(7));
    }

    @Override
    public Progress piece(OperandMemory memory) {
        long done = block * blocks.sourceBytes();
        byte[] data = memory.first();
        if (!memory.read(descriptor.source() + done, data, blocks.sourceBytes(), size - done)) {
            return Progress.STOPPED;
        }
        int guard = guard(data);
        if (opcode != Opcode.DIF_INSERT) {
            mismatch = check(data, guard);
            if (mismatch != 0) {
                return Progress.DONE;
            }
        }
        if (blocks.destinationBytes() > blocks.dataBytes()) {
            generate(data, guard);
        }
        if (blocks.destinationBytes() > 0 && !write(memory, data)) {
            return Progress.STOPPED;
        }
        block++;
        source = source.next(sourceFlags);
        destination = destination.next(destinationFlags);
        return block * blocks.sourceBytes() == size ? Progress.DONE : Progress.MORE;
    }

    private boolean write(OperandMemory memory, byte[] data) {
        int bytes = blocks.destinationBytes();
        long left = (size / blocks.sourceBytes() - block) * bytes;
        return memory.write(descriptor.destination() + block * bytes, data, bytes, left);
    }

    private int guard(byte[] data) {
        long options = descriptor.specific(5);
        int crc = Crc16T10.of(data, blocks.dataBytes(), INVERT_SEED.isSet(options) ? 0xffff : 0);
        return INVERT_RESULT.isSet(options) ? ~crc & 0xffff : crc;
    }

    /** Returns what does not match. */
    private int check(byte[] data, int guard) {
        int at = blocks.dataBytes();
        int seenGuard = bigEndian(data, at, GUARD_BYTES);
        int seenApplication = bigEndian(data, at + GUARD_BYTES, APPLICATION_BYTES);
        int seenReference = bigEndian(data, at + GUARD_BYTES + APPLICATION_BYTES, Integer.BYTES);
        boolean applicationF = seenApplication == 0xffff;
        boolean bothF = applicationF && seenReference == -1;
        boolean allF = bothF && seenGuard == 0xffff;
        if (allF && sourceFlags.detectsFAll()) {
            return sourceFlags.failsOnFAll() ? ALL_F : 0;
        }
        if (bothF && sourceFlags.detectsFApplicationAndReference()
                || applicationF && sourceFlags.detectsFApplication()) {
            return 0;
        }
        int found = 0;
        if (!sourceFlags.skipsGuardCheck() && seenGuard != guard) {
            found |= GUARD_MISMATCH;
        }
        if (((seenApplication ^ source.application()) & ~source.mask() & 0xffff) != 0) {
            found |= APPLICATION_MISMATCH;
        }
        if (!sourceFlags.skipsReferenceCheck() && seenReference != source.reference()) {
            found |= REFERENCE_MISMATCH;
        }
        return found;
    }

    /** Puts the destination's field behind the data, except what passes through. */
    private void generate(byte[] data, int guard) {
        int at = blocks.dataBytes();
        boolean inserts = opcode == Opcode.DIF_INSERT;
        if (inserts || !destinationFlags.passesGuard()) {
            putBigEndian(data, at, GUARD_BYTES, guard);
        }
        if (inserts || !destinationFlags.passesApplication()) {
            putBigEndian(
                    data, at + GUARD_BYTES, APPLICATION_BYTES, destination.maskedApplication());
        }
        if (inserts || !destinationFlags.passesReference()) {
            putBigEndian(
                    data,
                    at + GUARD_BYTES + APPLICATION_BYTES,
                    Integer.BYTES,
                    destination.reference());
        }
    }

    private static int bigEndian(byte[] from, int offset, int bytes) {
        int value = 0;
        for (int i = 0; i < bytes; i++) {
            value = value << Byte.SIZE | from[offset + i] & 0xff;
        }
        return value;
    }

    private static void putBigEndian(byte[] to, int offset, int bytes, int value) {
        for (int i = 0; i < bytes; i++) {
            to[offset + i] = (byte) (value >>> (bytes - 1 - i) * Byte.SIZE);
        }
    }

    /** With the tags of the block that comes next. */
    @Override
    public void report(CompletionRecord record) {
        long done = block * blocks.sourceBytes();
        if (mismatch != 0) {
            record.status(Status.DIF_ERROR).result(mismatch);
        }
        if (done < size) {
            record.completed(done);
        }
        if (opcode != Opcode.DIF_INSERT) {
            record.specific(2, source.encode());
        }
        if (opcode == Opcode.DIF_INSERT || opcode == Opcode.DIF_UPDATE) {
            record.specific(3, destination.encode());
        }
    }
}
