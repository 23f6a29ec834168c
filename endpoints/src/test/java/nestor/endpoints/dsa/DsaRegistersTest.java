package nestor.endpoints.dsa;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import nestor.endpoints.dsa.DsaOptions.TranslationServices;
import nestor.vmm.register.Register;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** §1 to §3: configuration space, capabilities, and the table of the document. */
class DsaRegistersTest {
    private DsaBench bench = new DsaBench();

    @AfterEach
    void close() {
        bench.close();
    }

    @Test
    @DisplayName("§3: the document has the table that the device has")
    void theDocumentHasTheTable() throws IOException {
        StringBuilder table = new StringBuilder();
        for (Register register : new DsaRegisters(DsaOptions.DEFAULT).table()) {
            table.append(
                    "| 0x%02x | %d | %s | 0x%x | %s | %s |%n"
                            .formatted(
                                    register.offset(),
                                    register.sizeBytes(),
                                    register.name(),
                                    register.reset(),
                                    bits(register.writeMask()),
                                    bits(register.w1cMask())));
        }
        String document = Files.readString(Path.of("..", "docs", "devices", "dsa.md"));
        assertThat(document).contains(table.toString());
    }

    private static String bits(long mask) {
        return mask == 0 ? "-" : "0x%x".formatted(mask);
    }

    @Test
    @DisplayName("§1: ids, class, BARs, MSI-X, and what the function can")
    void configurationSpace() {
        assertThat(bench.board.config(0, 4)).isEqualTo(0x0b25_8086L);
        assertThat(bench.board.config(0x09, 2)).isEqualTo(0x8000);
        assertThat(bench.board.config(0x0b, 1)).isEqualTo(8);
        bench.board.config(0x18, 4, -1);
        assertThat(bench.board.config(0x18, 4)).isEqualTo(0xfffe_000cL);
        int msix = bench.board.capability(0x11);
        assertThat(bench.board.config(msix + 2, 2) & 0x7ff).isEqualTo(8);
        assertThat(bench.board.config(msix + 4, 4)).isEqualTo(0x2000);
        int express = bench.board.capability(0x10);
        assertThat(bench.board.config(express + 2, 2) >>> 4 & 0xf).isEqualTo(9);
        assertThat(bench.board.config(express + 4, 4) >>> 28 & 1).isEqualTo(1);
        assertThat(bench.board.config(express + 0x24, 4) >>> 21 & 1).isEqualTo(1);
        assertThat(bench.board.config(bench.board.extendedCapability(0x1b) + 4, 2))
                .isEqualTo(0x1404);
        assertThat(bench.board.config(bench.board.extendedCapability(0x0f) + 4, 1)).isEqualTo(0x20);
        int pri = bench.board.extendedCapability(0x13);
        assertThat(bench.board.config(pri + 6, 2) & 0x8000).isNotZero();
        assertThat(bench.board.config(pri + 8, 4)).isEqualTo(512);
    }

    @Test
    @DisplayName("§3.1: capabilities that need ATS or PRI are there with them only")
    void capabilitiesFollowTheFunction() {
        assertThat(bench.get64(0x10)).isEqualTo(0x8155_001fL);
        assertThat(bench.get64(0x20)).isEqualTo(0x009f_0000_0008_0040L);
        bench.close();
        bench = new DsaBench(DsaOptions.DEFAULT.withTranslation(TranslationServices.ATS));
        assertThat(bench.get64(0x10) & 1).isZero();
        assertThat(bench.get64(0x20) >>> 48).isEqualTo(0x1f);
        bench.close();
        bench = new DsaBench(DsaOptions.DEFAULT.withTranslation(TranslationServices.NONE));
        assertThat(bench.get64(0x20) >>> 48).isEqualTo(0x1b);
        bench.set(0x608, -1);
        assertThat(bench.get(0x608)).isEqualTo(0x3fff_fff3L);
    }

    @Test
    @DisplayName("§3: what is not there reads as zero and takes nothing")
    void holes() {
        for (int offset = 0xe0; offset < 0x2000; offset += 4) {
            bench.set(offset, -1);
            boolean table =
                    offset >= 0x400 && offset < 0x500
                            || offset >= 0x600 && offset < 0x700
                            || offset >= 0x800 && offset < 0x800 + 9 * 8;
            if (!table) {
                assertThat(bench.get(offset)).isZero();
            }
        }
        assertThat(bench.get(0x800)).isEqualTo(0xffff_f00cL);
        assertThat(bench.get(0x804)).isZero();
        assertThat(bench.get(0x428)).isEqualTo(0x0ff0_ffbfL);
        assertThat(bench.get(0x42c)).isZero();
    }
}
