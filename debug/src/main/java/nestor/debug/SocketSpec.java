package nestor.debug;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import nestor.machine.ConfigException;

/**
 * A socket in QEMU's spelling: {@code tcp:HOST:PORT[,server=on][,wait=off]} or {@code
 * unix:PATH[…]}. A TCP port without a host is one of the loopback interface.
 *
 * @param address where it is
 * @param server whether others connect to it
 * @param waits of a server, whether the machine waits for the first of them
 */
public record SocketSpec(SocketAddress address, boolean server, boolean waits) {
    private static final int MAX_PORT = 65_535;
    private static final int BACKLOG = 16;

    /**
     * Reads an option's value.
     *
     * @param option for messages
     * @param server whether it is a server if the text does not say
     */
    public static SocketSpec parse(String option, String text, boolean server)
            throws ConfigException {
        String[] parts = text.split(",", -1);
        SocketAddress address = address(option, parts[0]);
        boolean serves = server;
        boolean waiting = !server;
        for (int i = 1; i < parts.length; i++) {
            switch (parts[i]) {
                case "server", "server=on" -> serves = true;
                case "server=off" -> serves = false;
                case "wait", "wait=on" -> waiting = true;
                case "nowait", "wait=off" -> waiting = false;
                case "nodelay", "nodelay=on", "nodelay=off" -> {}
                default ->
                        throw new ConfigException(
                                "%s: unknown property '%s'; known: server, wait, nodelay"
                                        .formatted(option, parts[i]));
            }
        }
        return new SocketSpec(address, serves, serves && waiting);
    }

    private static SocketAddress address(String option, String text) throws ConfigException {
        if (text.startsWith("unix:")) {
            try {
                return UnixDomainSocketAddress.of(Path.of(text.substring("unix:".length())));
            } catch (InvalidPathException e) {
                throw new ConfigException("%s: '%s' is not a path".formatted(option, text));
            }
        }
        int colon = text.lastIndexOf(':');
        if (!text.startsWith("tcp:") || colon < "tcp:".length()) {
            throw new ConfigException(
                    "%s: '%s' is neither tcp:HOST:PORT nor unix:PATH".formatted(option, text));
        }
        String host = text.substring("tcp:".length(), colon);
        return new InetSocketAddress(
                host.isEmpty() ? InetAddress.getLoopbackAddress() : resolve(option, host),
                port(option, text.substring(colon + 1)));
    }

    private static InetAddress resolve(String option, String host) throws ConfigException {
        try {
            return InetAddress.getByName(host);
        } catch (IOException e) {
            throw new ConfigException("%s: unknown host '%s'".formatted(option, host));
        }
    }

    private static int port(String option, String text) throws ConfigException {
        try {
            int port = Integer.parseInt(text);
            if (port >= 0 && port <= MAX_PORT) {
                return port;
            }
        } catch (NumberFormatException e) {
            // the message below says it
        }
        throw new ConfigException("%s: '%s' is not a TCP port".formatted(option, text));
    }

    /** The file of a Unix socket. */
    public Optional<Path> file() {
        return address instanceof UnixDomainSocketAddress unix
                ? Optional.of(unix.getPath())
                : Optional.empty();
    }

    /**
     * Listens. The file of a Unix socket is its owner's alone; when it is there, it can be
     * connected to.
     */
    public ServerSocketChannel listen() throws IOException {
        Optional<Path> file = file();
        if (file.isEmpty()) {
            return ServerSocketChannel.open().bind(address, BACKLOG);
        }
        Path fresh = Path.of(file.get() + ".new");
        ServerSocketChannel channel = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            channel.bind(UnixDomainSocketAddress.of(fresh), BACKLOG);
        } catch (IOException e) {
            channel.close();
            throw e;
        }
        try {
            Files.setPosixFilePermissions(fresh, PosixFilePermissions.fromString("rw-------"));
            Files.move(fresh, file.get());
        } catch (FileAlreadyExistsException e) {
            channel.close();
            Files.deleteIfExists(fresh);
            throw new IOException("the file is there already", e);
        } catch (IOException e) {
            channel.close();
            Files.deleteIfExists(fresh);
            throw e;
        }
        return channel;
    }

    /** Connects to the other side. */
    public SocketChannel connect() throws IOException {
        return SocketChannel.open(address);
    }
}
