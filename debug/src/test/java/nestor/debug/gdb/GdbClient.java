package nestor.debug.gdb;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A debugger's side of the line, from the protocol's description alone; acknowledges nothing. */
final class GdbClient implements Closeable {
    private final SocketChannel channel;
    private final InputStream in;

    GdbClient(Path socket) throws IOException {
        channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        in = Channels.newInputStream(channel);
    }

    /** Sends one packet; the next that comes. */
    String ask(String packet) throws IOException {
        send(packet);
        return next();
    }

    void send(String packet) throws IOException {
        int sum = packet.chars().sum() & 0xff;
        channel.write(
                ByteBuffer.wrap(
                        "$%s#%02x".formatted(packet, sum).getBytes(StandardCharsets.US_ASCII)));
    }

    /** Ctrl-C. */
    void interrupt() throws IOException {
        channel.write(ByteBuffer.wrap(new byte[] {3}));
    }

    /** The next packet's contents; empty if there are none, {@code end} if none comes any more. */
    String next() throws IOException {
        int c = in.read();
        while (c == '+') {
            c = in.read();
        }
        if (c < 0) {
            return "end";
        }
        StringBuilder contents = new StringBuilder();
        for (c = in.read(); c != '#'; c = in.read()) {
            if (c < 0) {
                return "end";
            }
            contents.append((char) c);
        }
        in.skipNBytes(2);
        return contents.toString();
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
