package nestor.control.web;

import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.handler.codec.http.HttpDecoderConfig;
import io.netty.handler.codec.http.HttpServerCodec;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.concurrent.Executors;
import nestor.control.ControlledMachine;
import nestor.control.ListenAddress;
import nestor.control.socket.SocketServer;
import nestor.control.view.Views;

/** The web view of one machine. */
public final class WebView implements AutoCloseable {
    private static final int TOKEN_BYTES = 16;

    /** Bounds on what comes before the answer: a line, and all headers. */
    private static final int MAX_LINE_BYTES = 2048;

    private static final int MAX_HEADER_BYTES = 16384;

    private final String token;
    private final Assets assets = new Assets();
    private final Audience audience = new Audience();
    private final AnswerThread answers =
            new AnswerThread(
                    Executors.newSingleThreadScheduledExecutor(
                            Thread.ofPlatform().daemon().name("nestor-web").factory()),
                    System::nanoTime);
    private final Timeline timeline;
    private final Questions questions;
    private final int port;

    private WebView(SocketServer server, ListenAddress.Loopback at, ControlledMachine machine)
            throws IOException {
        byte[] random = new byte[TOKEN_BYTES];
        new SecureRandom().nextBytes(random);
        token = HexFormat.of().formatHex(random);
        timeline = new Timeline(machine.tracing());
        questions = new Questions(new Views(machine), timeline);
        port =
                switch (server.listen(at, this::admit)) {
                    case ListenAddress.Loopback(int chosen) -> chosen;
                    case ListenAddress.Unix _ -> throw new IllegalStateException("asked for TCP");
                };
    }

    /**
     * Listens.
     *
     * @param at port 0 is any free one
     * @throws IOException if the address cannot be had
     */
    public static WebView open(
            SocketServer server, ListenAddress.Loopback at, ControlledMachine machine)
            throws IOException {
        return new WebView(server, at, machine);
    }

    /** Where a browser finds it; with the token, which is for the user only. */
    public String url() {
        return "http://127.0.0.1:%d/?token=%s".formatted(port, token);
    }

    /** How many pages look. Any thread. */
    public int sessionCount() {
        return audience.sessions();
    }

    private void admit(Channel channel) {
        int local = ((InetSocketAddress) channel.localAddress()).getPort();
        Connection connection = new Connection(this, new Admission(token, local));
        if (!audience.admit(channel, connection::isAdmitted)) {
            channel.writeAndFlush(Connection.noRoom()).addListener(ChannelFutureListener.CLOSE);
            return;
        }
        channel.pipeline()
                .addLast(
                        new HttpServerCodec(
                                new HttpDecoderConfig()
                                        .setMaxInitialLineLength(MAX_LINE_BYTES)
                                        .setMaxHeaderSize(MAX_HEADER_BYTES)),
                        connection);
    }

    Assets assets() {
        return assets;
    }

    Audience audience() {
        return audience;
    }

    Session session() {
        return new Session(questions, timeline, answers);
    }

    /** Answers nobody any more; connections end with their server. */
    @Override
    public void close() {
        answers.close();
    }
}
