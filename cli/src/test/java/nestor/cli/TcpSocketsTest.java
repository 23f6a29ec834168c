package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** QMP, a monitor and a serial port on TCP, of a machine without a CPU. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
final class TcpSocketsTest {
    private static final int MILLIS = 120_000;

    @TempDir private Path folder;
    private int qmp;
    private int monitor;
    private int serial;
    private Thread machine;
    private final CompletableFuture<Typed> ended = new CompletableFuture<>();

    private static ServerSocket anyPort() throws IOException {
        return new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    }

    /** Held together, so that no port is given out twice. */
    private void findPorts() throws IOException {
        try (ServerSocket first = anyPort();
                ServerSocket second = anyPort();
                ServerSocket third = anyPort()) {
            qmp = first.getLocalPort();
            monitor = second.getLocalPort();
            serial = third.getLocalPort();
        }
    }

    @BeforeEach
    void aMachineRuns() throws IOException {
        findPorts();
        String[] words =
                ("run -M q35 -accel qtest -qtest unix:%s,server=on,wait=off"
                                + " -qmp tcp:127.0.0.1:%d,server=on,wait=off"
                                + " -monitor tcp::%d,server,nowait"
                                + " -serial tcp:localhost:%d,server,nowait")
                        .formatted(folder.resolve("qtest"), qmp, monitor, serial)
                        .split(" ", -1);
        machine = new Thread(() -> ended.complete(Typed.nestor(words)), "machine");
        machine.start();
    }

    @AfterEach
    void itEnds() throws Exception {
        try (Socket client = connect(qmp)) {
            send(client, "{'execute': 'qmp_capabilities'} {'execute': 'quit'}");
            client.getInputStream().readAllBytes();
        }
        assertThat(ended.get().exitCode()).isZero();
    }

    /** The machine is on its way: until it listens, a client may even meet itself. */
    private Socket connect(int port) throws IOException {
        while (true) {
            try {
                Socket client = new Socket(InetAddress.getLoopbackAddress(), port);
                client.setSoTimeout(MILLIS);
                if (client.getLocalPort() != port) {
                    return client;
                }
                client.close();
            } catch (IOException e) {
                if (!machine.isAlive()) {
                    throw e;
                }
                Thread.onSpinWait();
            }
        }
    }

    private static void send(Socket client, String text) throws IOException {
        client.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
    }

    private static String receive(Socket client, int count) throws IOException {
        InputStream in = client.getInputStream();
        return new String(in.readNBytes(count), StandardCharsets.US_ASCII);
    }

    private SocketChannel qtest() throws IOException {
        connect(qmp).close();
        return SocketChannel.open(UnixDomainSocketAddress.of(folder.resolve("qtest")));
    }

    private static String ask(SocketChannel qtest, BufferedReader answers, String command)
            throws IOException {
        qtest.write(ByteBuffer.wrap((command + "\n").getBytes(StandardCharsets.US_ASCII)));
        return answers.readLine();
    }

    @Test
    void qmpAndTheMonitorAnswer() throws IOException {
        try (Socket client = connect(qmp)) {
            assertThat(receive(client, 8)).isEqualTo("{\"QMP\":{");
        }
        try (Socket client = connect(monitor)) {
            send(client, "info status\n");
            BufferedReader lines =
                    new BufferedReader(
                            new InputStreamReader(
                                    client.getInputStream(), StandardCharsets.US_ASCII));
            assertThat(lines.lines().filter(line -> line.contains("VM status: ")).findFirst())
                    .isPresent();
        }
    }

    @Test
    void theSerialPortTalksBothWays() throws IOException {
        try (Socket client = connect(serial);
                SocketChannel qtest = qtest();
                BufferedReader answers =
                        new BufferedReader(Channels.newReader(qtest, StandardCharsets.US_ASCII))) {
            // What is typed before the machine has come out of reset is lost, as on a real line.
            assertThat(ask(qtest, answers, "inb 0x3fd")).startsWith("OK ");
            send(client, "k");
            while (!ask(qtest, answers, "inb 0x3fd").matches("OK 0x0*[0-9a-f]*[13579bdf]")) {
                Thread.onSpinWait(); // LSR, data ready
            }
            assertThat(ask(qtest, answers, "inb 0x3f8")).isEqualTo("OK 0x006b");
            assertThat(ask(qtest, answers, "outb 0x3f8 0x21")).isEqualTo("OK");
            assertThat(receive(client, 1)).isEqualTo("!");
        }
    }
}
