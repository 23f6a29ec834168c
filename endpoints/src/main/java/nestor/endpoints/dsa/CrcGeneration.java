package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bits;

import nestor.vmm.register.BitField;

/** CRC Generation, and Copy with CRC Generation. */
final class CrcGeneration implements Operation {
    private static final BitField SEED = bits(31, 0);

    private final Descriptor descriptor;
    private final boolean copies;
    private final long size;
    private long done;
    private int crc;
    private boolean seeded;

    private CrcGeneration(Descriptor descriptor, boolean copies) {
        this.descriptor = descriptor;
        this.copies = copies;
        this.size = descriptor.size();
    }

    static CrcGeneration alone(Descriptor descriptor) {
        return new CrcGeneration(descriptor, false);
    }

    static CrcGeneration withCopy(Descriptor descriptor) {
        return new CrcGeneration(descriptor, true);
    }

    @Override
    public Progress piece(OperandMemory memory) {
        if (!seeded && !seed(memory)) {
            return Progress.STOPPED;
        }
        long left = size - done;
        long source = descriptor.source() + done;
        long destination = copies ? descriptor.destination() + done : source;
        int bytes = OperandMemory.piece(source, destination, left);
        if (!memory.read(source, memory.first(), bytes, left)
                || copies && !memory.write(destination, memory.first(), bytes, left)) {
            return Progress.STOPPED;
        }
        crc =
                descriptor.has(Flags.BYPASS_DATA_REFLECTION)
                        ? Crc32c.updateUnreflected(crc, memory.first(), bytes)
                        : Crc32c.update(crc, memory.first(), bytes);
        done += bytes;
        return done == size ? Progress.DONE : Progress.MORE;
    }

    private boolean seed(OperandMemory memory) {
        int seed = SEED.getInt(descriptor.specific(5));
        if (descriptor.has(Flags.READ_SEED)) {
            byte[] buffer = memory.first();
            if (!memory.read(descriptor.specific(6), buffer, Integer.BYTES, Integer.BYTES)) {
                return false;
            }
            seed = (int) LittleEndian.get(buffer, 0, Integer.BYTES);
        }
        crc = descriptor.has(Flags.BYPASS_INVERSION) ? Integer.reverse(seed) : ~seed;
        seeded = true;
        return true;
    }

    /** Of a part, too: the seed of the rest. */
    @Override
    public void report(CompletionRecord record) {
        if (seeded) {
            int value = descriptor.has(Flags.BYPASS_INVERSION) ? Integer.reverse(crc) : ~crc;
            record.specific(2, Integer.toUnsignedLong(value));
        }
        if (done < size) {
            record.completed(done);
        }
    }
}
