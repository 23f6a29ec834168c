package nestor.control.socket;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import nestor.control.ListenAddress;
import nestor.machine.MachineEvent;

/**
 * The monitors of one machine: where they listen, their clients, and the control thread. When there
 * are {@link #MAX_CLIENTS} and another comes, the oldest that has not yet shown to speak the
 * protocol makes room for it; if all have, the new one is refused.
 */
public final class Monitors implements AutoCloseable {
    /** Bound on clients at one time, of all monitors of a machine together. */
    public static final int MAX_CLIENTS = 32;

    private static final long CLOSE_SECONDS = 2;

    private final SocketServer sockets;
    private final ExecutorService control =
            Executors.newSingleThreadExecutor(
                    Thread.ofPlatform().daemon().name("nestor-control").factory());

    /** In the order in which they came; guarded by itself. */
    private final Map<Channel, Client> clients = new LinkedHashMap<>();

    public Monitors(SocketServer sockets) {
        this.sockets = sockets;
    }

    /**
     * Listens.
     *
     * @param conversations makes one for each client
     * @return where it listens
     * @throws IOException if the address cannot be had
     */
    public ListenAddress listen(
            ListenAddress address, Supplier<? extends Conversation> conversations)
            throws IOException {
        return sockets.listen(address, channel -> admit(channel, conversations.get()));
    }

    private void admit(Channel channel, Conversation conversation) {
        synchronized (clients) {
            if (clients.size() >= MAX_CLIENTS && !makeRoom()) {
                channel.writeAndFlush(Unpooled.wrappedBuffer(conversation.refusal(MAX_CLIENTS)))
                        .addListener(ChannelFutureListener.CLOSE);
                return;
            }
            Client client = new Client(conversation, control);
            clients.put(channel, client);
            channel.pipeline().addLast(client);
        }
        channel.closeFuture().addListener(_ -> forget(channel));
    }

    private boolean makeRoom() {
        Iterator<Map.Entry<Channel, Client>> all = clients.entrySet().iterator();
        while (all.hasNext()) {
            Map.Entry<Channel, Client> oldest = all.next();
            if (!oldest.getValue().isSettled()) {
                all.remove();
                var _ = oldest.getKey().close();
                return true;
            }
        }
        return false;
    }

    private void forget(Channel channel) {
        synchronized (clients) {
            clients.remove(channel);
        }
    }

    private List<Client> clients() {
        synchronized (clients) {
            return new ArrayList<>(clients.values());
        }
    }

    /** How many clients there are. Any thread. */
    public int clientCount() {
        return clients().size();
    }

    /** Events that clients which are still there did not take. Any thread. */
    public long lostEvents() {
        return clients().stream().mapToLong(Client::lostEvents).sum();
    }

    /** Tells every client that listens. Any thread; never waits. */
    public void tell(MachineEvent event) {
        clients().forEach(client -> client.tell(event));
    }

    /** Lets answers under way leave, and ends all connections. */
    @Override
    public void close() {
        try {
            CountDownLatch answered = new CountDownLatch(1);
            control.execute(answered::countDown);
            answered.await(CLOSE_SECONDS, TimeUnit.SECONDS);
            List<ChannelFuture> ends =
                    clients().stream().map(Client::finish).filter(Objects::nonNull).toList();
            for (ChannelFuture end : ends) {
                end.await(CLOSE_SECONDS, TimeUnit.SECONDS);
            }
        } catch (RejectedExecutionException e) {
            // closed before
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            control.shutdownNow();
        }
    }
}
