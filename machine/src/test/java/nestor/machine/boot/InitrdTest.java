package nestor.machine.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InitrdTest {
    @TempDir Path folder;

    private Path file(byte[] contents) throws IOException {
        return Files.write(folder.resolve("initrd"), contents);
    }

    private static byte[] join(byte[]... parts) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            all.writeBytes(part);
        }
        return all.toByteArray();
    }

    @Test
    void acceptsPlainAndCompressedArchivesOneAfterTheOther() throws IOException, BootFileException {
        byte[] cpio = BootFiles.cpio();
        assertThat(Initrd.open(file(cpio)).sizeBytes()).isEqualTo(cpio.length);
        Initrd.open(file(BootFiles.gzip(cpio)));
        Initrd.open(file(join(cpio, new byte[512 - cpio.length % 512], BootFiles.gzip(cpio))));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 60, 130, 150, 200, 255})
    void aCpioCutAnywhereIsTruncated(int bytes) throws IOException {
        Path file = file(Arrays.copyOf(BootFiles.cpio(), bytes));
        assertThatThrownBy(() -> Initrd.open(file))
                .isInstanceOf(BootFileException.class)
                .hasMessageMatching("truncated.*|not an initial RAM disk.*");
    }

    @Test
    void aGzipCutIsTruncated() throws IOException {
        byte[] packed = BootFiles.gzip(BootFiles.cpio());
        for (int length : new int[] {packed.length - 1, packed.length - 9, 12}) {
            Path file = file(Arrays.copyOf(packed, length));
            assertThatThrownBy(() -> Initrd.open(file))
                    .isInstanceOf(BootFileException.class)
                    .hasMessageContaining("truncated");
        }
    }

    @Test
    void aDamagedGzipIsFoundByItsChecksum() throws IOException {
        byte[] packed = BootFiles.gzip(BootFiles.cpio());
        packed[packed.length - 6] ^= 1;
        Path file = file(packed);
        assertThatThrownBy(() -> Initrd.open(file)).hasMessageContaining("damaged gzip");
    }

    @Test
    @DisplayName("RFC 8878 §3.1.1: frames and blocks are walked to the last one")
    void zstdFramesAreWalked() throws IOException, BootFileException {
        byte[] frame = HexFormat.of().parseHex("28b52ffd" + "20" + "05" + "290000" + "68656c6c6f");
        Initrd.open(file(frame));
        Initrd.open(file(join(frame, frame)));
        Path file = file(Arrays.copyOf(frame, frame.length - 2));
        assertThatThrownBy(() -> Initrd.open(file)).hasMessageContaining("truncated");
    }

    @Test
    void anXzWithoutFooterIsTruncated() throws IOException, BootFileException {
        byte[] head = HexFormat.of().parseHex("fd377a585a000004");
        byte[] foot = HexFormat.of().parseHex("000000000000595a");
        Initrd.open(file(join(head, foot)));
        Initrd.open(file(join(head, foot, new byte[4])));
        Path file = file(join(head, new byte[] {1, 2, 3, 4}));
        assertThatThrownBy(() -> Initrd.open(file)).hasMessageContaining("truncated");
    }

    private static final String LZ4 =
            "02214c184e0000007f303730373031300100222f3135370014052800ff0f696e6974000023212f62696e2f"
                    + "73680a6563686f2068656c6c6f0a0000008c00290f02001614622a00e0545241494c455221212100"
                    + "000000";

    /** Version 1.04, flags: checksum of the plain bytes; one stored block. */
    private static final String LZO =
            "894c5a4f000d0a1a0a"
                    + "1040208009400105"
                    + "00000001"
                    + "000081a40000000000000000"
                    + "0000000000"
                    + "0000000500000005062c0215"
                    + "68656c6c6f"
                    + "00000000";

    private static final String BZIP2 =
            "425a683931415926535972bc7cd60000175f8044106800f280222414081a658c002000545004c4323313536a"
                    + "094227a868d0d003445487cc85c57b573693bc6ac81d686640282a968c945bec6090600073222321"
                    + "43f8685c222993abbf17724538509072bc7cd6";

    private static final String LZMA =
            "5d00008000ffffffffffffffff00180ddd04639d91405de6a00cb6c61f5847984eab7797050fd9b75560f01b"
                    + "047e704e2fbaf7e0d16498faaf9e8f6beaec8fefe68688213ffb83444d6c495474da28bfff7bf9c0"
                    + "00";

    @ParameterizedTest
    @ValueSource(strings = {LZ4, LZO, BZIP2, LZMA})
    @DisplayName("lz4, lzo, bzip2, lzma: whole streams pass, streams cut anywhere are truncated")
    void otherCompressionsCutAnywhereAreTruncated(String hex)
            throws IOException, BootFileException {
        byte[] whole = HexFormat.of().parseHex(hex);
        Initrd.open(file(whole));
        for (int length = 9; length < whole.length; length++) {
            Path cut = file(Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> Initrd.open(cut))
                    .describedAs("%d of %d bytes", length, whole.length)
                    .isInstanceOf(BootFileException.class)
                    .hasMessageContaining("truncated");
        }
    }

    @Test
    void zerosMayFollowACompressedArchive() throws IOException, BootFileException {
        for (String hex : new String[] {LZ4, LZO, BZIP2, LZMA}) {
            Initrd.open(file(join(HexFormat.of().parseHex(hex), new byte[512])));
        }
    }

    @Test
    @DisplayName("LZMA: matches of every distance decode to the size the header promises")
    void lzmaOfManyDistances() throws IOException, BootFileException {
        // 200 000 bytes of a repeating pattern with far repetitions, made with xz --format=lzma.
        byte[] packed;
        try (var in = InitrdTest.class.getResourceAsStream("distances.lzma")) {
            packed = java.util.Objects.requireNonNull(in).readAllBytes();
        }
        Initrd.open(file(packed));
        packed[packed.length / 2] ^= 0x10;
        Path damaged = file(packed);
        assertThatThrownBy(() -> Initrd.open(damaged)).isInstanceOf(BootFileException.class);
    }

    @Test
    void otherFilesAreRefused() throws IOException {
        Path text = file("hello, this is no archive".getBytes(StandardCharsets.US_ASCII));
        assertThatThrownBy(() -> Initrd.open(text)).hasMessageContaining("not an initial RAM disk");
        Path empty = file(new byte[0]);
        assertThatThrownBy(() -> Initrd.open(empty)).hasMessage("empty");
    }
}
