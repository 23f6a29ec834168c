package nestor.machine.boot;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

/**
 * An initial RAM disk that has been looked at: cpio archives in the "newc" format, possibly
 * compressed, one after the other with zeros between them (Linux kernel documentation, {@code
 * driver-api/early-userspace/buffer-format}). A truncated one would show only deep in the guest's
 * boot, so it is found here: uncompressed archives by their trailer, gzip by its checksum, zstd,
 * lz4 and lzo by their blocks, xz and bzip2 by their footer, lzma by decoding it.
 *
 * @param file on the host
 * @param sizeBytes of it
 */
public record Initrd(Path file, long sizeBytes) {
    private static final int CHUNK_BYTES = 1 << 20;
    private static final int MAGIC_BYTES = 6;

    private static final int CPIO_HEADER_BYTES = 110;
    private static final int CPIO_FILE_SIZE = 54;
    private static final int CPIO_NAME_SIZE = 94;
    private static final int CPIO_NUMBER_DIGITS = 8;
    private static final int MAX_NAME_BYTES = 1 << 16;
    private static final String TRAILER = "TRAILER!!!";

    private static final BigInteger BZIP2_END = new BigInteger("177245385090", 16);
    private static final BigInteger BZIP2_MASK =
            BigInteger.ONE.shiftLeft(48).subtract(BigInteger.ONE);
    private static final int BZIP2_TAIL_BYTES = 4096;

    /** Zeros that a checksum and the padding of the last byte can have at most. */
    private static final int BZIP2_FOOTER_SLACK = Integer.SIZE + 7;

    private static final String ENDS_EARLY = "truncated: ";

    /**
     * Looks at {@code file}.
     *
     * @throws BootFileException if it is no initial RAM disk, or not all of one
     */
    public static Initrd open(Path file) throws BootFileException, IOException {
        long sizeBytes = Files.size(file);
        if (sizeBytes == 0) {
            throw new BootFileException("empty");
        }
        try (InputStream in = new BufferedInputStream(Files.newInputStream(file), CHUNK_BYTES)) {
            boolean more = true;
            while (more) {
                more = scanSegment(in, file);
            }
        }
        return new Initrd(file, sizeBytes);
    }

