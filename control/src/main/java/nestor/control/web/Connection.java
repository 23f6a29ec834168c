package nestor.control.web;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.socket.DuplexChannel;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.EmptyHttpHeaders;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.websocketx.WebSocketDecoderConfig;
import io.netty.handler.codec.http.websocketx.WebSocketServerHandshaker13;
import io.netty.handler.codec.http.websocketx.WebSocketVersion;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A connection: one request and its answer, or a WebSocket. A request that does not come, or an
 * answer that nobody reads, ends with it.
 */
final class Connection extends ChannelInboundHandlerAdapter {
    static final String SOCKET = "/socket";

    /** For the request and its answer together. */
    static final long EXCHANGE_SECONDS = 10;

    /** For what a client sends on after its answer: closing before it ends loses the answer. */
    static final long LINGER_SECONDS = 2;

    private static final WebSocketDecoderConfig FRAMES =
            WebSocketDecoderConfig.newBuilder()
                    .maxFramePayloadLength(Session.MAX_FRAME_BYTES)
                    .allowExtensions(false)
                    .build();

    private final WebView view;
    private final Admission admission;
    private @Nullable HttpRequest request;
    private @Nullable ScheduledFuture<?> deadline;
    private boolean answered;
    private volatile boolean admitted;

    Connection(WebView view, Admission admission) {
        this.view = view;
        this.admission = admission;
    }

    /** Whether the client has shown the token. Any thread. */
    boolean isAdmitted() {
        return admitted;
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        closeAfter(context, EXCHANGE_SECONDS);
        context.read();
    }

    private void closeAfter(ChannelHandlerContext context, long seconds) {
        cancelDeadline();
        deadline = context.executor().schedule(() -> end(context), seconds, TimeUnit.SECONDS);
    }

    private static void end(ChannelHandlerContext context) {
        var _ = context.close();
    }

    private void cancelDeadline() {
        if (deadline != null) {
            deadline.cancel(false);
        }
    }

    @Override
    public void handlerRemoved(ChannelHandlerContext context) {
        cancelDeadline();
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        try {
            if (answered) {
                return;
            }
            if (message instanceof HttpRequest head) {
                request = head;
            }
            if (request == null) {
                return;
            }
            if (!request.decoderResult().isSuccess()) {
                answer(context, request);
            } else if (message instanceof HttpContent body && body.content().isReadable()) {
                refuse(
                        context,
                        new Admission.Refusal(
                                HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE,
                                "a request has no body"));
            } else if (message instanceof LastHttpContent) {
                answer(context, request);
            }
        } finally {
            ReferenceCountUtil.release(message);
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
        context.read();
    }

    /** The peer is gone, or the kernel says so. */
    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        var _ = context.close();
    }

    private void answer(ChannelHandlerContext context, HttpRequest head) {
        Optional<Admission.Refusal> refusal = admission.refuse(head);
        if (refusal.isPresent()) {
            refuse(context, refusal.get());
            return;
        }
        admitted = true;
        String path = head.uri().split("\\?", 2)[0];
        if (path.equals(SOCKET)) {
            upgrade(context, head);
        } else if (path.equals("/") && admission.isInvited(head)) {
            // The token leaves the address bar, and what is copied from there.
            FullHttpResponse seeOther = text(HttpResponseStatus.SEE_OTHER, "");
            seeOther.headers()
                    .set(HttpHeaderNames.LOCATION, "/")
                    .set(
                            HttpHeaderNames.SET_COOKIE,
                            "%s=%s; Path=/; HttpOnly; SameSite=Strict"
                                    .formatted(admission.cookie(), admission.token()));
            respond(context, seeOther);
        } else {
            Optional<Assets.Asset> asset = view.assets().at(path);
            respond(
                    context,
                    asset.map(Connection::file)
                            .orElseGet(() ->
                                    text(HttpResponseStatus.NOT_FOUND, "there is no such page")));
        }
    }

    private void refuse(ChannelHandlerContext context, Admission.Refusal refusal) {
        respond(context, text(refusal.status(), refusal.reason()));
    }

