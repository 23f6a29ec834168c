package nestor.debug;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import nestor.machine.ConfigException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SocketSpecTest {
    @TempDir private Path folder;

    @Test
    void portWithoutAHostIsOneOfTheLoopbackInterface() throws ConfigException {
        SocketSpec spec = SocketSpec.parse("-gdb", "tcp::1234", true);

        assertThat(spec.address())
                .isEqualTo(new InetSocketAddress(InetAddress.getLoopbackAddress(), 1234));
        assertThat(spec.server()).isTrue();
        assertThat(spec.waits()).isFalse();
    }

    @Test
    void socketFileIsItsOwnersAloneAndCanBeConnectedTo() throws Exception {
        Path file = folder.resolve("s");
        SocketSpec spec = SocketSpec.parse("-gdb", "unix:" + file, true);
        try (ServerSocketChannel server = spec.listen();
                SocketChannel client = spec.connect()) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                    .isEqualTo("rw-------");
            assertThat(client.isConnected()).isTrue();
            assertThat(server.isOpen()).isTrue();
            assertThat(folder.toFile().list()).containsExactly("s");
        }
    }

    @Test
    void fileThatIsThereStaysAndIsNamed() throws Exception {
        Path file = Files.writeString(folder.resolve("s"), "mine");
        SocketSpec spec = SocketSpec.parse("-gdb", "unix:" + file, true);

        assertThatThrownBy(spec::listen)
                .isInstanceOf(IOException.class)
                .hasMessage("the file is there already");

        assertThat(file).hasContent("mine");
        assertThat(folder.toFile().list()).containsExactly("s");
    }

    @Test
    void wrongSpellingsAreRefusedInOneLine() {
        for (String text :
                List.of(
                        "",
                        "1234",
                        "tcp:1234",
                        "tcp::port",
                        "tcp::65536",
                        "tcp::-1",
                        "unix:\0",
                        "tcp::1234,backlog=7")) {
            assertThatThrownBy(() -> SocketSpec.parse("-gdb", text, true))
                    .isInstanceOf(ConfigException.class)
                    .hasMessageStartingWith("-gdb: ")
                    .message()
                    .doesNotContain("\n");
        }
    }
}
