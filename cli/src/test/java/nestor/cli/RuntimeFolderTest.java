package nestor.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Optional;
import nestor.control.ListenAddress;
import nestor.control.socket.SocketServer;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class RuntimeFolderTest {
    @TempDir private Path runtime;
    private RuntimeFolder folder;

    @BeforeEach
    void create() {
        folder = new RuntimeFolder(Optional.of(runtime.toString()));
    }

    private Path made() {
        return runtime.resolve("nestor");
    }

    private static void permissions(Path path, String permissions) throws IOException {
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
    }

    @Test
    void itIsMadeForItsOwnerAlone() throws IOException {
        assertThat(folder.socket("lab1")).contains(made().resolve("lab1.qmp"));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(made())))
                .isEqualTo("rwx------");
    }

    @Test
    void oneThatOthersCanEnterIsNotUsed() throws IOException {
        Files.createDirectory(made());
        permissions(made(), "rwxr-xr-x");
        assertThat(folder.socket("lab1")).isEmpty();
        permissions(made(), "rwx------");
        assertThat(folder.socket("lab1")).isPresent();
    }

    @Test
    void aLinkToAFolderIsNotUsed() throws IOException {
        Path elsewhere = Files.createDirectory(runtime.resolve("elsewhere"));
        permissions(elsewhere, "rwx------");
        Files.createSymbolicLink(made(), elsewhere);
        assertThat(folder.socket("lab1")).isEmpty();
    }

    @Test
    void aRuntimeFolderThatIsNoneFallsBackToTheOneForTemporaryFiles() {
        for (String given : new String[] {"", "relative", runtime.resolve("missing").toString()}) {
            assertThat(new RuntimeFolder(Optional.of(given)).of("lab1"))
                    .describedAs("XDG_RUNTIME_DIR=" + given)
                    .isEqualTo(new RuntimeFolder(Optional.empty()).of("lab1"))
                    .doesNotMatch(path -> path.startsWith(runtime));
        }
    }

    @Test
    void machinesThatAnswerAreListedAndDeadSocketsAreNot() throws IOException {
        assertThat(folder.running()).isEmpty();
        try (SocketServer server = new SocketServer()) {
            for (String name : new String[] {"b", "a"}) {
                server.listen(new ListenAddress.Unix(folder.socket(name).orElseThrow()), _ -> {});
            }
            Files.writeString(made().resolve("dead.qmp"), "");
            Files.writeString(made().resolve("note.txt"), "");
            assertThat(folder.running()).containsExactly("a", "b");
        }
        assertThat(folder.running()).isEmpty();
    }
}
