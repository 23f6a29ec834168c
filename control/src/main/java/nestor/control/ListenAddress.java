package nestor.control;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;

/** Where a server listens. */
public sealed interface ListenAddress {
    /** A unix socket. */
    record Unix(Path path) implements ListenAddress {
        /** sockaddr_un has 108 bytes, and a path ends with a zero (unix(7)). */
        public static final int MAX_PATH_BYTES = 107;

        @Override
        public String toString() {
            return "unix:" + path;
        }
    }

    /**
     * A TCP port of this host that only this host reaches.
     *
     * @param port 0 is any free one
     */
    record Loopback(int port) implements ListenAddress {
        /** With the IPv4 loopback address. */
        public InetSocketAddress socketAddress() {
            return new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), port);
        }

        @Override
        public String toString() {
            return "tcp:127.0.0.1:" + port;
        }
    }
}
