package nestor.control.socket;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicReference;
import nestor.control.ListenAddress;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.chardev.CharFrontend;
import org.jspecify.annotations.Nullable;

/**
 * A console on a socket, with one client at a time; others are turned away. What the guest writes
 * while there is no client is dropped, and so is what a slow client leaves behind {@link
 * #MAX_PENDING} bytes: the guest never waits.
 */
public final class SocketChardev implements CharBackend {
    /** Bound on the guest's output that a client has not taken. */
    static final int MAX_PENDING = 1 << 20;

    private final AtomicReference<@Nullable Channel> client = new AtomicReference<>();
    private final Object lock = new Object();
    private volatile @Nullable CharFrontend frontend;
    private volatile long lostBytes;

    /** Output on its way to Netty's loop; guarded by {@link #lock}. */
    private ByteBuf pending = Unpooled.buffer();

    private boolean flushing;

    private SocketChardev() {}

    /**
     * Listens.
     *
     * @throws IOException if the address cannot be had
     */
    public static SocketChardev listen(SocketServer server, ListenAddress address)
            throws IOException {
        SocketChardev chardev = new SocketChardev();
        server.listen(address, chardev::admit);
        return chardev;
    }

    private void admit(Channel channel) {
        if (!client.compareAndSet(null, channel)) {
            var _ = channel.close();
            return;
        }
        channel.closeFuture().addListener(_ -> client.compareAndSet(channel, null));
        channel.pipeline().addLast(new Input());
    }

    /** Output that its reader was too slow for. Any thread. */
    public long lostBytes() {
        return lostBytes;
    }

    @Override
    public void write(byte[] data, int offset, int length) {
        Channel to = client.get();
        if (to == null) {
            return;
        }
        synchronized (lock) {
            long unsent = pending.readableBytes() + unsent(to);
            int taken = Math.clamp(MAX_PENDING - unsent, 0, length);
            pending.writeBytes(data, offset, taken);
            lostBytes += length - taken;
            if (flushing || !pending.isReadable()) {
                return;
            }
            flushing = true;
        }
        to.eventLoop().execute(() -> flush(to));
    }

    private static long unsent(Channel to) {
        return to.unsafe().outboundBuffer() == null
                ? 0
                : to.unsafe().outboundBuffer().totalPendingWriteBytes();
    }

    private void flush(Channel to) {
        ByteBuf output;
        synchronized (lock) {
            output = pending;
            pending = Unpooled.buffer();
            flushing = false;
        }
        var _ = to.writeAndFlush(output, to.voidPromise());
    }

    @Override
    public void connect(CharFrontend guest) {
        frontend = guest;
        resume();
    }

    @Override
    public void resume() {
        Channel from = client.get();
        if (from != null) {
            from.eventLoop().execute(() -> from.pipeline().fireUserEventTriggered(this));
        }
    }

    /** The client's bytes, offered to the guest; more are read when it has taken them. */
    private final class Input extends ChannelInboundHandlerAdapter {
        private @Nullable ByteBuf unread;

        @Override
        public void channelActive(ChannelHandlerContext context) {
            context.read();
        }

        @Override
        public void channelRead(ChannelHandlerContext context, Object bytes) {
            unread = (ByteBuf) bytes;
            offer(context);
        }

        @Override
        public void userEventTriggered(ChannelHandlerContext context, Object room) {
            offer(context);
        }

        @Override
        public void channelInactive(ChannelHandlerContext context) {
            release();
        }

        @Override
        public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
            var _ = context.close();
        }

        private void offer(ChannelHandlerContext context) {
            ByteBuf in = unread;
            CharFrontend guest = frontend;
            if (in == null || guest == null) {
                return;
            }
            byte[] data = new byte[in.readableBytes()];
            in.getBytes(in.readerIndex(), data);
            in.skipBytes(guest.receive(data, 0, data.length));
            if (!in.isReadable()) {
                release();
                context.read();
            }
        }

        private void release() {
            if (unread != null) {
                unread.release();
                unread = null;
            }
        }
    }
}
