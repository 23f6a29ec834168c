package nestor.tests;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

/**
 * A client written from the description of the QEMU Machine Protocol alone: a greeting, the
 * negotiation, then commands and replies that carry the same id, with events in between.
 */
final class QmpSession implements AutoCloseable {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final SocketChannel socket;
    private final BufferedReader in;
    private final List<JsonNode> events = new ArrayList<>();
    private int commands;

    /** Connects, without a word. */
    QmpSession(Path path) throws IOException {
        socket = SocketChannel.open(StandardProtocolFamily.UNIX);
        socket.connect(UnixDomainSocketAddress.of(path));
        in =
                new BufferedReader(
                        new InputStreamReader(
                                Channels.newInputStream(socket), StandardCharsets.UTF_8));
    }

    /** Takes the greeting and leaves the negotiation mode. @return the greeting */
    JsonNode negotiate() throws IOException {
        JsonNode greeting = read();
        returned("qmp_capabilities", "{}");
        return greeting;
    }

    void send(byte[] bytes) throws IOException {
        ByteBuffer left = ByteBuffer.wrap(bytes);
        while (left.hasRemaining()) {
            socket.write(left);
        }
    }

    /** Sends as much as the server takes at once. */
    void offer(byte[] bytes) throws IOException {
        socket.configureBlocking(false);
        int _ = socket.write(ByteBuffer.wrap(bytes));
    }

    JsonNode read() throws IOException {
        String line = in.readLine();
        if (line == null) {
            throw new IOException("the server has closed the connection");
        }
        return JSON.readTree(line);
    }

    /** The reply to a command, whatever it is. */
    JsonNode reply(String command, String arguments) throws IOException {
        int id = ++commands;
        send(
                "{\"execute\":\"%s\",\"arguments\":%s,\"id\":%d}\r\n"
                        .formatted(command, arguments, id)
                        .getBytes(StandardCharsets.UTF_8));
        while (true) {
            JsonNode message = read();
            if (message.has("event")) {
                events.add(message);
            } else if (message.path("id").asInt() == id) {
                return message;
            } else {
                throw new AssertionError("no reply to %d: %s".formatted(id, message));
            }
        }
    }

    /** What a command that succeeds returns. */
    JsonNode returned(String command, String arguments) throws IOException {
        JsonNode reply = reply(command, arguments);
        if (!reply.has("return")) {
            throw new AssertionError("%s: %s".formatted(command, reply));
        }
        return reply.get("return");
    }

    /** Takes events until one of this name. */
    JsonNode event(String name) throws IOException {
        while (true) {
            JsonNode event = events.isEmpty() ? read() : events.removeFirst();
            if (event.path("event").asString().equals(name)) {
                return event;
            }
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
