package nestor.vtd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import nestor.vtd.DmarTable.Atsr;
import nestor.vtd.DmarTable.Drhd;
import nestor.vtd.DmarTable.Rhsa;
import nestor.vtd.DmarTable.Rmrr;
import nestor.vtd.DmarTable.Satc;
import nestor.vtd.DmarTable.Scope;
import nestor.vtd.DmarTable.ScopeType;
import nestor.vtd.DmarTable.Step;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** VT-d chapter 8: the DMAR table. */
class DmarTableTest {
    private static final DmarTable TABLE =
            new DmarTable(
                    48,
                    true,
                    false,
                    List.of(
                            new Drhd(
                                    false,
                                    0,
                                    0xfed9_0000L,
                                    List.of(
                                            Scope.of(ScopeType.ENDPOINT, 0, 0x18),
                                            new Scope(
                                                    ScopeType.BRIDGE,
                                                    0,
                                                    0,
                                                    List.of(new Step(0x1c, 0), new Step(0, 1))))),
                            new Drhd(
                                    true,
                                    0,
                                    0xfed9_1000L,
                                    List.of(
                                            Scope.of(ScopeType.IOAPIC, 2, 0xff),
                                            Scope.of(ScopeType.HPET, 0, 0xf0))),
                            new Rmrr(
                                    0,
                                    0x7000_0000L,
                                    0x7000_ffffL,
                                    List.of(Scope.of(ScopeType.ENDPOINT, 0, 0x10))),
                            new Atsr(true, 0, List.of()),
                            new Rhsa(0xfed9_1000L, 0)));

    @Test
    @DisplayName("§8.1: header, width, flags, and a sum of zero")
    void theHeaderIsAnAcpiTable() {
        byte[] bytes = TABLE.bytes();
        byte sum = 0;
        for (byte each : bytes) {
            sum += each;
        }
        assertThat(sum).isZero();
        assertThat(new String(bytes, 0, 4, StandardCharsets.US_ASCII)).isEqualTo("DMAR");
        assertThat(bytes[4] & 0xff | (bytes[5] & 0xff) << 8).isEqualTo(bytes.length);
        assertThat(bytes[36]).isEqualTo((byte) 47);
        assertThat(bytes[37]).isEqualTo((byte) 1);
    }

    @Test
    @DisplayName("§8.3, §8.3.1: a unit and its scopes, byte by byte")
    void theFirstUnitIsEncoded() {
        byte[] bytes = TABLE.bytes();
        byte[] unit = Arrays.copyOfRange(bytes, 48, 48 + 16 + 8 + 10);
        assertThat(unit)
                .containsExactly(
                        0, 0, 34, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0, // DRHD
                        1, 8, 0, 0, 0, 0, 3, 0, // endpoint 00:03.0
                        2, 10, 0, 0, 0, 0, 0x1c, 0, 0, 1); // bridge 00:1c.0, then 00.1
    }

    @Test
    @DisplayName("§8.8: SATC, which older disassemblers do not know")
    void integratedCachesAreEncoded() {
        var satc = new Satc(true, 3, List.of(Scope.of(ScopeType.ENDPOINT, 0, 0x108)));
        byte[] bytes = new DmarTable(48, false, true, List.of(satc)).bytes();
        assertThat(bytes[37]).isEqualTo((byte) 2);
        assertThat(Arrays.copyOfRange(bytes, 48, bytes.length))
                .containsExactly(5, 0, 16, 0, 1, 0, 3, 0, 1, 8, 0, 0, 0, 1, 1, 0);
    }

    @Test
    void theUnitOfAllOthersIsTheLastOfItsSegment() {
        Drhd all = new Drhd(true, 0, 0x1000, List.of());
        Drhd other = new Drhd(false, 0, 0x2000, List.of());
        Drhd elsewhere = new Drhd(false, 1, 0x2000, List.of());
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new DmarTable(48, false, false, List.of(all, other)));
        assertThat(new DmarTable(48, false, false, List.of(all, elsewhere)).bytes()).isNotEmpty();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new DmarTable(1, false, false, List.of()));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new Scope(ScopeType.ENDPOINT, 0, 0, List.of()));
    }

    @Test
    void theDisassemblerFindsEveryStructure(@TempDir Path directory)
            throws IOException, InterruptedException {
        Optional<Path> iasl = onPath("iasl");
        assumeTrue(iasl.isPresent(), "iasl is not installed");
        Files.write(directory.resolve("dmar.aml"), TABLE.bytes());
        Process process =
                new ProcessBuilder(iasl.get().toString(), "-d", "dmar.aml")
                        .directory(directory.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(directory.resolve("log").toFile())
                        .start();
        assertThat(process.waitFor()).isZero();
        assertThat(Files.readString(directory.resolve("log")))
                .doesNotContainIgnoringCase("error")
                .doesNotContainIgnoringCase("warning")
                .doesNotContain("nvalid");
        assertThat(Files.readString(directory.resolve("dmar.dsl")))
                .contains("Host Address Width : 2F")
                .contains("Subtable Type : 0000 [Hardware Unit Definition]")
                .contains("Register Base Address : 00000000FED91000")
                .contains("Device Scope Type : 03 [IOAPIC Device]")
                .contains("Device Scope Type : 04 [Message-capable HPET Device]")
                .contains("PCI Path : 1C,00")
                .contains("Subtable Type : 0001 [Reserved Memory Region]")
                .contains("End Address (limit) : 000000007000FFFF")
                .contains("Subtable Type : 0002 [Root Port ATS Capability]")
                .contains("Subtable Type : 0003 [Remapping Hardware Static Affinity]")
                .doesNotContain("Unknown");
    }

    private static Optional<Path> onPath(String program) {
        String path = System.getenv("PATH");
        return Stream.of((path == null ? "" : path).split(":"))
                .map(directory -> Path.of(directory, program))
                .filter(Files::isExecutable)
                .findFirst();
    }
}
