package nestor.control.web;

import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.http.websocketx.CloseWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PingWebSocketFrame;
import io.netty.handler.codec.http.websocketx.PongWebSocketFrame;
import io.netty.handler.codec.http.websocketx.TextWebSocketFrame;
import io.netty.handler.codec.http.websocketx.WebSocketCloseStatus;
import io.netty.handler.codec.http.websocketx.WebSocketFrame;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.ScheduledFuture;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import nestor.control.Json;
import org.jspecify.annotations.Nullable;

/**
 * A page that looks. One question is under way at a time, and a next one is read {@link
 * #PAUSE_MILLIS} after its answer has left; of what the page is told without asking, one batch is
 * under way at a time and the rest waits in a ring that forgets the oldest.
 */
final class Session extends ChannelInboundHandlerAdapter {
    /** Bound on a question. */
    static final int MAX_FRAME_BYTES = 4096;

    static final long PAUSE_MILLIS = 50;

    /** A page that says nothing for so long is gone; one in the background asks each minute. */
    static final long IDLE_SECONDS = 180;

    private final Questions questions;
    private final Executor looking;
    private final Timeline timeline;
    private final EventRing ring = new EventRing(this::pump);

    /** Of one read from the socket; no more is read before they are answered. */
    private final Deque<WebSocketFrame> frames = new ArrayDeque<>();

    private final AtomicBoolean batchUnderWay = new AtomicBoolean();
    private boolean busy;
    private @Nullable ScheduledFuture<?> idle;
    private volatile @Nullable Channel channel;

    /**
     * @param looking the thread that answers
     */
    Session(Questions questions, Timeline timeline, Executor looking) {
        this.questions = questions;
        this.timeline = timeline;
        this.looking = looking;
    }

    /** What waits for the page. */
    EventRing ring() {
        return ring;
    }

    @Override
    public void handlerAdded(ChannelHandlerContext context) {
        channel = context.channel();
        proceed(context);
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        if (idle != null) {
            idle.cancel(false);
        }
        frames.forEach(ReferenceCountUtil::release);
        frames.clear();
        submit(() -> timeline.leave(ring));
    }

    /** The peer is gone, or what it sent is no WebSocket's. */
    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        var _ = context.close();
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) {
        frames.add((WebSocketFrame) message);
        proceed(context);
    }

    /** Takes the next frame, or asks for more. */
    private void proceed(ChannelHandlerContext context) {
        while (!busy && context.channel().isActive()) {
            WebSocketFrame frame = frames.poll();
            if (frame == null) {
                awaitMore(context);
                return;
            }
            try {
                accept(context, frame);
            } finally {
                ReferenceCountUtil.release(frame);
            }
        }
    }

    private void awaitMore(ChannelHandlerContext context) {
        if (idle != null) {
            idle.cancel(false);
        }
        idle = context.executor().schedule(() -> vanished(context), IDLE_SECONDS, TimeUnit.SECONDS);
        context.read();
    }

    private static void vanished(ChannelHandlerContext context) {
        var _ = context.close();
    }

    private void accept(ChannelHandlerContext context, WebSocketFrame frame) {
        switch (frame) {
            case TextWebSocketFrame text when text.isFinalFragment() -> {
                busy = true;
                byte[] question = ByteBufUtil.getBytes(text.content());
                submit(() -> answer(context, questions.answer(ring, question)));
            }
            case PingWebSocketFrame ping -> {
                busy = true;
                context.writeAndFlush(new PongWebSocketFrame(ping.content().copy()))
                        .addListener(_ -> answered(context));
            }
            case PongWebSocketFrame _ -> {}
            case CloseWebSocketFrame _ -> end(context, WebSocketCloseStatus.NORMAL_CLOSURE);
            default -> end(context, WebSocketCloseStatus.INVALID_MESSAGE_TYPE);
        }
    }

    private void end(ChannelHandlerContext context, WebSocketCloseStatus status) {
        busy = true;
        context.writeAndFlush(new CloseWebSocketFrame(status))
                .addListener(ChannelFutureListener.CLOSE);
    }

    private void answer(ChannelHandlerContext context, byte[] text) {
        context.writeAndFlush(new TextWebSocketFrame(Unpooled.wrappedBuffer(text)))
                .addListener(_ -> pause(context));
    }

    private void pause(ChannelHandlerContext context) {
        var _ =
                context.executor()
                        .schedule(() -> answered(context), PAUSE_MILLIS, TimeUnit.MILLISECONDS);
    }

    private void answered(ChannelHandlerContext context) {
        busy = false;
        proceed(context);
    }

    private void submit(Runnable task) {
        try {
            looking.execute(task);
        } catch (RejectedExecutionException e) {
            Channel to = channel;
            if (to != null) {
                var _ = to.close(); // the machine has ended
            }
        }
    }

    /** Sends what waits, unless the last batch has not left yet. Any thread; never waits. */
    private void pump() {
        if (!ring.isEmpty() && batchUnderWay.compareAndSet(false, true)) {
            submit(this::sendBatch);
        }
    }

    private void sendBatch() {
        Channel to = channel;
        if (to == null || !to.isActive()) {
            return;
        }
        byte[] text = Json.write(timeline.batch(ring));
        to.writeAndFlush(new TextWebSocketFrame(Unpooled.wrappedBuffer(text)))
                .addListener(_ -> {
                    batchUnderWay.set(false);
                    pump();
                });
    }
}
