package nestor.machine.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.airlift.compress.lz4.Lz4Compressor;
import io.airlift.compress.zstd.ZstdCompressor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.GZIPOutputStream;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.LZMAOutputStream;
import org.tukaani.xz.XZOutputStream;

/** Kernels that are entered by PVH, whole, packed and damaged. */
class PvhKernelTest {
    @TempDir private Path folder;

    private PvhKernel open(ByteBuffer contents) throws IOException, BootFileException {
        return PvhKernel.open(write(contents));
    }

    private Path write(ByteBuffer contents) throws IOException {
        byte[] bytes = new byte[contents.capacity()];
        contents.get(0, bytes);
        return Files.write(folder.resolve("kernel"), bytes);
    }

    private void assertRefused(ByteBuffer contents, String message) {
        assertThatThrownBy(() -> open(contents))
                .isInstanceOf(BootFileException.class)
                .hasMessageContaining(message);
    }

    private interface Packer {
        OutputStream around(OutputStream out) throws IOException;
    }

    private static byte[] packed(byte[] plain, boolean sized, Packer packer) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (OutputStream in = packer.around(out)) {
            in.write(plain);
        }
        return sized ? sized(out.toByteArray(), plain.length) : out.toByteArray();
    }

    private static byte[] sized(byte[] packed, int plainBytes) {
        return ByteBuffer.allocate(packed.length + 4)
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(packed)
                .putInt(plainBytes)
                .array();
    }

    private static byte[] zstd(byte[] plain) {
        byte[] packed = new byte[2 * plain.length + 100];
        int length =
                new ZstdCompressor().compress(plain, 0, plain.length, packed, 0, packed.length);
        return sized(Arrays.copyOf(packed, length), plain.length);
    }

    /** One raw block in a frame with a window of 128 MiB, as Linux packs its kernels. */
    private static byte[] zstdOfWideWindow(byte[] plain) {
        int header = 1 | plain.length << 3;
        ByteBuffer frame =
                ByteBuffer.allocate(9 + plain.length)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(0xfd2fb528)
                        .put((byte) 0)
                        .put((byte) 0x88)
                        .put((byte) header)
                        .putShort((short) (header >> 8))
                        .put(plain);
        return sized(frame.array(), plain.length);
    }

    private static byte[] lz4(byte[] plain) {
        byte[] block = new byte[2 * plain.length + 100];
        int length = new Lz4Compressor().compress(plain, 0, plain.length, block, 0, block.length);
        byte[] packed =
                ByteBuffer.allocate(8 + length)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(0x184c2102)
                        .putInt(length)
                        .put(block, 0, length)
                        .array();
        return sized(packed, plain.length);
    }

    @Test
    @DisplayName("ELF: segments go to their physical addresses, the rest of them is zero")
    void segmentsAreLoaded() throws IOException, BootFileException, GuestAccessException {
        PvhKernel kernel = open(PvhKernels.elf());
        assertThat(kernel.entry()).isEqualTo(PvhKernels.ENTRY);
        assertThat(kernel.startGpa()).isEqualTo(PvhKernels.GPA);
        assertThat(kernel.endGpa()).isEqualTo(PvhKernels.GPA + PvhKernels.MEMORY_BYTES);
        try (GuestMemory memory = GuestMemory.anonymous(0, 4 << 20)) {
            int end = (int) kernel.endGpa();
            byte[] old = new byte[4 << 20];
            Arrays.fill(old, (byte) 0xee);
            memory.copyIn(MemorySegment.ofArray(old), 0);
            kernel.load(memory);
            byte[] now = new byte[4 << 20];
            memory.copyOut(0, MemorySegment.ofArray(now));
            int start = (int) PvhKernels.GPA;
            int data = start + PvhKernels.CODE.length;
            assertThat(Arrays.copyOfRange(now, start, data)).isEqualTo(PvhKernels.CODE);
            assertThat(Arrays.copyOfRange(now, data, end)).containsOnly(0);
            assertThat(now[start - 1]).isEqualTo((byte) 0xee);
            assertThat(now[end]).isEqualTo((byte) 0xee);
        }
    }

    @Test
    @DisplayName("bzImage: the payload is inflated, whatever it is packed by")
    void payloadsAreInflated() throws IOException, BootFileException, GuestAccessException {
        byte[] elf = PvhKernels.elf().array();
        byte[][] payloads = {
            packed(elf, false, GZIPOutputStream::new),
            packed(elf, true, out -> new XZOutputStream(out, new LZMA2Options())),
            packed(elf, true, out -> new LZMAOutputStream(out, new LZMA2Options(), -1)),
            zstd(elf),
            zstdOfWideWindow(elf),
            lz4(elf)
        };
        for (byte[] payload : payloads) {
            PvhKernel kernel = open(PvhKernels.bzImage(payload));
            assertThat(kernel.elf()).isEqualTo(open(PvhKernels.elf()).elf());
        }
    }

    @Test
    void othersGetTheElfFile() throws IOException, BootFileException {
        byte[] elf = PvhKernels.elf().array();
        Path file = folder.resolve("bzImage");
        Files.write(file, PvhKernels.bzImage(zstd(elf)).array());
        assertThat(PvhKernel.unpack(file)).isEqualTo(elf);
    }

    @Test
    void whatIsNoKernelIsNamed() throws IOException {
        assertRefused(ByteBuffer.allocate(0), "not an x86-64 kernel");
        assertRefused(ByteBuffer.allocate(4096), "not an x86-64 kernel");
        ByteBuffer arm64 = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
        assertRefused(arm64.putInt(56, 0x644d5241), "a kernel for arm64");
        assertRefused(PvhKernels.elf().putShort(18, (short) 183), "not for x86-64");
        assertRefused(PvhKernels.elf().put(4, (byte) 1), "not for x86-64");
        ByteBuffer old = PvhKernels.bzImage(new byte[64]).putShort(0x206, (short) 0x207);
        assertRefused(old, "boot protocol 2.07");
    }

    @Test
    void withoutANoteThereIsNoEntry() {
        assertRefused(PvhKernels.elf().putInt(PvhKernels.NOTE_HEADER, 6), "no PVH entry");
        ByteBuffer other = PvhKernels.elf().putInt(PvhKernels.NOTE + 20 + 8, 17);
        assertRefused(other, "no PVH entry");
        ByteBuffer nowhere = PvhKernels.elf().putInt(PvhKernels.NOTE + 20 + 16, 0x20_0000);
        assertRefused(nowhere, "the PVH entry 0x200000 is in no segment");
    }

    @Test
    void partsBeyondTheEndAreRefused() {
        assertRefused(PvhKernels.elf().putLong(32, 1L << 62), "truncated");
        assertRefused(PvhKernels.elf().putLong(32, -1L), "truncated");
        ByteBuffer segment = PvhKernels.elf().putLong(PvhKernels.LOAD_HEADER + 8, 0x10000);
        assertRefused(segment, "truncated");
        ByteBuffer larger = PvhKernels.elf().putLong(PvhKernels.LOAD_HEADER + 40, 1);
        assertRefused(larger, "an impossible segment");
        ByteBuffer note = PvhKernels.elf().putInt(PvhKernels.NOTE + 4, -1);
        assertRefused(note, "runs out of its segment");
        assertRefused(PvhKernels.elf().putShort(56, (short) -1), "impossible program headers");
        assertRefused(PvhKernels.bzImage(new byte[64]).putInt(0x24c, 65), "truncated");
        assertRefused(PvhKernels.bzImage(new byte[64]).putInt(0x248, -1), "truncated");
    }

    @Test
    void damagedPayloadsAreRefused() throws IOException {
        byte[] elf = PvhKernels.elf().array();
        byte[] gzip = packed(elf, false, GZIPOutputStream::new);
        byte[] half = sized(Arrays.copyOf(gzip, gzip.length / 2), elf.length);
        assertRefused(PvhKernels.bzImage(half), "ends early");
        byte[] longer = gzip.clone();
        longer[longer.length - 4]--;
        assertRefused(PvhKernels.bzImage(longer), "inflates to more than it says");
        byte[] xz = packed(elf, true, out -> new XZOutputStream(out, new LZMA2Options()));
        xz[xz.length / 2] ^= 1;
        assertRefused(PvhKernels.bzImage(xz), "a damaged compressed kernel");
        byte[] zstd = zstd(elf);
        zstd[zstd.length - 4]--;
        assertRefused(PvhKernels.bzImage(zstd), "a damaged compressed kernel");
        zstd[zstd.length - 1] = 0x7f;
        assertRefused(PvhKernels.bzImage(zstd), "a kernel of more than 128 MiB");
        byte[] lz4 = lz4(elf);
        lz4[5]++;
        assertRefused(PvhKernels.bzImage(lz4), "truncated");
        assertRefused(PvhKernels.bzImage(new byte[64]), "not compressed by");
        assertRefused(PvhKernels.bzImage(new byte[3]), "truncated");
        byte[] text = packed(new byte[4096], false, GZIPOutputStream::new);
        assertRefused(PvhKernels.bzImage(text), "not an ELF file");
    }

    @Test
    void aFileThatChangesIsAnError() throws IOException, BootFileException {
        PvhKernel kernel = open(PvhKernels.elf());
        ByteBuffer other = PvhKernels.elf().putLong(PvhKernels.LOAD_HEADER + 40, 0x2000);
        write(other);
        try (GuestMemory memory = GuestMemory.anonymous(0, 4 << 20)) {
            assertThatThrownBy(() -> kernel.load(memory))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("changed while the machine ran");
        }
    }
}
