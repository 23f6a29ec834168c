package nestor.control.socket;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import nestor.machine.MachineEvent;
import org.jspecify.annotations.Nullable;

/**
 * A monitor's client. One message is under way at a time: the next is read once the answer to the
 * last has left, so that neither a flood nor a client that does not read costs more than one
 * message, one answer and the events that still fit.
 */
final class Client extends ChannelInboundHandlerAdapter {
    private final Conversation conversation;
    private final Framing framing;
    private final Executor control;
    private final AtomicLong lostEvents = new AtomicLong();
    private @Nullable ByteBuf unread;
    private boolean busy;
    private volatile @Nullable Channel channel;

    /**
     * @param control the thread that answers
     */
    Client(Conversation conversation, Executor control) {
        this.conversation = conversation;
        this.control = control;
        framing = conversation.framing();
    }

    boolean isSettled() {
        return conversation.isSettled();
    }

    /** Events that found no room: the client reads too slowly. Any thread. */
    long lostEvents() {
        return lostEvents.get();
    }

    /** Tells of an event, or drops it if the client has not read what it was sent before. */
    void tell(MachineEvent event) {
        Channel to = channel;
        if (to == null) {
            return;
        }
        conversation
                .event(event)
                .ifPresent(text -> {
                    if (to.isWritable()) {
                        var _ = to.writeAndFlush(Unpooled.wrappedBuffer(text), to.voidPromise());
                    } else {
                        lostEvents.incrementAndGet();
                    }
                });
    }

    /** Ends the connection once what has been written is sent. Any thread. */
    @Nullable ChannelFuture finish() {
        Channel to = channel;
        return to == null
                ? null
                : to.writeAndFlush(Unpooled.EMPTY_BUFFER).addListener(ChannelFutureListener.CLOSE);
    }

    @Override
    public void channelActive(ChannelHandlerContext context) {
        channel = context.channel();
        busy = true;
        submit(context, conversation::greeting);
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        release();
    }

    @Override
    public void channelRead(ChannelHandlerContext context, Object bytes) {
        unread = (ByteBuf) bytes;
        proceed(context);
    }

    /** The peer is gone, or the kernel says so. */
    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        var _ = context.close();
    }

    /** Takes the next message, or asks for more bytes. */
    private void proceed(ChannelHandlerContext context) {
        ByteBuf in = unread;
        if (busy || !context.channel().isActive()) {
            return;
        }
        Framing.Piece piece = in == null ? null : framing.next(in);
        switch (piece) {
            case null -> {
                release();
                context.read();
            }
            case Framing.Piece.Message message -> {
                busy = true;
                submit(context, () -> conversation.answer(message.bytes()));
            }
            case Framing.Piece.TooLong() -> {
                busy = true;
                submit(context, conversation::tooLong);
            }
        }
    }

    private void submit(ChannelHandlerContext context, Answer answer) {
        try {
            control.execute(() -> {
                byte[] text = answer.text();
                context.writeAndFlush(Unpooled.wrappedBuffer(text))
                        .addListener(done -> answered(context, done.isSuccess()));
            });
        } catch (RejectedExecutionException e) {
            var _ = context.close(); // the machine has ended
        }
    }

    private void answered(ChannelHandlerContext context, boolean sent) {
        if (!sent || conversation.isOver()) {
            var _ = context.close();
            return;
        }
        busy = false;
        proceed(context);
    }

    private void release() {
        if (unread != null) {
            unread.release();
            unread = null;
        }
    }

    /** Made on the control thread. */
    @FunctionalInterface
    private interface Answer {
        byte[] text();
    }
}
