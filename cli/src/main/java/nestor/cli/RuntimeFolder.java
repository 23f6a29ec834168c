package nestor.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import nestor.control.socket.SocketServer;

/**
 * Where the sockets of running machines are: a folder of the user's own under {@code
 * XDG_RUNTIME_DIR}, or under the folder for temporary files.
 */
final class RuntimeFolder {
    private static final String SUFFIX = ".qmp";
    private static final Set<PosixFilePermission> PRIVATE =
            EnumSet.of(
                    PosixFilePermission.OWNER_READ,
                    PosixFilePermission.OWNER_WRITE,
                    PosixFilePermission.OWNER_EXECUTE);

    private final Path folder;

    RuntimeFolder() {
        this(Optional.ofNullable(System.getenv("XDG_RUNTIME_DIR")));
    }

    RuntimeFolder(Optional<String> runtime) {
        folder =
                runtime.filter(path -> path.startsWith("/") && Files.isDirectory(Path.of(path)))
                        .map(path -> Path.of(path, "nestor"))
                        .orElseGet(() ->
                                Path.of(
                                        System.getProperty("java.io.tmpdir", "/tmp"),
                                        "nestor-" + System.getProperty("user.name", "user")));
    }

    /** Where a machine's socket is to be; empty if the folder is not the user's alone. */
    Optional<Path> socket(String name) {
        try {
            if (!Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
                Files.createDirectory(folder, PosixFilePermissions.asFileAttribute(PRIVATE));
            }
            return isPrivate() ? Optional.of(folder.resolve(name + SUFFIX)) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private boolean isPrivate() throws IOException {
        Path home = Path.of(System.getProperty("user.home", "/"));
        return Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)
                && Files.getPosixFilePermissions(folder).equals(PRIVATE)
                && (!Files.isDirectory(home)
                        || Files.getOwner(folder).equals(Files.getOwner(home)));
    }

    /** Names of the machines that answer. */
    List<String> running() {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(SUFFIX))
                    .filter(SocketServer::isServed)
                    .map(file -> file.getFileName().toString())
                    .map(file -> file.substring(0, file.length() - SUFFIX.length()))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            return List.of();
        }
    }

    /** The socket of a machine that runs. */
    Path of(String name) {
        return folder.resolve(name + SUFFIX);
    }
}
