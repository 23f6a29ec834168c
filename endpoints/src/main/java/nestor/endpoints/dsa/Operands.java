package nestor.endpoints.dsa;

/** What each operation demands of its addresses and sizes (§5.4). Pure. */
final class Operands {
    private static final long MAX_DELTA_TRANSFER = 0x8_0000;
    private static final long MIN_DELTA_RECORD = 80;
    private static final int QUADWORD = 8;
    private static final int SEED_BYTES = 4;
    private static final long PAGE_OFFSET = 0xfff;

    private Operands() {}

    /** {@link Status#NONE}, or what is wrong with a size, an alignment or an overlap. */
    static int check(Opcode opcode, Descriptor descriptor) {
        long source = descriptor.source();
        long destination = descriptor.destination();
        long size = descriptor.size();
        return switch (opcode) {
            case NO_OP, DRAIN, BATCH -> Status.NONE;
            case COMPARE_PATTERN, CRC -> crc(opcode, descriptor);
            case FILL, CACHE_FLUSH -> unlessWrapping(destination, size);
            case MEMORY_MOVE, COMPARE -> unlessWrapping(source, size, destination, size);
            case COPY_CRC -> {
                int apart = unlessOverlapping(source, size, destination, size);
                yield apart != Status.NONE ? apart : crc(opcode, descriptor);
            }
            case DUALCAST -> dualcast(descriptor);
            case CREATE_DELTA -> createDelta(descriptor);
            case APPLY_DELTA -> applyDelta(descriptor);
            case DIF_CHECK, DIF_INSERT, DIF_STRIP, DIF_UPDATE -> dif(opcode, descriptor);
        };
    }

    private static int crc(Opcode opcode, Descriptor descriptor) {
        boolean seed = opcode != Opcode.COMPARE_PATTERN && descriptor.has(Flags.READ_SEED);
        if (seed && !isAligned(descriptor.specific(6), SEED_BYTES)) {
            return Status.ADDRESS_ALIGNMENT;
        }
        return unlessWrapping(descriptor.source(), descriptor.size());
    }

    private static int dualcast(Descriptor descriptor) {
        long size = descriptor.size();
        long first = descriptor.destination();
        long second = descriptor.specific(5);
        if (((first ^ second) & PAGE_OFFSET) != 0) {
            return Status.DUALCAST_ALIGNMENT;
        }
        int destinations = unlessOverlapping(first, size, second, size);
        int withFirst = unlessOverlapping(descriptor.source(), size, first, size);
        int withSecond = unlessOverlapping(descriptor.source(), size, second, size);
        return destinations != Status.NONE
                ? destinations
                : withFirst != Status.NONE ? withFirst : withSecond;
    }

    private static int createDelta(Descriptor descriptor) {
        long size = descriptor.size();
        long record = descriptor.specific(5);
        long recordBytes = CreateDelta.maxRecordBytes(descriptor);
        if (size > MAX_DELTA_TRANSFER || size % QUADWORD != 0) {
            return Status.TRANSFER_SIZE;
        }
        if (recordBytes < MIN_DELTA_RECORD) {
            return Status.DELTA_RECORD_SIZE;
        }
        long misaligned = descriptor.source() | descriptor.destination() | record;
        if (!isAligned(misaligned, QUADWORD)) {
            return Status.ADDRESS_ALIGNMENT;
        }
        int first = unlessOverlapping(descriptor.source(), size, record, recordBytes);
        return first != Status.NONE
                ? first
                : unlessOverlapping(descriptor.destination(), size, record, recordBytes);
    }

    private static int applyDelta(Descriptor descriptor) {
        long size = descriptor.size();
        long recordBytes = ApplyDelta.recordBytes(descriptor);
        if (size > MAX_DELTA_TRANSFER || size % QUADWORD != 0) {
            return Status.TRANSFER_SIZE;
        }
        long most = size / QUADWORD * Deltas.ENTRY_BYTES;
        if (recordBytes == 0 || recordBytes % Deltas.ENTRY_BYTES != 0 || recordBytes > most) {
            return Status.DELTA_RECORD_SIZE;
        }
        if (!isAligned(descriptor.source() | descriptor.destination(), QUADWORD)) {
            return Status.ADDRESS_ALIGNMENT;
        }
        return unlessOverlapping(descriptor.source(), recordBytes, descriptor.destination(), size);
    }

    private static int dif(Opcode opcode, Descriptor descriptor) {
        DifBlocks blocks = DifBlocks.of(opcode, descriptor);
        long size = descriptor.size();
        if (size % blocks.sourceBytes() != 0) {
            return Status.TRANSFER_SIZE;
        }
        if (opcode == Opcode.DIF_CHECK) {
            return unlessWrapping(descriptor.source(), size);
        }
        long written = size / blocks.sourceBytes() * blocks.destinationBytes();
        return unlessOverlapping(descriptor.source(), size, descriptor.destination(), written);
    }

    private static boolean isAligned(long address, int bytes) {
        return (address & (bytes - 1)) == 0;
    }

    /** A range that passes the end of the address space is none. */
    private static int unlessWrapping(long address, long bytes) {
        return Long.compareUnsigned(address + (bytes - 1), address) < 0
                ? Status.TRANSFER_SIZE
                : Status.NONE;
    }

    private static int unlessWrapping(long first, long bytes, long second, long secondBytes) {
        int status = unlessWrapping(first, bytes);
        return status != Status.NONE ? status : unlessWrapping(second, secondBytes);
    }

    private static int unlessOverlapping(long first, long bytes, long second, long secondBytes) {
        int status = unlessWrapping(first, bytes, second, secondBytes);
        if (status != Status.NONE) {
            return status;
        }
        boolean overlap =
                Long.compareUnsigned(second - first, bytes) < 0
                        || Long.compareUnsigned(first - second, secondBytes) < 0;
        return overlap ? Status.OVERLAPPING_BUFFERS : Status.NONE;
    }
}
