package nestor.machine.boot;

import static nestor.vmm.register.BitField.bit;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.BitField;

/**
 * An arm64 kernel {@code Image}, plain or gzip'ed, whose header has been checked (booting document,
 * section 4). It is read again each time it is loaded.
 *
 * @param file on the host
 * @param textOffset from a 2 MiB boundary to where the image goes
 * @param imageBytes that must be free from there on, more than the file has
 */
public record KernelImage(Path file, long textOffset, long imageBytes) {
    /** A gzip'ed image that grows beyond this is refused. */
    private static final long MAX_IMAGE_BYTES = 1L << 30;

    private static final int HEADER_BYTES = 64;
    private static final int TEXT_OFFSET = 8;
    private static final int IMAGE_SIZE = 16;
    private static final int FLAGS = 24;
    private static final int MAGIC = 56;
    private static final int PE_OFFSET = 60;
    private static final int ARM64_MAGIC = 0x644d5241;
    private static final BitField BIG_ENDIAN = bit(0);

    /** The EFI stub makes the image a PE file, whose sections tell how long it should be. */
    private static final int PE_SIGNATURE = 0x4550;

    private static final int PE_SECTIONS = 6;
    private static final int PE_OPTIONAL_BYTES = 20;
    private static final int PE_HEADER_BYTES = 24;
    private static final int SECTION_BYTES = 40;
    private static final int SECTION_RAW_BYTES = 16;
    private static final int SECTION_RAW_OFFSET = 20;
    private static final int MAX_PE_HEADERS = 4096;
    private static final int CHUNK_BYTES = 1 << 20;

    /**
     * Reads and checks {@code file}.
     *
     * @throws BootFileException if it is no arm64 image, or not all of one
     */
    public static KernelImage open(Path file) throws BootFileException, IOException {
        try (InputStream in = contents(file)) {
            byte[] start = in.readNBytes(MAX_PE_HEADERS);
            ByteBuffer header = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN);
            if (start.length < HEADER_BYTES || header.getInt(MAGIC) != ARM64_MAGIC) {
                throw new BootFileException("not an arm64 Linux kernel Image");
            }
            if (BIG_ENDIAN.isSet(header.getLong(FLAGS))) {
                throw new BootFileException("a big-endian kernel, which is not supported");
            }
            long fileBytes = start.length + count(in);
            if (fileBytes < expectedBytes(header)) {
                throw new BootFileException(
                        "truncated: %d bytes of %d".formatted(fileBytes, expectedBytes(header)));
            }
            long textOffset = header.getLong(TEXT_OFFSET);
            long imageBytes = Math.max(header.getLong(IMAGE_SIZE), fileBytes);
            if (textOffset < 0
                    || textOffset > MAX_IMAGE_BYTES
                    || header.getLong(IMAGE_SIZE) < 0
                    || imageBytes > MAX_IMAGE_BYTES) {
                throw new BootFileException("an image header with impossible sizes");
            }
            return new KernelImage(file, textOffset, imageBytes);
        } catch (EOFException e) {
            throw new BootFileException("truncated: the gzip stream ends early");
        } catch (ZipException e) {
            throw new BootFileException("a damaged gzip stream: " + e.getMessage());
        }
    }

    /**
     * Copies the image into guest memory.
     *
     * @throws IOException if the file cannot be read any more
     * @throws GuestAccessException if there is no RAM for it at {@code gpa}
     */
    public void load(GuestMemory memory, long gpa) throws IOException, GuestAccessException {
        try (InputStream in = contents(file)) {
            long at = gpa;
            byte[] chunk = new byte[CHUNK_BYTES];
            int length;
            while ((length = in.readNBytes(chunk, 0, chunk.length)) > 0) {
                memory.copyIn(MemorySegment.ofArray(chunk).asSlice(0, length), at);
                at += length;
            }
        }
    }

    private static InputStream contents(Path file) throws IOException {
        InputStream raw = new BufferedInputStream(Files.newInputStream(file), CHUNK_BYTES);
        raw.mark(2);
        boolean gzip = raw.read() == 0x1f && raw.read() == 0x8b;
        raw.reset();
        return gzip ? new GZIPInputStream(raw, CHUNK_BYTES) : raw;
    }

    private static long count(InputStream in) throws IOException, BootFileException {
        byte[] chunk = new byte[CHUNK_BYTES];
        long total = 0;
        int length;
        while ((length = in.read(chunk)) > 0) {
            total += length;
            if (total > MAX_IMAGE_BYTES) {
                throw new BootFileException("larger than 1 GiB");
            }
        }
        return total;
    }

    /** Bytes that the PE sections need; 0 if there is no PE header to tell. */
    private static long expectedBytes(ByteBuffer header) {
        int pe = header.getInt(PE_OFFSET);
        if (header.getShort(0) != 0x5a4d || !within(header, pe, PE_HEADER_BYTES)) {
            return 0;
        }
        if (header.getInt(pe) != PE_SIGNATURE) {
            return 0;
        }
        int sections = Short.toUnsignedInt(header.getShort(pe + PE_SECTIONS));
        int table =
                pe + PE_HEADER_BYTES + Short.toUnsignedInt(header.getShort(pe + PE_OPTIONAL_BYTES));
        long expected = 0;
        for (int i = 0; i < sections; i++) {
            int section = table + i * SECTION_BYTES;
            if (!within(header, section, SECTION_BYTES)) {
                break;
            }
            long bytes = Integer.toUnsignedLong(header.getInt(section + SECTION_RAW_BYTES));
            long offset = Integer.toUnsignedLong(header.getInt(section + SECTION_RAW_OFFSET));
            expected = Math.max(expected, offset + bytes);
        }
        return expected;
    }

    private static boolean within(ByteBuffer header, int offset, int bytes) {
        return offset >= 0 && offset <= header.limit() - bytes;
    }
}
