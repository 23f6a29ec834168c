package nestor.debug.qtest;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The client's side, from the protocol's description alone: lines out, lines in. */
final class QtestClient implements Closeable {
    private final SocketChannel channel;
    private final OutputStream out;
    private final BufferedReader in;
    private final List<String> interrupts = new ArrayList<>();

    QtestClient(Path socket) throws IOException {
        channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
        out = Channels.newOutputStream(channel);
        in =
                new BufferedReader(
                        new InputStreamReader(
                                Channels.newInputStream(channel), StandardCharsets.US_ASCII));
    }

    /** Sends one line; the answer to it. */
    @SuppressWarnings("AnnotateFormatMethod")
    String ask(String line, Object... arguments) throws IOException {
        out.write((line.formatted(arguments) + "\n").getBytes(StandardCharsets.US_ASCII));
        String answer = in.readLine();
        while (answer.startsWith("IRQ ")) {
            interrupts.add(answer);
            answer = in.readLine();
        }
        return answer;
    }

    /** Interrupts told so far. */
    List<String> interrupts() {
        return interrupts;
    }

    @SuppressWarnings("AnnotateFormatMethod")
    void order(String line, Object... arguments) throws IOException {
        String answer = ask(line, arguments);
        if (!answer.equals("OK")) {
            throw new IllegalStateException(line.formatted(arguments) + ": " + answer);
        }
    }

    void writel(long address, long value) throws IOException {
        order("writel 0x%x 0x%x", address, value);
    }

    void writeq(long address, long value) throws IOException {
        order("writeq 0x%x 0x%x", address, value);
    }

    long readl(long address) throws IOException {
        return number(ask("readl 0x%x", address));
    }

    long readq(long address) throws IOException {
        return number(ask("readq 0x%x", address));
    }

    static long number(String answer) {
        return Long.parseUnsignedLong(answer.substring("OK 0x".length()), 16);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
