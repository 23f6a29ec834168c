package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** QMP with a stock guest that runs: a session from greeting to end, and clients that attack. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
@SuppressWarnings("NullAway.Init") // Nestor is started before each test
class QmpIT {
    private static final int CLIENTS = 100;
    private static final int LINE_BYTES = 10 << 20;

    /** The heap is 256 MiB at most: what clients may cost is far below. */
    private static final long GROWTH_KIB = 64 << 10;

    @TempDir private Path folder;
    private Process nestor;
    private Path socket;
    private Path serial;

    @BeforeEach
    void start() throws Exception {
        socket = folder.resolve("qmp");
        serial = folder.resolve("serial");
        nestor =
                NestorProcess.builder(
                                "run",
                                "--preset",
                                "virtio-iommu",
                                "-serial",
                                "file:" + serial,
                                "-qmp",
                                "unix:" + socket + ",server=on,wait=off",
                                "-device",
                                "pcie-root-port,id=rp9,chassis=9")
                        .redirectErrorStream(true)
                        .redirectOutput(folder.resolve("nestor").toFile())
                        .start();
        while (!(Files.exists(serial) && text(serial).contains("# ")) && nestor.isAlive()) {
            nestor.waitFor(200, TimeUnit.MILLISECONDS);
        }
        assertThat(nestor.isAlive()).describedAs(text(folder.resolve("nestor"))).isTrue();
    }

    @AfterEach
    void stop() throws InterruptedException {
        nestor.descendants().forEach(ProcessHandle::destroy);
        nestor.destroy();
        nestor.waitFor();
    }

    private static String text(Path file) throws IOException {
        return Files.readString(file, StandardCharsets.ISO_8859_1);
    }

    /** Guest instructions so far. */
    private static long retired(QmpSession client) throws IOException {
        String status =
                client.returned("human-monitor-command", "{\"command-line\":\"info status\"}")
                        .asString();
        Matcher matcher = Pattern.compile("([\\d,]+) instructions retired").matcher(status);
        assertThat(matcher.find()).describedAs(status).isTrue();
        return Long.parseLong(matcher.group(1).replace(",", ""));
    }

    /** Resident memory of the machine's process, in KiB. */
    private long residentKib() throws IOException {
        return Files.readAllLines(Path.of("/proc", Long.toString(nestor.pid()), "status")).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElseThrow();
    }

    @Test
    void aSessionFromTheGreetingToTheEnd() throws Exception {
        try (QmpSession client = new QmpSession(socket)) {
            JsonNode greeting = client.negotiate();
            assertThat(greeting.at("/QMP/version/qemu").isObject()).isTrue();
            assertThat(greeting.at("/QMP/capabilities").isArray()).isTrue();
            assertThat(client.returned("query-status", "{}").path("status").asString())
                    .isEqualTo("running");

            client.returned("stop", "{}");
            client.event("STOP");
            long stopped = retired(client);
            assertThat(retired(client)).isEqualTo(stopped);
            client.returned("cont", "{}");
            client.event("RESUME");
            while (retired(client) == stopped) {
                Thread.onSpinWait();
            }

            assertThat(client.reply("device_add", "{\"driver\":\"no-such\"}").at("/error/class"))
                    .hasToString("\"GenericError\"");
            assertThat(client.reply("no-such", "{}").at("/error/class"))
                    .hasToString("\"CommandNotFound\"");
            client.returned(
                    "device_add",
                    "{\"driver\":\"virtio-rng-pci\",\"id\":\"rng9\",\"bus\":\"rp9\"}");
            assertThat(client.returned("query-pci", "{}").toString()).contains("rng9");

            client.returned("quit", "{}");
            assertThat(client.event("SHUTDOWN").at("/data/reason").asString())
                    .isEqualTo("host-qmp-quit");
        }
        assertThat(nestor.waitFor(1, TimeUnit.MINUTES)).isTrue();
        assertThat(nestor.exitValue()).isZero();
        assertThat(socket).doesNotExist();
    }

    @Test
    void manyMuteSlowAndGreedyClientsCostTheGuestNeitherProgressNorMemory() throws Exception {
        List<QmpSession> attackers = new ArrayList<>();
        try (QmpSession good = new QmpSession(socket)) {
            good.negotiate();
            long instructions = retired(good);
            long resident = residentKib();
            for (int i = 0; i < CLIENTS; i++) {
                attackers.add(new QmpSession(socket)); // says nothing
            }
            byte[] greedy = new byte[LINE_BYTES];
            Arrays.fill(greedy, (byte) 'x');
            try (QmpSession client = new QmpSession(socket)) {
                client.negotiate();
                client.send("{\"execute\":\"".getBytes(StandardCharsets.UTF_8));
                client.send(greedy);
                client.send("\"}\r\n".getBytes(StandardCharsets.UTF_8));
                assertThat(client.read().at("/error/desc").asString())
                        .isEqualTo("a message has 65536 bytes at most");
                assertThat(client.returned("query-status", "{}").isObject()).isTrue();
            }
            for (int i = 0; i < 8; i++) {
                QmpSession slow = new QmpSession(socket); // asks on and on, and does not read
                slow.negotiate();
                attackers.add(slow);
                slow.offer(
                        "{\"execute\":\"query-pci\"}"
                                .repeat(2000)
                                .getBytes(StandardCharsets.UTF_8));
            }

            while (retired(good) == instructions) {
                Thread.onSpinWait();
            }
            long grown = residentKib() - resident;
            System.out.printf("resident before %d KiB, grown by %d KiB%n", resident, grown);
            assertThat(grown).isLessThan(GROWTH_KIB);
        } finally {
            for (QmpSession attacker : attackers) {
                attacker.close();
            }
        }
        try (QmpSession later = new QmpSession(socket)) {
            later.negotiate();
            assertThat(later.returned("query-status", "{}").path("running").asBoolean()).isTrue();
        }
    }
}
