package nestor.machine.acpi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Stream;
import nestor.machine.pc.PcMap;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** ACPI 6.4, chapter 5: found from the RSDP as an operating system does. */
class AcpiTablesTest {
    private static final long GPA = PcMap.FIRMWARE;
    private static final AcpiTables BOARD =
            new AcpiTables(
                    new PcMap(6L << 30),
                    2,
                    List.of(new AcpiTables.RootBus(0, 31), new AcpiTables.RootBus(32, 255)),
                    Optional.empty(),
                    OptionalInt.of(0x18));

    private static Map<String, byte[]> tables(AcpiTables board) {
        byte[] image = board.at(GPA);
        ByteBuffer memory = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(new String(image, 0, 8, StandardCharsets.US_ASCII)).isEqualTo("RSD PTR ");
        assertThat(sum(Arrays.copyOf(image, 20))).isZero();
        assertThat(sum(Arrays.copyOf(image, 36))).isZero();
        Map<String, byte[]> found = new LinkedHashMap<>();
        byte[] xsdt = add(found, image, memory.getLong(24) - GPA);
        for (int i = 36; i < xsdt.length; i += 8) {
            add(found, image, little(xsdt).getLong(i) - GPA);
        }
        byte[] fadt = table(found, "FACP");
        assertThat(fadt).hasSize(276);
        add(found, image, little(fadt).getLong(140) - GPA);
        assertThat(little(fadt).getInt(40)).isEqualTo((int) little(fadt).getLong(140));
        int facs = little(fadt).getInt(36) - (int) GPA;
        assertThat(facs % 64).isZero();
        assertThat(new String(image, facs, 4, StandardCharsets.US_ASCII)).isEqualTo("FACS");
        return found;
    }

    private static byte[] add(Map<String, byte[]> found, byte[] image, long offset) {
        int at = (int) offset;
        byte[] table = Arrays.copyOfRange(image, at, at + little(image).getInt(at + 4));
        assertThat(at % 8).isZero();
        String signature = new String(table, 0, 4, StandardCharsets.US_ASCII);
        assertThat(sum(table)).as(signature).isZero();
        found.put(signature, table);
        return table;
    }

    private static byte[] table(Map<String, byte[]> tables, String signature) {
        return Objects.requireNonNull(tables.get(signature));
    }