    /**
     * Copies the file into guest memory.
     *
     * @throws IOException if the file cannot be read any more
     * @throws GuestAccessException if there is no RAM for it at {@code gpa}
     */
    public void load(GuestMemory memory, long gpa) throws IOException, GuestAccessException {
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);
            long at = gpa;
            while (at < gpa + sizeBytes && channel.read(chunk.clear()) > 0) {
                chunk.flip();
                long length = Math.min(chunk.remaining(), gpa + sizeBytes - at);
                memory.copyIn(MemorySegment.ofBuffer(chunk).asSlice(0, length), at);
                at += length;
            }
        }
    }

    /** One archive and the zeros before it; false at the end or where nothing more can be told. */
    private static boolean scanSegment(InputStream in, Path file)
            throws IOException, BootFileException {
        int first;
        do {
            in.mark(MAGIC_BYTES);
            first = in.read();
        } while (first == 0);
        if (first < 0) {
            return false;
        }
        in.reset();
        byte[] magic = in.readNBytes(MAGIC_BYTES);
        in.reset();
        String hex = HexFormat.of().formatHex(magic);
        if (hex.startsWith("303730373031") || hex.startsWith("303730373032")) {
            scanCpio(in);
            return true;
        }
        if (hex.startsWith("1f8b")) {
            scanGzip(in);
        } else if (hex.startsWith("28b52ffd")) {
            ZstdFrames.scan(in);
        } else if (hex.startsWith("fd377a585a00")) {
            checkXzFooter(file);
        } else if (hex.startsWith("02214c18")) {
            Lz4Blocks.scan(in);
        } else if (hex.startsWith("894c5a4f")) {
            LzopBlocks.scan(in);
        } else if (hex.startsWith("425a68")) {
            checkBzip2Footer(file);
        } else if (hex.startsWith("5d0000")) {
            LzmaStream.scan(in);
        } else {
            throw new BootFileException(
                    "not an initial RAM disk (cpio, or gzip, zstd, xz, lz4, lzo, bzip2, lzma of"
                            + " one)");
        }
        return false;
    }

    private static void scanCpio(InputStream in) throws IOException, BootFileException {
        while (true) {
            byte[] header = in.readNBytes(CPIO_HEADER_BYTES);
            if (header.length < CPIO_HEADER_BYTES) {
                throw new BootFileException(ENDS_EARLY + "the cpio archive has no trailer");
            }
            String text = new String(header, StandardCharsets.ISO_8859_1);
            if (!text.startsWith("07070")) {
                throw new BootFileException("a damaged cpio archive");
            }
            long fileSize = number(text, CPIO_FILE_SIZE);
            long nameSize = number(text, CPIO_NAME_SIZE);
            if (nameSize > MAX_NAME_BYTES) {
                throw new BootFileException("a damaged cpio archive");
            }
            String name =
                    new String(in.readNBytes((int) nameSize), StandardCharsets.ISO_8859_1).trim();
            if (name.equals(TRAILER)) {
                return;
            }
            long padding = (-(CPIO_HEADER_BYTES + nameSize) & 3) + (-fileSize & 3);
            try {
                in.skipNBytes(padding + fileSize);
            } catch (EOFException e) {
                throw new BootFileException(
                        ENDS_EARLY + "inside the cpio entry " + printable(name));
            }
        }
    }

    private static String printable(String name) {
        return name.replaceAll("[^ -~]", "?");
    }

    private static long number(String header, int offset) throws BootFileException {
        try {
            return Long.parseLong(header, offset, offset + CPIO_NUMBER_DIGITS, 16);
        } catch (NumberFormatException e) {
            throw new BootFileException("a damaged cpio archive");
        }
    }

    private static void scanGzip(InputStream in) throws IOException, BootFileException {
        byte[] chunk = new byte[CHUNK_BYTES];
        try (InputStream plain = new GZIPInputStream(in, CHUNK_BYTES)) {
            int length = plain.read(chunk);
            while (length > 0) {
                length = plain.read(chunk);
            }
        } catch (EOFException e) {
            throw new BootFileException(ENDS_EARLY + "the gzip stream ends early");
        } catch (ZipException e) {
            throw new BootFileException("a damaged gzip stream: " + e.getMessage());
        }
    }

    /** An xz stream ends with "YZ", padded with zeros to a multiple of four. */
    private static void checkXzFooter(Path file) throws IOException, BootFileException {
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer word = ByteBuffer.allocate(Integer.BYTES);
            long at = channel.size() & -Integer.BYTES;
            do {
                at -= Integer.BYTES;
                channel.read(word.clear(), Math.max(0, at));
            } while (at > 0 && word.getInt(0) == 0);
            if (word.get(2) != 'Y' || word.get(3) != 'Z') {
                throw new BootFileException(ENDS_EARLY + "the xz stream has no footer");
            }
        }
    }

    /**
     * A bzip2 stream ends with a marker of six bytes, the square root of pi, and a checksum of
     * four, at any bit; zeros may follow.
     */
    private static void checkBzip2Footer(Path file) throws IOException, BootFileException {
        try (FileChannel channel = FileChannel.open(file)) {
            long size = channel.size();
            ByteBuffer tail = ByteBuffer.allocate((int) Math.min(size, BZIP2_TAIL_BYTES));
            channel.read(tail, size - tail.capacity());
            BigInteger bits = new BigInteger(1, tail.array());
            int zeros = Math.max(0, bits.getLowestSetBit());
            // The checksum may itself end with zeros, and up to seven bits pad the last byte.
            for (int at = Math.max(0, zeros - BZIP2_FOOTER_SLACK); at <= zeros; at++) {
                if (bits.shiftRight(at + Integer.SIZE).and(BZIP2_MASK).equals(BZIP2_END)) {
                    return;
                }
            }
            throw new BootFileException(ENDS_EARLY + "the bzip2 stream has no footer");
        }
    }
}