    private static FullHttpResponse file(Assets.Asset asset) {
        return response(HttpResponseStatus.OK, asset.type(), asset.content().duplicate());
    }

    private static FullHttpResponse text(HttpResponseStatus status, String line) {
        String text = line.isEmpty() ? "" : "nestor: " + line + "\n";
        return response(
                status,
                "text/plain; charset=utf-8",
                Unpooled.copiedBuffer(text, StandardCharsets.UTF_8));
    }

    /** What a client is told for which there is no room. */
    static ByteBuf noRoom() {
        String text = "nestor: there are too many connections already\n";
        return Unpooled.copiedBuffer(
                "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: text/plain\r\n"
                        + "Content-Length: %d\r\n\r\n%s".formatted(text.length(), text),
                StandardCharsets.US_ASCII);
    }

    private static FullHttpResponse response(
            HttpResponseStatus status, String type, ByteBuf content) {
        FullHttpResponse response =
                new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status, content);
        response.headers()
                .set(HttpHeaderNames.CONTENT_TYPE, type)
                .set(HttpHeaderNames.CONTENT_LENGTH, content.readableBytes())
                .set(HttpHeaderNames.CONNECTION, HttpHeaderValues.CLOSE)
                .set(HttpHeaderNames.CACHE_CONTROL, HttpHeaderValues.NO_STORE)
                .set(
                        HttpHeaderNames.CONTENT_SECURITY_POLICY,
                        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
                                + " connect-src 'self'; base-uri 'none'; form-action 'none';"
                                + " frame-ancestors 'none'")
                .set(HttpHeaderNames.X_FRAME_OPTIONS, "DENY")
                .set("X-Content-Type-Options", "nosniff")
                .set("Referrer-Policy", "no-referrer")
                .set("Cross-Origin-Opener-Policy", "same-origin")
                .set("Cross-Origin-Resource-Policy", "same-origin");
        return response;
    }

    private void respond(ChannelHandlerContext context, FullHttpResponse response) {
        answered = true;
        context.writeAndFlush(response)
                .addListener(done -> {
                    if (done.isSuccess() && context.channel() instanceof DuplexChannel duplex) {
                        var _ = duplex.shutdownOutput();
                        closeAfter(context, LINGER_SECONDS);
                    } else {
                        var _ = context.close();
                    }
                });
    }

    private void upgrade(ChannelHandlerContext context, HttpRequest head) {
        HttpHeaders headers = head.headers();
        if (!headers.containsValue(HttpHeaderNames.UPGRADE, HttpHeaderValues.WEBSOCKET, true)
                || !headers.contains(HttpHeaderNames.SEC_WEBSOCKET_KEY)
                || !headers.contains(
                        HttpHeaderNames.SEC_WEBSOCKET_VERSION,
                        WebSocketVersion.V13.toHttpHeaderValue(),
                        false)) {
            FullHttpResponse required =
                    text(HttpResponseStatus.UPGRADE_REQUIRED, "this is a WebSocket, version 13");
            required.headers().set(HttpHeaderNames.SEC_WEBSOCKET_VERSION, "13");
            respond(context, required);
            return;
        }
        if (!view.audience().admitSession(context.channel())) {
            refuse(
                    context,
                    new Admission.Refusal(
                            HttpResponseStatus.SERVICE_UNAVAILABLE,
                            "%d pages look already".formatted(Audience.MAX_SESSIONS)));
            return;
        }
        answered = true;
        FullHttpRequest whole =
                new DefaultFullHttpRequest(
                        head.protocolVersion(),
                        head.method(),
                        head.uri(),
                        Unpooled.EMPTY_BUFFER,
                        headers,
                        EmptyHttpHeaders.INSTANCE);
        new WebSocketServerHandshaker13(SOCKET, null, FRAMES)
                .handshake(context, whole)
                .addListener(
                        (ChannelFutureListener)
                                done -> {
                                    if (done.isSuccess()) {
                                        context.pipeline().replace(this, "session", view.session());
                                    } else {
                                        var _ = context.close();
                                    }
                                });
    }
}