    private static ByteBuffer little(byte[] bytes) {
        return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int sum(byte[] bytes) {
        int sum = 0;
        for (byte each : bytes) {
            sum += each;
        }
        return sum & 0xff;
    }

    @Test
    @DisplayName("§5.2.5 to §5.2.8: every table is listed, with a sum of zero")
    void everyTableIsFound() {
        assertThat(tables(BOARD)).containsOnlyKeys("XSDT", "FACP", "APIC", "MCFG", "VIOT", "DSDT");
        byte[] dmar = {'D', 'M', 'A', 'R', 37, 0, 0, 0, 0};
        dmar = Arrays.copyOf(dmar, 37);
        dmar[9] = (byte) -sum(dmar);
        AcpiTables other =
                new AcpiTables(
                        new PcMap(64 << 20),
                        1,
                        List.of(new AcpiTables.RootBus(0, 255)),
                        Optional.of(dmar),
                        OptionalInt.empty());
        assertThat(tables(other)).containsOnlyKeys("XSDT", "FACP", "APIC", "MCFG", "DMAR", "DSDT");
    }

    @Test
    @DisplayName("§5.2.9: ports of the fixed hardware and of the reset register")
    void theFadtNamesThePorts() {
        ByteBuffer fadt = little(table(tables(BOARD), "FACP"));
        assertThat(fadt.getShort(46)).isEqualTo((short) 9);
        assertThat(fadt.getInt(56)).isEqualTo(0x600);
        assertThat(fadt.getInt(64)).isEqualTo(0x604);
        assertThat(fadt.getInt(76)).isEqualTo(0x608);
        assertThat(fadt.get(108)).isEqualTo((byte) 0x32);
        assertThat(fadt.getLong(120)).isEqualTo(0xcf9);
        assertThat(fadt.get(128)).isEqualTo((byte) 6);
        assertThat(fadt.getLong(152)).isEqualTo(0x600);
        assertThat(fadt.getLong(176)).isEqualTo(0x604);
        assertThat(fadt.getLong(212)).isEqualTo(0x608);
    }

    @Test
    @DisplayName("§5.2.34: every RID but the IOMMU's own is behind it")
    void theViotLeavesTheIommuOut() {
        ByteBuffer viot = little(table(tables(BOARD), "VIOT"));
        assertThat(viot.getShort(36)).isEqualTo((short) 3);
        assertThat(viot.get(48)).isEqualTo((byte) 3);
        assertThat(viot.getShort(54)).isEqualTo((short) 0x18);
        assertThat(viot.getShort(64 + 12)).isZero();
        assertThat(viot.getShort(64 + 14)).isEqualTo((short) 0x17);
        assertThat(viot.getShort(88 + 12)).isEqualTo((short) 0x19);
        assertThat(viot.getShort(88 + 14)).isEqualTo((short) -1);
        assertThat(viot.getShort(88 + 16)).isEqualTo((short) 48);
    }

    @Test
    @DisplayName("every table disassembles without a complaint")
    void theDisassemblerKnowsEveryField(@TempDir Path folder)
            throws IOException, InterruptedException {
        Map<String, byte[]> tables = tables(BOARD);
        for (String signature : tables.keySet()) {
            Files.write(folder.resolve(signature + ".aml"), table(tables, signature));
            if (signature.equals("VIOT") && !knowsViot(folder)) {
                continue;
            }
            String log = iasl(folder, "-d", signature + ".aml");
            assertThat(log)
                    .as(signature)
                    .doesNotContainIgnoringCase("error")
                    .doesNotContainIgnoringCase("warning")
                    .doesNotContainIgnoringCase("nvalid");
            assertThat(Files.readString(folder.resolve(signature + ".dsl")))
                    .as(signature)
                    .doesNotContain("Unknown")
                    .doesNotContain("Incorrect");
        }
        assertThat(Files.readString(folder.resolve("APIC.dsl")))
                .contains("Local Apic Address : FEE00000")
                .contains("Subtable Type : 01 [I/O APIC]")
                .contains("Address : FEC00000")
                .contains("Trigger Mode : 3");
        assertThat(Files.readString(folder.resolve("MCFG.dsl")))
                .contains("Base Address : 00000000B0000000")
                .contains("End Bus Number : FF");
    }

    @Test
    @DisplayName("the disassembled DSDT compiles without an error, and says what was meant")
    void theDefinitionsCompileAgain(@TempDir Path folder)
            throws IOException, InterruptedException {
        Files.write(folder.resolve("DSDT.aml"), table(tables(BOARD), "DSDT"));
        iasl(folder, "-d", "DSDT.aml");
        String source = Files.readString(folder.resolve("DSDT.dsl"));
        assertThat(source)
                .contains("Device (PCI0)")
                .contains("Device (PC20)")
                .contains("EisaId (\"PNP0A08\")")
                .contains("EisaId (\"PNP0C02\")")
                .contains("Method (_OSC, 4, Serialized)")
                .contains("ToUUID (\"33db4d5b-1ff7-401c-9657-7441c03dd766\")")
                .contains("Name (_S5, Package (0x04)")
                .contains("0x0000001000000000") // 64-bit window, half of it
                .contains("0x00000017FFFFFFFF");
        String log = iasl(folder, "-p", "again", "DSDT.dsl");
        assertThat(log).contains(" 0 Errors").contains(" 0 Warnings");
        byte[] again = Files.readAllBytes(folder.resolve("again.aml"));
        byte[] first = table(tables(BOARD), "DSDT");
        assertThat(Arrays.equals(again, 36, again.length, first, 36, first.length)).isTrue();
    }

    @Test
    @DisplayName("PCI Firmware §4.5.1: _OSC grants what root ports have, and knows its UUID")
    void controlIsNegotiated(@TempDir Path folder) throws IOException, InterruptedException {
        Files.write(folder.resolve("DSDT.aml"), table(tables(BOARD), "DSDT"));
        String uuid = "(5B 4D DB 33 F7 1F 1C 40 96 57 74 41 C0 3D D7 66)";
        assertThat(negotiated(folder, uuid, "(00 00 00 00 1F 00 00 00 3F 00 00 00)"))
                .contains("10 00 00 00 1F 00 00 00 1D 00 00 00");
        assertThat(negotiated(folder, uuid, "(00 00 00 00 1F 00 00 00 11 00 00 00)"))
                .contains("00 00 00 00 1F 00 00 00 11 00 00 00");
        String other = uuid.replace("5B", "5C");
        assertThat(negotiated(folder, other, "(00 00 00 00 1F 00 00 00 11 00 00 00)"))
                .contains("04 00 00 00 1F 00 00 00 11 00 00 00");
    }

    private static String negotiated(Path folder, String uuid, String capabilities)
            throws IOException, InterruptedException {
        String call = "execute \\_SB.PCI0._OSC " + uuid + " 1 3 " + capabilities;
        return acpica(folder, "acpiexec", "-da", "-b", call, "DSDT.aml");
    }

    private static boolean knowsViot(Path folder) throws IOException, InterruptedException {
        iasl(folder, "-T", "VIOT");
        return Files.exists(folder.resolve("viot.asl"));
    }

    private static String iasl(Path folder, String... arguments)
            throws IOException, InterruptedException {
        return acpica(folder, "iasl", arguments);
    }

    private static String acpica(Path folder, String tool, String... arguments)
            throws IOException, InterruptedException {
        Optional<Path> program = onPath(tool);
        assumeTrue(program.isPresent(), tool + " is not installed");
        List<String> command = new ArrayList<>(List.of(program.get().toString()));
        command.addAll(List.of(arguments));
        Path log = folder.resolve("log");
        new ProcessBuilder(command)
                .directory(folder.toFile())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start()
                .waitFor();
        return Files.readString(log);
    }

    private static Optional<Path> onPath(String program) {
        String path = System.getenv("PATH");
        return Stream.of((path == null ? "" : path).split(":"))
                .map(directory -> Path.of(directory, program))
                .filter(Files::isExecutable)
                .findFirst();
    }
}
