package nestor.tests;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import nestor.testkit.CountingGuest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Browsers that are many, mute, slow, greedy or not invited, and a guest that counts. */
@Timeout(value = 4, unit = TimeUnit.MINUTES)
class WebAttackIT {
    private static final Duration START = Duration.ofMinutes(2);
    private static final int CLIENTS = 100;
    private static final int LINE_BYTES = 10 << 20;
    private static final int QUESTIONS = 2000;

    /** What clients may cost at most; a machine's heap is far above. */
    private static final long GROWTH_KIB = 64 << 10;

    private static final Pattern URL =
            Pattern.compile("http://127\\.0\\.0\\.1:(\\d+)/\\?token=(\\w+)");
    private static final Pattern INSTRUCTIONS = Pattern.compile("\"instructions\":(\\d+)");

    @TempDir Path folder;
    private int port;
    private String token = "";

    private Socket connect() throws IOException {
        return new Socket(InetAddress.getLoopbackAddress(), port);
    }

    private static void send(Socket socket, String text) throws IOException {
        OutputStream out = socket.getOutputStream();
        out.write(text.getBytes(StandardCharsets.US_ASCII));
        out.flush();
    }

    private static String status(Socket socket) throws IOException {
        StringBuilder line = new StringBuilder();
        InputStream in = socket.getInputStream();
        int next;
        while ((next = in.read()) >= 0 && next != '\n') {
            line.append((char) next);
        }
        return line.toString().strip();
    }

    private String refusal(String request) throws IOException {
        try (Socket socket = connect()) {
            send(socket, request);
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** A page's WebSocket, after the server's answer. */
    private Socket page() throws IOException {
        Socket socket = connect();
        send(
                socket,
                """
                GET /socket?token=%s HTTP/1.1\r
                Host: 127.0.0.1:%d\r
                Connection: Upgrade\r
                Upgrade: websocket\r
                Sec-WebSocket-Version: 13\r
                Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r
                \r
                """
                        .formatted(token, port));
        return socket;
    }

    /** A text frame of a client; a mask of zeros leaves it as it is (RFC 6455, §5.3). */
    private static void frame(Socket socket, String text) throws IOException {
        byte[] payload = text.getBytes(StandardCharsets.US_ASCII);
        byte[] frame = new byte[6 + payload.length];
        frame[0] = (byte) 0x81;
        frame[1] = (byte) (0x80 | payload.length);
        System.arraycopy(payload, 0, frame, 6, payload.length);
        socket.getOutputStream().write(frame);
    }

    /** Guest instructions so far; the answer is short enough for a frame without more length. */
    private static long retired(Socket page) throws IOException {
        frame(page, "{\"id\":1,\"views\":[\"status\"]}");
        InputStream in = page.getInputStream();
        assertThat(in.read()).isEqualTo(0x81);
        String answer = new String(in.readNBytes(in.read()), StandardCharsets.US_ASCII);
        Matcher matcher = INSTRUCTIONS.matcher(answer);
        assertThat(matcher.find()).describedAs(answer).isTrue();
        return Long.parseLong(matcher.group(1));
    }

    /** Resident memory of the machine's process, in KiB. */
    private static long residentKib(ProcessHandle process) throws IOException {
        return Files.readAllLines(Path.of("/proc", Long.toString(process.pid()), "status")).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
                .findFirst()
                .orElseThrow();
    }

    /** Instructions in a microsecond, for people. */
    private static double mips(Socket page) throws IOException {
        long began = System.nanoTime();
        long before = retired(page);
        long after = before;
        for (int i = 0; i < 80; i++) { // 50 ms each at least
            after = retired(page);
        }
        return (after - before) * 1e3 / (System.nanoTime() - began);
    }

    @Test
    void theyCostTheGuestNeitherProgressNorMemory() throws Exception {
        Path kernel = CountingGuest.VIRT.write(folder.resolve("kernel"));
        List<Socket> attackers = new ArrayList<>();
        try (NestorSession guest =
                NestorSession.start(
                        "run",
                        "-M",
                        "virt",
                        "-m",
                        "64M",
                        "-kernel",
                        kernel.toString(),
                        "-device",
                        "arm-smmuv3",
                        "-serial",
                        "null",
                        "--ui")) {
            Matcher url = URL.matcher(guest.await(URL.pattern(), START));
            assertThat(url.find()).isTrue();
            port = URI.create(url.group()).getPort();
            token = url.group(2);
            try (Socket good = page()) {
                assertThat(status(good)).isEqualTo("HTTP/1.1 101 Switching Protocols");
                while (!status(good).isEmpty()) {
                    // the rest of the answer's head
                }
                double quiet = mips(good);
                long resident = residentKib(guest.process());
                for (int i = 0; i < CLIENTS; i++) {
                    attackers.add(connect()); // says nothing
                }
                for (int i = 0; i < CLIENTS; i++) {
                    assertThat(
                                    refusal(
                                            "GET /?token=%032x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"
                                                    .formatted(i, port)))
                            .startsWith("HTTP/1.1 403 ")
                            .contains("nestor: the token is missing or wrong");
                }
                assertThat(refusal("GET /" + "x".repeat(LINE_BYTES) + " HTTP/1.1\r\n\r\n"))
                        .startsWith("HTTP/1.1 400 ");
                for (int i = 0; i < 8; i++) {
                    Socket slow = page(); // asks on and on, and does not read
                    attackers.add(slow);
                    assertThat(status(slow)).contains("101");
                    frame(slow, "{\"id\":0,\"timeline\":true}");
                    for (int question = 0; question < QUESTIONS; question++) {
                        frame(slow, "{\"id\":1,\"views\":[\"mtree\",\"pci\",\"iommu\"]}");
                    }
                }
                long before = retired(good);
                double attacked = mips(good);
                long grown = residentKib(guest.process()) - resident;
                for (Socket attacker : attackers) {
                    attacker.close();
                }
                System.out.printf(
                        "MIPS %.1f quiet, %.1f attacked, %.1f after; resident %d KiB, grown by %d KiB%n",
                        quiet, attacked, mips(good), resident, grown);
                assertThat(retired(good)).isGreaterThan(before);
                assertThat(grown).isLessThan(GROWTH_KIB);
            }
        } finally {
            for (Socket attacker : attackers) {
                attacker.close();
            }
        }
    }
}
