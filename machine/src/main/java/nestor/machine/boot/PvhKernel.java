package nestor.machine.boot;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.List;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

/**
 * A kernel that is entered by PVH: an ELF file, or a bzImage (Linux x86 boot protocol 2.08 and
 * later) whose payload is one and is inflated here rather than by the guest. It is read again each
 * time it is loaded.
 *
 * @param file on the host
 * @param elf what its headers say
 */
public record PvhKernel(Path file, ElfImage elf) {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int SECTOR_BYTES = 512;
    private static final int MIN_BZIMAGE_BYTES = 0x250;
    private static final int SETUP_SECTORS = 0x1f1;
    private static final int DEFAULT_SETUP_SECTORS = 4;
    private static final int HEADER_MAGIC = 0x202;
    private static final int HDRS = 0x53726448;
    private static final int VERSION = 0x206;
    private static final int MIN_VERSION = 0x208;
    private static final int PAYLOAD_OFFSET = 0x248;
    private static final int PAYLOAD_BYTES = 0x24c;

    private static final int ARM64_MAGIC_OFFSET = 0x38;
    private static final int ARM64_MAGIC = 0x644d5241;
    private static final int CHUNK_BYTES = 1 << 20;

    /**
     * Reads and checks {@code file}.
     *
     * @throws BootFileException if it is no kernel that can be entered by PVH, or not all of one
     */
    public static PvhKernel open(Path file) throws BootFileException, IOException {
        try (Arena arena = Arena.ofConfined()) {
            return new PvhKernel(file, ElfImage.parse(elf(map(file, arena))));
        }
    }

    /**
     * The kernel as an ELF file, for others that enter kernels by PVH.
     *
     * @throws BootFileException if {@code file} is no kernel that can be entered so
     */
    public static byte[] unpack(Path file) throws BootFileException, IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment elf = elf(map(file, arena));
            ElfImage.parse(elf);
            return elf.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** None, where nothing is loaded. */
    public static PvhKernel none() {
        return new PvhKernel(Path.of(""), new ElfImage(0, List.of()));
    }

    /** Guest-physical address of the first instruction. */
    public long entry() {
        return elf.entry();
    }

    /** First byte after all segments. */
    public long endGpa() {
        return elf.segments().stream().mapToLong(s -> s.gpa() + s.memoryBytes()).max().orElse(0);
    }

    /** First byte of all segments. */
    public long startGpa() {
        return elf.segments().stream().mapToLong(ElfImage.Segment::gpa).min().orElse(0);
    }

    /**
     * Copies the segments into guest memory.
     *
     * @throws IOException if the file cannot be read any more, or is another one now
     * @throws GuestAccessException if there is no RAM for them
     */
    public void load(GuestMemory memory) throws IOException, GuestAccessException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment image = elf(map(file, arena));
            if (!ElfImage.parse(image).equals(elf)) {
                throw new IOException(file + ": changed while the machine ran");
            }
            MemorySegment zeros = MemorySegment.ofArray(new byte[CHUNK_BYTES]);
            for (ElfImage.Segment segment : elf.segments()) {
                memory.copyIn(image, segment.offset(), segment.gpa(), segment.fileBytes());
                long end = segment.gpa() + segment.memoryBytes();
                for (long at = segment.gpa() + segment.fileBytes(); at < end; at += CHUNK_BYTES) {
                    memory.copyIn(zeros, 0, at, Math.min(CHUNK_BYTES, end - at));
                }
            }
        } catch (BootFileException e) {
            throw new IOException(file + ": " + e.getMessage(), e);
        }
    }

    private static MemorySegment map(Path file, Arena arena) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
        }
    }

    /** The ELF file that {@code file} is or has inside. */
    private static MemorySegment elf(MemorySegment file) throws BootFileException, IOException {
        if (file.byteSize() >= Integer.BYTES && file.get(INT, 0) == ElfImage.MAGIC) {
            return file;
        }
        if (file.byteSize() >= MIN_BZIMAGE_BYTES && file.get(INT, HEADER_MAGIC) == HDRS) {
            return MemorySegment.ofArray(Payload.inflate(payload(file)));
        }
        if (file.byteSize() > ARM64_MAGIC_OFFSET + Integer.BYTES
                && file.get(INT, ARM64_MAGIC_OFFSET) == ARM64_MAGIC) {
            throw new BootFileException("a kernel for arm64");
        }
        throw new BootFileException("not an x86-64 kernel (an ELF file or a bzImage)");
    }

    private static byte[] payload(MemorySegment file) throws BootFileException {
        int version = Short.toUnsignedInt(file.get(SHORT, VERSION));
        if (version < MIN_VERSION) {
            throw new BootFileException(
                    "a bzImage of boot protocol %d.%02d; 2.08 is the oldest that says where its"
                                    .formatted(version >> 8, version & 0xff)
                            + " kernel is");
        }
        int sectors = Byte.toUnsignedInt(file.get(ValueLayout.JAVA_BYTE, SETUP_SECTORS));
        long setup = (1L + (sectors == 0 ? DEFAULT_SETUP_SECTORS : sectors)) * SECTOR_BYTES;
        long start = setup + Integer.toUnsignedLong(file.get(INT, PAYLOAD_OFFSET));
        long bytes = Integer.toUnsignedLong(file.get(INT, PAYLOAD_BYTES));
        if (bytes > Payload.MAX_PLAIN_BYTES || start > file.byteSize() - bytes) {
            throw new BootFileException(
                    "truncated: %d bytes of %d".formatted(file.byteSize(), start + bytes));
        }
        return file.asSlice(start, bytes).toArray(ValueLayout.JAVA_BYTE);
    }
}
