package nestor.endpoints.dsa;

import static nestor.endpoints.dsa.DescriptorBuilder.descriptor;

import nestor.testkit.Choices;

/** Descriptors that pass their check, with operands anywhere in an arena. */
final class OperandChoices {
    static final int ARENA_BYTES = 24 * 4096;

    /** Operands lie in the three thirds of the arena, unless they may overlap. */
    private static final int THIRD = ARENA_BYTES / 3;

    private static final int[] OPCODES = {
        0x03, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15
    };
    private static final int[] DIF_BLOCKS = {512, 520, 4096, 4104};

    private final Choices choices;
    private final long arena;
    private final byte[] content;

    /**
     * @param content of the arena: prepared where an operation needs sense in its operands
     */
    OperandChoices(Choices choices, long arena, byte[] content) {
        this.choices = choices;
        this.arena = arena;
        this.content = content;
    }

    DescriptorBuilder next() {
        int opcode = OPCODES[choices.below(OPCODES.length)];
        int size = choices.oneIn(3) ? 1 + choices.below(64) : 1 + choices.below(THIRD - 4200);
        return switch (opcode) {
            case 0x03 -> move(size);
            case 0x04 -> descriptor(opcode).source(choices.anyLong()).destination(in(2)).size(size);
            case 0x05 -> compare(size);
            case 0x06 -> comparePattern(size);
            case 0x07 -> createDelta(size);
            case 0x08 -> applyDelta(size);
            case 0x09 -> dualcast(size);
            case 0x10, 0x11 -> crc(opcode, size);
            default -> dif(opcode);
        };
    }

    private long in(int third) {
        return arena + (long) third * THIRD + choices.below(4096);
    }

    private int at(long iova) {
        return (int) (iova - arena);
    }

    private DescriptorBuilder move(int size) {
        long from = in(1);
        long to = choices.flip() ? in(2) : from + choices.below(8192) - 4096;
        return descriptor(0x03).source(from).destination(to).size(size);
    }

    private DescriptorBuilder compare(int size) {
        long first = in(0);
        long second = in(1);
        System.arraycopy(content, at(first), content, at(second), size);
        differ(second, size);
        return checked(descriptor(0x05).source(first).destination(second).size(size));
    }

    private DescriptorBuilder comparePattern(int size) {
        long first = in(0);
        long pattern = choices.anyLong();
        for (int i = 0; i < size; i++) {
            content[at(first) + i] = (byte) (pattern >>> i % 8 * 8);
        }
        differ(first, size);
        return checked(descriptor(0x06).source(first).destination(pattern).size(size));
    }

    private void differ(long iova, int size) {
        if (choices.flip()) {
            content[at(iova) + choices.below(size)] ^= 0x10;
        }
    }

    private DescriptorBuilder checked(DescriptorBuilder compare) {
        return choices.flip() ? compare.flags(0x80).word(5, choices.below(2)) : compare;
    }

    private DescriptorBuilder createDelta(int size) {
        int bytes = Math.max(8, size & -8);
        long first = in(0) & -8;
        long second = in(1) & -8;
        System.arraycopy(content, at(first), content, at(second), bytes);
        for (int n = choices.below(40); n > 0; n--) {
            content[at(second) + choices.below(bytes)] ^= 1;
        }
        DescriptorBuilder create =
                descriptor(0x07)
                        .source(first)
                        .destination(second)
                        .size(bytes)
                        .word(5, in(2) & -8)
                        .word(6, 80 + 10 * choices.below(30));
        return choices.flip() ? create.flags(0x80).word(7, choices.below(8)) : create;
    }

    private DescriptorBuilder applyDelta(int size) {
        int bytes = Math.max(800, size & -8);
        long record = in(0) & -8;
        int entries = 1 + choices.below(100);
        int offset = 0;
        for (int i = 0; i < entries; i++) {
            int at = at(record) + 10 * i;
            content[at] = (byte) offset;
            content[at + 1] = (byte) (offset >> 8);
            // Now and then not increasing, and in the end maybe out of range.
            offset += choices.oneIn(200) ? 0 : 1 + choices.below(2 * bytes / 8 / 100);
        }
        return descriptor(0x08)
                .source(record)
                .destination(in(1) & -8)
                .size(bytes)
                .word(5, 10L * entries);
    }

    private DescriptorBuilder dualcast(int size) {
        long first = in(1);
        return descriptor(0x09).source(in(0)).destination(first).size(size).word(5, first + THIRD);
    }

    private DescriptorBuilder crc(int opcode, int size) {
        int flags = choices.below(8) << 16;
        DescriptorBuilder crc =
                descriptor(opcode)
                        .flags(flags)
                        .source(in(0))
                        .size(size)
                        .word(5, choices.anyLong() & 0xffff_ffffL)
                        .word(6, in(1) & -4);
        return opcode == 0x11 ? crc.destination(in(2)) : crc;
    }

    private DescriptorBuilder dif(int opcode) {
        int option = choices.below(4) | choices.below(4) << 2;
        int block = DIF_BLOCKS[option & 3];
        int blocks = 1 + choices.below(3);
        long from = in(0);
        long sourceTags = choices.anyLong();
        int sourceFlags = opcode == 0x13 ? 0 : choices.below(256);
        int destinationFlags =
                switch (opcode) {
                    case 0x13 -> choices.anyLong() < 0 ? 0x90 : choices.below(2) << 7;
                    case 0x15 -> choices.below(256) & 0xf8;
                    default -> 0;
                };
        if (opcode != 0x13) {
            fields(from, block, blocks, option, sourceFlags, sourceTags);
        }
        return descriptor(opcode)
                .source(from)
                .destination(opcode == 0x12 ? 0 : in(1))
                .size((long) blocks * (opcode == 0x13 ? block : block + 8))
                .word(5, sourceFlags | destinationFlags << 8 | option << 16)
                .word(6, opcode == 0x13 ? 0 : sourceTags)
                .word(7, opcode == 0x13 || opcode == 0x15 ? choices.anyLong() : 0);
    }

    /** Fields as they should be, now and then wrong, now and then all ones. */
    private void fields(long from, int block, int blocks, int option, int flags, long tags) {
        for (int i = 0; i < blocks; i++) {
            int at = at(from) + i * (block + 8);
            int guard = NaiveDsa.crc16(content, at, block, (option & 4) != 0 ? 0xffff : 0);
            int app = (int) (tags >>> 48) + ((flags & 0x10) != 0 ? i : 0);
            int ref = (int) tags + ((flags & 0x80) != 0 ? 0 : i);
            NaiveDsa.put(content, at + block, 2, (option & 8) != 0 ? ~guard : guard);
            NaiveDsa.put(content, at + block + 2, 2, app);
            NaiveDsa.put(content, at + block + 4, 4, ref);
            switch (choices.below(8)) {
                case 0 -> content[at + block + choices.below(8)] ^= 4;
                case 1 -> java.util.Arrays.fill(content, at + block, at + block + 8, (byte) -1);
                default -> {}
            }
        }
    }
}
