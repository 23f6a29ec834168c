package nestor.control.socket;

import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.FixedRecvByteBufAllocator;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.ServerChannel;
import io.netty.channel.WriteBufferWaterMark;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import nestor.control.ListenAddress;

/**
 * Listens at addresses of this host, with one thread for all. A unix socket is for its owner only;
 * one that a dead process left is replaced, one that answers is not.
 */
public final class SocketServer implements AutoCloseable {
    private static final int RECEIVE_BYTES = 1 << 14;
    private static final long CLOSE_SECONDS = 2;

    /** Beyond the higher mark a client counts as slow. */
    private static final WriteBufferWaterMark MARKS = new WriteBufferWaterMark(1 << 16, 1 << 18);

    private final EventLoopGroup loops;
    private final List<Channel> listening = new ArrayList<>();
    private final List<Path> created = new ArrayList<>();

    /** A server that listens nowhere; its thread starts with the first address. */
    public SocketServer() {
        ThreadFactory threads = Thread.ofPlatform().daemon().name("nestor-sockets").factory();
        loops = new MultiThreadIoEventLoopGroup(1, threads, NioIoHandler.newFactory());
    }

    /**
     * Listens.
     *
     * @param onConnect makes the handler of a connection, which reads when it asks to; on the
     *     thread of the server
     * @return where it listens, with the port that was chosen
     * @throws IOException if the address cannot be had; the message is one line
     */
    public ListenAddress listen(ListenAddress address, Consumer<Channel> onConnect)
            throws IOException {
        return switch (address) {
            case ListenAddress.Unix unix -> {
                prepare(unix.path());
                bind(
                        NioServerDomainSocketChannel.class,
                        UnixDomainSocketAddress.of(unix.path()),
                        address,
                        onConnect);
                created.add(unix.path());
                Files.setPosixFilePermissions(
                        unix.path(), PosixFilePermissions.fromString("rw-------"));
                yield unix;
            }
            case ListenAddress.Loopback loopback -> {
                Channel channel =
                        bind(
                                NioServerSocketChannel.class,
                                loopback.socketAddress(),
                                address,
                                onConnect);
                yield new ListenAddress.Loopback(
                        ((InetSocketAddress) channel.localAddress()).getPort());
            }
        };
    }

    private Channel bind(
            Class<? extends ServerChannel> kind,
            SocketAddress at,
            ListenAddress address,
            Consumer<Channel> onConnect)
            throws IOException {
        ChannelFuture bound =
                new ServerBootstrap()
                        .group(loops)
                        .channel(kind)
                        .option(ChannelOption.ALLOCATOR, UnpooledByteBufAllocator.DEFAULT)
                        .childOption(ChannelOption.ALLOCATOR, UnpooledByteBufAllocator.DEFAULT)
                        .childOption(
                                ChannelOption.RECVBUF_ALLOCATOR,
                                new FixedRecvByteBufAllocator(RECEIVE_BYTES))
                        .childOption(ChannelOption.AUTO_READ, false)
                        .childOption(ChannelOption.WRITE_BUFFER_WATER_MARK, MARKS)
                        .childHandler(
                                new ChannelInitializer<Channel>() {
                                    @Override
                                    protected void initChannel(Channel channel) {
                                        onConnect.accept(channel);
                                    }
                                })
                        .bind(at)
                        .awaitUninterruptibly();
        if (!bound.isSuccess()) {
            throw new IOException("%s: %s".formatted(address, bound.cause().getMessage()));
        }
        listening.add(bound.channel());
        return bound.channel();
    }

    /** Makes room for a socket where there is only a dead one. */
    private static void prepare(Path path) throws IOException {
        int bytes = path.toString().getBytes(StandardCharsets.UTF_8).length;
        if (bytes > ListenAddress.Unix.MAX_PATH_BYTES) {
            throw new IOException(
                    "unix:%s: longer than the %d bytes that a socket's path may have"
                            .formatted(path, ListenAddress.Unix.MAX_PATH_BYTES));
        }
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Object type = Files.getAttribute(path, "unix:mode", LinkOption.NOFOLLOW_LINKS);
        if (((int) type & 0xf000) != 0xc000) {
            throw new IOException("unix:%s: exists and is no socket".formatted(path));
        }
        if (isServed(path)) {
            throw new IOException("unix:%s: another process listens there".formatted(path));
        }
        Files.delete(path);
    }

    /** Whether someone listens at a socket. */
    public static boolean isServed(Path path) {
        try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            return probe.connect(UnixDomainSocketAddress.of(path));
        } catch (IOException e) {
            return false;
        }
    }

    /** Ends every connection and removes the unix sockets that it made. */
    @Override
    public void close() {
        listening.forEach(channel -> channel.close().awaitUninterruptibly());
        loops.shutdownGracefully(0, CLOSE_SECONDS, TimeUnit.SECONDS)
                .awaitUninterruptibly(CLOSE_SECONDS, TimeUnit.SECONDS);
        for (Path path : created) {
            try {
                Files.deleteIfExists(path);
            } catch (IOException e) {
                // Someone else has taken it away, or its folder.
            }
        }
    }
}
