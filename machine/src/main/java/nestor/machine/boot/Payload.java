package nestor.machine.boot;

import io.airlift.compress.MalformedInputException;
import io.airlift.compress.lz4.Lz4Decompressor;
import io.airlift.compress.zstd.ZstdDecompressor;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
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
 * file. But for gzip, its length when it is inflated follows in four bytes.
 */
final class Payload {
    /** A payload that grows beyond this is refused. */
    static final int MAX_PLAIN_BYTES = 128 << 20;

    private static final int LZ4_MAGIC_BYTES = 4;
    private static final int LZ4_BLOCK_BYTES = 8 << 20;
    private static final int MAX_XZ_MEMORY_KIB = 160 << 10;
    private static final int CHUNK_BYTES = 1 << 16;
    private static final String TOO_LARGE =
            "a kernel of more than %d MiB".formatted(MAX_PLAIN_BYTES >> 20);

    private Payload() {}

    /**
     * Inflates a payload.
     *
     * @throws BootFileException if it is damaged, too large, or compressed in another way
     */
    static byte[] inflate(byte[] payload) throws IOException, BootFileException {
        String magic =
                HexFormat.of().formatHex(Arrays.copyOf(payload, Math.min(payload.length, 6)));
        try {
            if (magic.startsWith("1f8b")) {
                return drain(new GZIPInputStream(new ByteArrayInputStream(payload), CHUNK_BYTES));
            }
            int plainBytes = plainBytes(payload);
            byte[] packed = Arrays.copyOf(payload, payload.length - Integer.BYTES);
            if (magic.startsWith("28b52ffd")) {
                return zstd(packed, plainBytes);
            }
            if (magic.startsWith("fd377a585a00")) {
                return drain(
                        new SingleXZInputStream(
                                new ByteArrayInputStream(packed), MAX_XZ_MEMORY_KIB));
            }
            if (magic.startsWith("02214c18")) {
                return lz4(packed, plainBytes);
            }
            if (magic.startsWith("5d0000")) {
                return drain(
                        new LZMAInputStream(new ByteArrayInputStream(packed), MAX_XZ_MEMORY_KIB));
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
            throw new BootFileException(TOO_LARGE);
        }
        return bytes;
    }

    private static int little(byte[] bytes, int offset) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(offset);
    }

    private static byte[] zstd(byte[] packed, int plainBytes) throws BootFileException {
        byte[] plain = new byte[plainBytes];
        int length =
                new ZstdDecompressor().decompress(packed, 0, packed.length, plain, 0, plainBytes);
        return whole(plain, length);
    }

    /** The legacy format: blocks that begin with their length. */
    private static byte[] lz4(byte[] packed, int plainBytes) throws BootFileException {
        byte[] plain = new byte[plainBytes];
        Lz4Decompressor decompressor = new Lz4Decompressor();
        int at = LZ4_MAGIC_BYTES;
        int length = 0;
        while (at + Integer.BYTES <= packed.length) {
            int block = little(packed, at);
            at += Integer.BYTES;
            if (block < 0 || block > packed.length - at) {
                throw new BootFileException("truncated: the compressed kernel ends early");
            }
            int room = Math.min(LZ4_BLOCK_BYTES, plainBytes - length);
            length += decompressor.decompress(packed, at, block, plain, length, room);
            at += block;
        }
        return whole(plain, length);
    }

    private static byte[] whole(byte[] plain, int length) throws BootFileException {
        if (length != plain.length) {
            throw new BootFileException(
                    "truncated: the kernel inflates to %d bytes of %d"
                            .formatted(length, plain.length));
        }
        return plain;
    }

    private static byte[] drain(InputStream in) throws IOException, BootFileException {
        try (in) {
            ByteArrayOutputStream plain = new ByteArrayOutputStream();
            byte[] chunk = new byte[CHUNK_BYTES];
            int length = in.read(chunk);
            while (length >= 0) {
                plain.write(chunk, 0, length);
                if (plain.size() > MAX_PLAIN_BYTES) {
                    throw new BootFileException(TOO_LARGE);
                }
                length = in.read(chunk);
            }
            return plain.toByteArray();
        }
    }
}
