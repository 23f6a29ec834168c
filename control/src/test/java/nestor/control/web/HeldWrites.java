package nestor.control.web;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import java.util.ArrayList;
import java.util.List;

/** A peer that reads only when it is told to: what is written stays under way until then. */
final class HeldWrites extends ChannelOutboundHandlerAdapter {
    private final List<Runnable> held = new ArrayList<>();

    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
        held.add(() -> {
            var _ = context.writeAndFlush(message, promise);
        });
    }

    int count() {
        return held.size();
    }

    void release() {
        List<Runnable> all = List.copyOf(held);
        held.clear();
        all.forEach(Runnable::run);
    }
}
