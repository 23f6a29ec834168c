package nestor.control.socket;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.NetworkInterface;
import java.net.Socket;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import nestor.control.ListenAddress;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A console on a socket, by clients of every kind. */
@Timeout(60)
class SocketChardevTest {
    @TempDir private Path folder;
    private final SocketServer server = new SocketServer();
    private final BlockingQueue<String> typed = new LinkedBlockingQueue<>();

    @AfterEach
    void close() {
        server.close();
    }

    private SocketChardev listen() throws IOException {
        SocketChardev chardev =
                SocketChardev.listen(server, new ListenAddress.Unix(folder.resolve("serial")));
        chardev.connect((data, offset, length) -> {
            typed.add(new String(data, offset, length, StandardCharsets.US_ASCII));
            return length;
        });
        return chardev;
    }

    private SocketChannel client() throws IOException {
        return SocketChannel.open(UnixDomainSocketAddress.of(folder.resolve("serial")));
    }

    private static void send(SocketChannel client, String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
        while (bytes.hasRemaining()) {
            client.write(bytes);
        }
    }

    /** The next bytes, or "" at the end. */
    private static String receive(SocketChannel client, int count) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(count);
        while (bytes.hasRemaining() && client.read(bytes) >= 0) {
            Thread.onSpinWait();
        }
        return new String(bytes.array(), 0, bytes.position(), StandardCharsets.US_ASCII);
    }

    private static void print(SocketChardev chardev, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        chardev.write(bytes, 0, bytes.length);
    }

    /** Until the server has taken the client in: what it types arrives. */
    private SocketChannel admitted() throws Exception {
        SocketChannel client = client();
        send(client, "!");
        assertThat(typed.poll(30, TimeUnit.SECONDS)).isEqualTo("!");
        return client;
    }

    @Test
    void whatIsTypedReachesTheGuestAndWhatItPrintsTheClient() throws Exception {
        SocketChardev chardev = listen();
        print(chardev, "nobody is there");
        try (SocketChannel client = admitted()) {
            print(chardev, "hello\r\n");
            assertThat(receive(client, 7)).isEqualTo("hello\r\n");
        }
        assertThat(chardev.lostBytes()).isZero();
    }

    @Test
    void aSecondClientIsTurnedAwayAndComesInWhenTheFirstHasGone() throws Exception {
        SocketChardev chardev = listen();
        try (SocketChannel first = admitted()) {
            try (SocketChannel second = client()) {
                assertThat(receive(second, 1)).isEmpty();
            }
            print(chardev, "still");
            assertThat(receive(first, 5)).isEqualTo("still");
        }
        while (true) { // its place is free when the server has seen it go
            try (SocketChannel next = client()) {
                send(next, "next");
                if (typed.poll(100, TimeUnit.MILLISECONDS) != null) {
                    break;
                }
            } catch (IOException e) {
                Thread.onSpinWait();
            }
        }
    }

    @Test
    void aClientThatDoesNotReadCostsABoundedBufferAndNoTimeOfTheGuests() throws Exception {
        SocketChardev chardev = listen();
        try (SocketChannel _ = admitted()) {
            byte[] line = new byte[1 << 12];
            long written = 0;
            // The kernel's own buffer fills first; then ours.
            while (chardev.lostBytes() == 0 && written < 1L << 28) {
                chardev.write(line, 0, line.length);
                written += line.length;
            }
            assertThat(chardev.lostBytes()).isPositive();
            long kept = written - chardev.lostBytes();
            assertThat(kept).isLessThan(SocketChardev.MAX_PENDING + (16L << 20));
        }
    }

    @Test
    void aGuestThatTakesNothingHoldsTheClientBackUntilItDoes() throws Exception {
        SocketChardev chardev = listen();
        StringBuilder taken = new StringBuilder();
        int[] room = {3};
        Object lock = new Object();
        chardev.connect((data, offset, length) -> {
            synchronized (lock) {
                int count = Math.min(room[0], length);
                taken.append(new String(data, offset, count, StandardCharsets.US_ASCII));
                room[0] -= count;
                lock.notifyAll();
                return count;
            }
        });
        try (SocketChannel client = client()) {
            send(client, "abcdefgh");
            synchronized (lock) {
                while (taken.length() < 3) {
                    lock.wait();
                }
                assertThat(taken.toString()).isEqualTo("abc");
                room[0] = 100;
            }
            chardev.resume();
            synchronized (lock) {
                while (taken.length() < 8) {
                    lock.wait();
                }
                assertThat(taken.toString()).isEqualTo("abcdefgh");
            }
        }
    }

    @Test
    void theSocketIsItsOwnersAloneAndGoesWithTheServer() throws Exception {
        listen();
        Path socket = folder.resolve("serial");
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(socket)))
                .isEqualTo("rw-------");
        assertThatThrownBy(this::listen)
                .isInstanceOf(IOException.class)
                .hasMessageContaining("another process listens there");
        server.close();
        assertThat(socket).doesNotExist();
    }

    @Test
    void aDeadSocketIsReplacedAndAFileIsNot() throws Exception {
        Path socket = folder.resolve("serial");
        try (var dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            dead.bind(UnixDomainSocketAddress.of(socket));
        }
        assertThat(socket).exists();
        listen();
        admitted().close();

        Path file = Files.writeString(folder.resolve("file"), "precious");
        assertThatThrownBy(() -> server.listen(new ListenAddress.Unix(file), _ -> {}))
                .hasMessageContaining("exists and is no socket");
        assertThat(file).hasContent("precious");
    }

    @Test
    void aTcpPortIsThisHostsOnly() throws Exception {
        ListenAddress at =
                server.listen(
                        new ListenAddress.Loopback(0),
                        channel -> {
                            var _ = channel.close();
                        });
        int port = ((ListenAddress.Loopback) at).port();
        assertThat(port).isPositive();
        try (Socket client = new Socket(InetAddress.getLoopbackAddress(), port)) {
            assertThat(client.getInputStream().read()).isEqualTo(-1);
        }
        for (NetworkInterface network : NetworkInterface.networkInterfaces().toList()) {
            for (var address : network.inetAddresses().toList()) {
                if (!address.isLoopbackAddress()) {
                    SocketAddress outside = new InetSocketAddress(address, port);
                    assertThatThrownBy(() -> SocketChannel.open(outside))
                            .describedAs("%s", outside)
                            .isInstanceOf(IOException.class);
                }
            }
        }
        try (SocketServer other = new SocketServer()) {
            assertThatThrownBy(() -> other.listen(at, _ -> {}))
                    .isInstanceOf(IOException.class)
                    .hasMessageStartingWith("tcp:127.0.0.1:" + port);
        }
    }
}
