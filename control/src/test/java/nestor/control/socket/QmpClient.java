package nestor.control.socket;

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
import nestor.control.Json;
import tools.jackson.databind.JsonNode;

/** A client of QMP, as its specification describes it: lines of JSON, replies in order, events. */
final class QmpClient implements AutoCloseable {
    private final SocketChannel socket;
    private final BufferedReader in;
    private final List<JsonNode> events = new ArrayList<>();
    private int id;

    QmpClient(Path path) throws IOException {
        socket = SocketChannel.open(StandardProtocolFamily.UNIX);
        socket.connect(UnixDomainSocketAddress.of(path));
        in =
                new BufferedReader(
                        new InputStreamReader(
                                Channels.newInputStream(socket), StandardCharsets.US_ASCII));
    }

    /** Connects and negotiates. */
    static QmpClient ready(Path path) throws IOException {
        QmpClient client = new QmpClient(path);
        client.receive();
        client.execute("qmp_capabilities", "{}");
        return client;
    }

    void send(String text) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            socket.write(bytes);
        }
    }

    /** The next message; fails at the end of the connection. */
    JsonNode receive() throws IOException {
        String line = in.readLine();
        if (line == null) {
            throw new IOException("the server has closed the connection");
        }
        return Json.read(line.getBytes(StandardCharsets.UTF_8));
    }

    /** Whether the server has closed the connection, after all that it sent before. */
    boolean isClosed() throws IOException {
        try {
            return in.readLine() == null;
        } catch (IOException e) {
            return true;
        }
    }

    /** Sends a command; returns its reply. Events that come before are kept. */
    JsonNode call(String command, String arguments) throws IOException {
        String tag = "t" + ++id;
        send(
                "{\"execute\": \"%s\", \"arguments\": %s, \"id\": \"%s\"}"
                        .formatted(command, arguments, tag));
        while (true) {
            JsonNode message = receive();
            if (message.has("event")) {
                events.add(message);
            } else if (!message.get("id").asString().equals(tag)) {
                throw new IOException("a reply to something else: " + message);
            } else {
                return message;
            }
        }
    }

    /** {@link #call} of a command that must not fail. */
    JsonNode execute(String command, String arguments) throws IOException {
        JsonNode reply = call(command, arguments);
        if (!reply.has("return")) {
            throw new IOException(command + ": " + reply);
        }
        return reply.get("return");
    }

    JsonNode execute(String command) throws IOException {
        return execute(command, "{}");
    }

    /** What a monitor for people answers. */
    String human(String line) throws IOException {
        return execute(
                        "human-monitor-command",
                        "{\"command-line\": %s}"
                                .formatted(
                                        new String(
                                                Json.write(Json.object().stringNode(line)),
                                                StandardCharsets.US_ASCII)))
                .asString();
    }

    /** The next event, from those kept or from the socket. */
    JsonNode event() throws IOException {
        return events.isEmpty() ? receive() : events.removeFirst();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
