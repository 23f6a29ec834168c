package nestor.machine.boot;

import io.airlift.compress.MalformedInputException;
import io.airlift.compress.lz4.Lz4Decompressor;
import io.airlift.compress.zstd.ZstdDecompressor;
import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.zip.GZIPInputStream;
import java.util.zip.ZipException;
import org.tukaani.xz.LZMAInputStream;
import org.tukaani.xz.SingleXZInputStream;
import org.tukaani.xz.XZIOException;

/**
 * What an x86 kernel carries (Linux x86 boot protocol, {@code payload_offset}): a compressed ELF
 * file, which ends with the length that it has when it is inflated.
 */
final class Payload {
    /** A payload that grows beyond this is refused. */
    static final int MAX_PLAIN_BYTES = 128 << 20;

    private static final int LZ4_MAGIC_BYTES = 4;
    private static final int LZ4_BLOCK_BYTES = 8 << 20;
    private static final int MAX_XZ_MEMORY_KIB = 160 << 10;
    private static final int CHUNK_BYTES = 1 << 16;

    private Payload() {}

    /**
     * Inflates a payload.
     *
     * @throws BootFileException if it is damaged, too large, or compressed in another way
     */
    static byte[] inflate(byte[] payload) throws IOException, BootFileException {
        String magic =
                HexFormat.of().formatHex(Arrays.copyOf(payload, Math.min(payload.length, 6)));
        int plainBytes = plainBytes(payload);
        byte[] plain = new byte[plainBytes];
        boolean gzip = magic.startsWith("1f8b"); // whose own trailer ends with the length
        int packedBytes = payload.length - (gzip ? 0 : Integer.BYTES);
        InputStream packed = new ByteArrayInputStream(payload, 0, packedBytes);
        try {
            if (gzip) {
                return read(new GZIPInputStream(packed, CHUNK_BYTES), plain);
            }
            if (magic.startsWith("28b52ffd")) {
                ZstdDecompressor zstd = new ZstdDecompressor();
                byte[] frame = ZstdFrames.withSmallWindow(payload);
                return whole(plain, zstd.decompress(frame, 0, packedBytes, plain, 0, plainBytes));
            }
            if (magic.startsWith("fd377a585a00")) {
                return read(new SingleXZInputStream(packed, MAX_XZ_MEMORY_KIB), plain);
            }
            if (magic.startsWith("02214c18")) {
                return lz4(payload, packedBytes, plain);
            }
            if (magic.startsWith("5d0000")) {
                return read(new LZMAInputStream(packed, MAX_XZ_MEMORY_KIB), plain);
            }
        } catch (EOFException e) {
            throw new BootFileException("truncated: the compressed kernel ends early");
        } catch (ZipException | XZIOException | MalformedInputException e) {
            throw new BootFileException("a damaged compressed kernel: " + oneLine(e));
        }
        throw new BootFileException(
                "the kernel inside is not compressed by gzip, zstd, xz, lzma or lz4");
    }

    private static String oneLine(Exception e) {
        String message = e.getMessage();
        return message == null ? e.getClass().getSimpleName() : message.replaceAll("\\s+", " ");
    }

    private static int plainBytes(byte[] payload) throws BootFileException {
        if (payload.length < 2 * Integer.BYTES) {
            throw new BootFileException("truncated: there is no compressed kernel");
        }
        int bytes = little(payload, payload.length - Integer.BYTES);
        if (bytes < 0 || bytes > MAX_PLAIN_BYTES) {
            throw new BootFileException(
                    "a kernel of more than %d MiB".formatted(MAX_PLAIN_BYTES >> 20));
        }
        return bytes;
    }

    private static int little(byte[] bytes, int offset) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(offset);
    }

    /** The legacy format: blocks that begin with their length. */
    private static byte[] lz4(byte[] payload, int packedBytes, byte[] plain)
            throws BootFileException {
        Lz4Decompressor decompressor = new Lz4Decompressor();
        int at = LZ4_MAGIC_BYTES;
        int length = 0;
        while (at + Integer.BYTES <= packedBytes) {
            int block = little(payload, at);
            at += Integer.BYTES;
            if (block < 0 || block > packedBytes - at) {
                throw new BootFileException("truncated: the compressed kernel ends early");
            }
            int room = Math.min(LZ4_BLOCK_BYTES, plain.length - length);
            length += decompressor.decompress(payload, at, block, plain, length, room);
            at += block;
        }
        return whole(plain, length);
    }

    private static byte[] read(InputStream in, byte[] plain) throws IOException, BootFileException {
        try (in) {
            int length = in.readNBytes(plain, 0, plain.length);
            if (in.read() >= 0) {
                throw new BootFileException("the kernel inflates to more than it says");
            }
            return whole(plain, length);
        }
    }

    private static byte[] whole(byte[] plain, int length) throws BootFileException {
        if (length != plain.length) {
            throw new BootFileException(
                    "truncated: the kernel inflates to %d bytes of %d"
                            .formatted(length, plain.length));
        }
        return plain;
    }
}
