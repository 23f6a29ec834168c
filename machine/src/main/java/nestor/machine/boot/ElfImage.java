package nestor.machine.boot;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * What an x86-64 ELF file says about how to load it (System V ABI, chapters 4 and 5) and, by the
 * Xen note of type 18, where to enter it by PVH.
 *
 * @param entry guest-physical address of the first instruction, in 32-bit protected mode
 * @param segments what goes where; at least one
 */
record ElfImage(long entry, List<Segment> segments) {
    /**
     * A PT_LOAD segment.
     *
     * @param offset in the file
     * @param fileBytes that come from there
     * @param gpa p_paddr
     * @param memoryBytes the rest of which is zero; at least {@code fileBytes}
     */
    record Segment(long offset, long fileBytes, long gpa, long memoryBytes) {
        private boolean contains(long address) {
            return address - gpa >= 0 && address - gpa < memoryBytes;
        }
    }

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    static final int MAGIC = 0x464c457f;

    private static final int HEADER_BYTES = 64;
    private static final int CLASS_AND_DATA = 4;
    private static final short CLASS_64_LITTLE = 0x0102;
    private static final int MACHINE = 18;
    private static final int X86_64 = 62;
    private static final int PROGRAM_HEADERS = 32;
    private static final int PROGRAM_HEADER_BYTES = 54;
    private static final int PROGRAM_HEADER_COUNT = 56;

    private static final int MIN_PROGRAM_HEADER_BYTES = 56;
    private static final int MAX_PROGRAM_HEADERS = 1024;
    private static final int OFFSET = 8;
    private static final int PHYSICAL = 24;
    private static final int FILE_BYTES = 32;
    private static final int MEMORY_BYTES = 40;
    private static final int PT_LOAD = 1;
    private static final int PT_NOTE = 4;

    private static final int NOTE_HEADER_BYTES = 12;
    private static final int XEN_NAME = 0x006e6558;
    private static final int PHYS32_ENTRY = 18;
    private static final long MAX_ADDRESS = 1L << 52;

    ElfImage {
        segments = List.copyOf(segments);
    }

    /**
     * Reads and checks the headers.
     *
     * @throws BootFileException if the file is no x86-64 ELF file, not all of one, or cannot be
     *     entered by PVH
     */
    static ElfImage parse(MemorySegment file) throws BootFileException {
        if (file.byteSize() < HEADER_BYTES || file.get(INT, 0) != MAGIC) {
            throw new BootFileException("not an ELF file");
        }
        if (file.get(SHORT, CLASS_AND_DATA) != CLASS_64_LITTLE
                || file.get(SHORT, MACHINE) != X86_64) {
            throw new BootFileException("an ELF file, but not for x86-64");
        }
        long headers = file.get(LONG, PROGRAM_HEADERS);
        int bytes = Short.toUnsignedInt(file.get(SHORT, PROGRAM_HEADER_BYTES));
        int count = Short.toUnsignedInt(file.get(SHORT, PROGRAM_HEADER_COUNT));
        if (bytes < MIN_PROGRAM_HEADER_BYTES || count > MAX_PROGRAM_HEADERS) {
            throw new BootFileException("an ELF file with impossible program headers");
        }
        inside(file, headers, (long) bytes * count);
        List<Segment> segments = new ArrayList<>();
        OptionalLong entry = OptionalLong.empty();
        for (int i = 0; i < count; i++) {
            long header = headers + (long) i * bytes;
            int type = file.get(INT, header);
            if (type == PT_LOAD && file.get(LONG, header + MEMORY_BYTES) != 0) {
                segments.add(segment(file, header));
            } else if (type == PT_NOTE && entry.isEmpty()) {
                entry = entry(file, header);
            }
        }
        return judge(entry, segments);
    }

    private static ElfImage judge(OptionalLong entry, List<Segment> segments)
            throws BootFileException {
        if (entry.isEmpty()) {
            throw new BootFileException(
                    "no PVH entry: there is no Xen ELF note of type 18 (Linux: CONFIG_PVH)");
        }
        long at = entry.getAsLong();
        if (segments.stream().noneMatch(segment -> segment.contains(at))) {
            throw new BootFileException("the PVH entry 0x%x is in no segment".formatted(at));
        }
        return new ElfImage(at, segments);
    }

    private static Segment segment(MemorySegment file, long header) throws BootFileException {
        long offset = file.get(LONG, header + OFFSET);
        long gpa = file.get(LONG, header + PHYSICAL);
        long fileBytes = file.get(LONG, header + FILE_BYTES);
        long memoryBytes = file.get(LONG, header + MEMORY_BYTES);
        inside(file, offset, fileBytes);
        if (gpa < 0
                || gpa > MAX_ADDRESS
                || memoryBytes < fileBytes
                || memoryBytes > MAX_ADDRESS) {
            throw new BootFileException("an ELF file with an impossible segment");
        }
        return new Segment(offset, fileBytes, gpa, memoryBytes);
    }

    private static OptionalLong entry(MemorySegment file, long header) throws BootFileException {
        long at = file.get(LONG, header + OFFSET);
        long bytes = file.get(LONG, header + FILE_BYTES);
        inside(file, at, bytes);
        long end = at + bytes;
        while (end - at >= NOTE_HEADER_BYTES) {
            long nameBytes = Integer.toUnsignedLong(file.get(INT, at));
            long valueBytes = Integer.toUnsignedLong(file.get(INT, at + 4));
            int type = file.get(INT, at + 8);
            long name = at + NOTE_HEADER_BYTES;
            long value = name + align(nameBytes);
            if (value + valueBytes > end) {
                throw new BootFileException("an ELF note that runs out of its segment");
            }
            if (type == PHYS32_ENTRY
                    && nameBytes == Integer.BYTES
                    && valueBytes >= Integer.BYTES
                    && file.get(INT, name) == XEN_NAME) {
                return OptionalLong.of(Integer.toUnsignedLong(file.get(INT, value)));
            }
            at = value + align(valueBytes);
        }
        return OptionalLong.empty();
    }

    private static long align(long bytes) {
        return bytes + 3 & -Integer.BYTES;
    }

    private static void inside(MemorySegment file, long offset, long bytes)
            throws BootFileException {
        if (offset < 0 || bytes < 0 || offset > file.byteSize() - bytes) {
            throw new BootFileException("truncated: the ELF file has parts beyond its end");
        }
    }
}
