package nestor.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Packets as PCIe Base 6.0 draws them, and the blocks of a pcapng file around them. */
class PcapSinkTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final Tlps tlps = new Tlps();

    private List<String> packets(String name, Object... fields) {
        return tlps.of(Recorded.event(name, 1000, fields)).stream()
                .map(packet -> {
                    byte[] bytes = new byte[packet.bytes().remaining()];
                    packet.bytes().duplicate().get(bytes);
                    return HexFormat.of().formatHex(bytes);
                })
                .toList();
    }

    @Test
    @DisplayName("§2.2.4.1, §2.2.5, §6.20.2.1: a memory write behind a PASID prefix")
    void aMemoryWriteHasItsPrefixAndByteEnables() {
        assertThat(
                        packets(
                                "dma_write",
                                "rid",
                                0x18,
                                "pasid",
                                5,
                                "privileged",
                                true,
                                "address",
                                0x1001L,
                                "bytes",
                                6L,
                                "status",
                                "SUCCESSFUL"))
                .containsExactly("91800005" + "40000002" + "0018017e" + "00001000");
    }

    @Test
    @DisplayName("§2.2.4.1: an address beyond 4 GiB takes a header of 4 DW; AT = 10b is translated")
    void aTranslatedReadFromHighMemoryIsCompleted() {
        assertThat(
                        packets(
                                "dma_read",
                                "rid",
                                0x18,
                                "pasid",
                                -1,
                                "address",
                                0x1_2345_6000L,
                                "bytes",
                                4096L,
                                "translated",
                                true,
                                "status",
                                "SUCCESSFUL"))
                .containsExactly(
                        "20000800" + "001801ff" + "00000001" + "23456000",
                        "4a000000" + "00000000" + "00180100");
    }

    @Test
    @DisplayName("§2.2.7.1: no request crosses 4 KiB")
    void aLargeRequestIsCutAtPages() {
        assertThat(
                        packets(
                                "dma_write",
                                "rid",
                                0x18,
                                "pasid",
                                -1,
                                "address",
                                0x1ff0L,
                                "bytes",
                                0x1020L,
                                "status",
                                "SUCCESSFUL"))
                .containsExactly(
                        "40000004" + "001801ff" + "00001ff0",
                        "40000000" + "001802ff" + "00002000",
                        "40000004" + "001803ff" + "00003000");
    }

    @Test
    @DisplayName("§10.2.2, §10.2.3: a translation request, and its completion's entries")
    void aTranslationRequestIsAMemoryReadOfItsOwnType() {
        assertThat(
                        packets(
                                "ats_translation_request",
                                "rid",
                                0x18,
                                "pasid",
                                5,
                                "address",
                                0x7000_0000_1000L,
                                "translations",
                                1,
                                "noWrite",
                                true,
                                "status",
                                "SUCCESSFUL",
                                "entries",
                                "9003"))
                .containsExactly(
                        "91000005" + "20000402" + "001801ff" + "00007000" + "00001001",
                        "4a000002" + "00000008" + "00180100" + "0000000000009003");
        assertThat(
                        packets(
                                "ats_translation_request",
                                "rid",
                                0x18,
                                "pasid",
                                -1,
                                "address",
                                0x1000L,
                                "translations",
                                2,
                                "status",
                                "UNSUPPORTED_REQUEST",
                                "entries",
                                ""))
                .containsExactly(
                        "00000404" + "001802ff" + "00001000", "0a000000" + "00002004" + "00180200");
    }

    @Test
    @DisplayName("§10.3: Invalidate Request and Completion")
    void invalidationsAreMessages() {
        assertThat(
                        packets(
                                "ats_invalidate_request",
                                "rid",
                                0x18,
                                "pasid",
                                -1,
                                "itag",
                                3,
                                "global",
                                false,
                                "address",
                                0x4000L,
                                "sizeLog2",
                                12))
                .containsExactly(
                        "72000002" + "00000301" + "00180000" + "00000000" + "0000000000004000");
        assertThat(packets("ats_invalidate_completion", "rid", 0x18, "pasid", -1, "itag", 3))
                .containsExactly("32000000" + "00180002" + "00000001" + "00000008");
    }

    @Test
    @DisplayName("§10.4: Page Request, Stop Marker and PRG Response")
    void pageRequestsAreMessages() {
        assertThat(
                        packets(
                                "pri_page_request",
                                "rid",
                                0x18,
                                "pasid",
                                5,
                                "address",
                                0x7000L,
                                "access",
                                2,
                                "prgIndex",
                                9,
                                "last",
                                true))
                .containsExactly("91000005" + "30000000" + "00180004" + "00000000" + "0000704e");
        assertThat(packets("pri_stop_marker", "rid", 0x18, "pasid", 5))
                .containsExactly("91000005" + "30000000" + "00180004" + "00000000" + "00000004");
        assertThat(packets("pri_page_response", "rid", 0x18, "pasid", -1, "prgIndex", 9, "code", 1))
                .containsExactly("32000000" + "00000005" + "00181009" + "00000000");
    }

    @Test
    void whatIsNoPacketIsLeftOut() {
        assertThat(packets("smmuv3_cmdq_consume", "cons", 1L)).isEmpty();
    }

    /** The type of each block; fails unless both lengths of each agree and all is used up. */
    private List<Integer> blocks() {
        ByteBuffer file = ByteBuffer.wrap(bytes.toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
        List<Integer> types = new java.util.ArrayList<>();
        while (file.hasRemaining()) {
            int start = file.position();
            types.add(file.getInt());
            int length = file.getInt();
            assertThat(length % 4).isZero();
            assertThat(file.getInt(start + length - 4)).isEqualTo(length);
            file.position(start + length);
        }
        return types;
    }

    @Test
    void aFileIsBlocksWithOneInterfaceForEachFunction() {
        PcapSink sink =
                new PcapSink(
                        new TraceOutput() {
                            @Override
                            public void write(byte[] piece) {
                                bytes.writeBytes(piece);
                            }

                            @Override
                            public void flush() {}

                            @Override
                            public void close(String last) {}
                        });
        for (int rid : new int[] {8, 16, 8}) {
            sink.take(Recorded.event("pri_stop_marker", 1000, "rid", rid, "pasid", 5));
        }
        sink.close();
        assertThat(blocks()).containsExactly(0x0a0d0d0a, 1, 6, 1, 6, 6);
        assertThat(bytes.toString(java.nio.charset.StandardCharsets.ISO_8859_1))
                .contains("00:01.0", "00:02.0");
    }

    @Test
    void theDissectorIsWrittenBesideTheFile(@TempDir Path folder) throws Exception {
        assertThat(Files.readString(PcapSink.dissector(folder)))
                .contains("DissectorTable.get(\"wtap_encap\")");
    }
}
