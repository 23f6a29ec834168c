package nestor.cli;

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
import nestor.control.Json;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** A client of a machine's QMP socket: one command, one reply; events are passed over. */
final class CtlConnection implements AutoCloseable {
    private final SocketChannel socket;
    private final BufferedReader in;

    /** Connects and negotiates. */
    CtlConnection(Path path) throws CommandException, IOException {
        socket = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            socket.connect(UnixDomainSocketAddress.of(path));
        } catch (IOException e) {
            socket.close();
            throw CommandException.failed("%s: no machine answers there".formatted(path));
        }
        in =
                new BufferedReader(
                        new InputStreamReader(
                                Channels.newInputStream(socket), StandardCharsets.UTF_8));
        receive();
        call("qmp_capabilities", Json.object());
    }

    /** The {@code return} of a command's reply. */
    JsonNode call(String command, ObjectNode arguments) throws CommandException, IOException {
        ObjectNode request = Json.object().put("execute", command);
        request.set("arguments", arguments);
        ByteBuffer bytes = ByteBuffer.wrap(Json.write(request));
        while (bytes.hasRemaining()) {
            socket.write(bytes);
        }
        JsonNode message = receive();
        while (message.has("event")) {
            message = receive();
        }
        JsonNode error = message.get("error");
        if (error != null) {
            throw CommandException.failed(error.path("desc").asString());
        }
        return message.path("return");
    }

    private JsonNode receive() throws CommandException, IOException {
        String line = in.readLine();
        if (line == null) {
            throw CommandException.failed("the machine has closed the connection");
        }
        try {
            JsonNode message = Json.read(line.getBytes(StandardCharsets.UTF_8));
            if (message.isObject()) {
                return message;
            }
        } catch (JacksonException e) {
            // falls through: what answers there is no QMP
        }
        throw CommandException.failed("what answers there does not speak QMP");
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
