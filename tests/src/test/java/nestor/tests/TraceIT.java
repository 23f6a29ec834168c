package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import nestor.control.Json;
import nestor.tests.NestorProcess.Result;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/**
 * Files that other people's tools read: a bare-metal guest's DMA, translation requests,
 * invalidations and page requests as trace-event JSON and as pcapng.
 */
class TraceIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final Path TSHARK = Path.of("/usr/bin/tshark");
    private static final Set<String> PHASES = Set.of("X", "M", "s", "t", "f");

    @TempDir private Path folder;

    /** The virtio-iommu's checks: those whose functions ask for pages. */
    private void record(String files) {
        Result result =
                NestorProcess.run(
                        LIMIT,
                        "test",
                        "--suite",
                        "bare",
                        "--iommu",
                        "virtio-iommu",
                        "--run",
                        "nestor",
                        "-trace",
                        files,
                        "-trace",
                        "pri_*",
                        "-trace",
                        "ats_*",
                        "-trace",
                        "dma_*");
        assumeFalse(
                result.stderr().contains("in PATH; install the packages"),
                "no cross compiler, and no right to install one");
        assertThat(result.exitCode()).describedAs(result.stderr()).isZero();
    }

    @Test
    void perfettoReadsTheTraceAndEveryFlowIsClosed() throws IOException {
        Path file = folder.resolve("trace.json");
        record("perfetto=" + file);

        JsonNode trace = Json.read(Files.readAllBytes(file));
        Map<Long, List<String>> flows = new HashMap<>();
        Set<String> names = new TreeSet<>();
        for (JsonNode event : trace.get("traceEvents")) {
            String phase = event.get("ph").asString();
            assertThat(PHASES).contains(phase);
            assertThat(event.get("pid").isIntegralNumber()).isTrue();
            assertThat(event.get("tid").isIntegralNumber()).isTrue();
            switch (phase) {
                case "X" -> {
                    assertThat(event.get("ts").asDouble()).isNotNegative();
                    assertThat(event.get("dur").asDouble()).isPositive();
                    names.add(event.get("name").asString());
                }
                case "M" -> assertThat(event.get("args").get("name").isString()).isTrue();
                default ->
                        flows.computeIfAbsent(event.get("id").asLong(), _ -> new ArrayList<>())
                                .add(phase);
            }
        }
        assertThat(names)
                .contains(
                        "ats_translation_request",
                        "pri_page_request",
                        "pri_page_response",
                        "ats_invalidate_request",
                        "dma_write");
        assertThat(flows).hasSizeGreaterThan(10);
        assertThat(flows.values())
                .allSatisfy(steps -> {
                    assertThat(steps.getFirst()).isEqualTo("s");
                    assertThat(steps.getLast()).isEqualTo("f");
                    assertThat(steps.subList(1, steps.size() - 1)).allMatch("t"::equals);
                });
        assertThat(flows.values()).anyMatch(steps -> steps.size() > 2);
    }

    @Test
    void tsharkReadsThePackets() throws Exception {
        assumeTrue(hasTshark(), "no tshark, and no right to install it");
        Path file = folder.resolve("trace.pcapng");
        record("pcap=" + file);

        List<String[]> packets =
                tshark(
                                file,
                                "-T",
                                "fields",
                                "-e",
                                "nestor.kind",
                                "-e",
                                "nestor.pasid",
                                "-e",
                                "frame.interface_name",
                                "-e",
                                "nestor.requester",
                                "-e",
                                "_ws.malformed",
                                "-e",
                                "_ws.lua.error")
                        .stream()
                        .map(line -> line.split("\t", -1))
                        .toList();
        assertThat(packets.stream().map(packet -> packet[0]).distinct())
                .contains(
                        "Memory Write",
                        "Memory Read",
                        "Completion with Data",
                        "Translation Request",
                        "Translation Completion",
                        "Invalidate Request",
                        "Invalidate Completion",
                        "Page Request",
                        "PRG Response");
        assertThat(packets)
                .allSatisfy(packet -> {
                    assertThat(packet[0]).isNotEmpty();
                    assertThat(packet[4] + packet[5]).describedAs("malformed").isEmpty();
                });
        List<String[]> requests =
                packets.stream()
                        .filter(packet -> packet[0].equals("Page Request") && !packet[1].isEmpty())
                        .toList();
        assertThat(requests)
                .isNotEmpty()
                .allSatisfy(packet -> {
                    assertThat(packet[3])
                            .describedAs("its interface is its function")
                            .isEqualTo(packet[2]);
                });
    }

    private List<String> tshark(Path file, String... arguments) throws Exception {
        List<String> command =
                new ArrayList<>(
                        List.of(
                                TSHARK.toString(),
                                "-X",
                                "lua_script:" + folder.resolve("nestor.lua"),
                                "-r",
                                file.toString()));
        command.addAll(List.of(arguments));
        Path output = folder.resolve("tshark.out");
        Process process =
                new ProcessBuilder(command)
                        .redirectOutput(output.toFile())
                        .redirectError(folder.resolve("tshark.err").toFile())
                        .start();
        assertThat(process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue())
                .describedAs(Files.readString(folder.resolve("tshark.err")))
                .isZero();
        return Files.readAllLines(output);
    }

    /** Installs it where it is missing and may be had. */
    private static boolean hasTshark() throws Exception {
        if (!Files.isExecutable(TSHARK) && System.getProperty("user.name").equals("root")) {
            ProcessBuilder install =
                    new ProcessBuilder(
                                    "apt-get",
                                    "install",
                                    "-y",
                                    "-q",
                                    "--no-install-recommends",
                                    "tshark")
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD);
            install.environment().put("DEBIAN_FRONTEND", "noninteractive");
            install.start().waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS);
        }
        return Files.isExecutable(TSHARK);
    }
}
