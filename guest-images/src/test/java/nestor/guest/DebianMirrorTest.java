package nestor.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("sources.list(5)")
class DebianMirrorTest {
    @TempDir Path root;

    @BeforeEach
    void keyringIsThere() throws IOException {
        write("usr/share/keyrings/debian-archive-keyring.gpg", "keys");
    }

    private void write(String path, String text) throws IOException {
        Path file = root.resolve(path);
        Files.createDirectories(root.resolve(path.substring(0, path.lastIndexOf('/'))));
        Files.writeString(file, text);
    }

    @Test
    void theFirstArchiveOfADeb822FileIsTaken() throws Exception {
        write(
                "etc/apt/sources.list.d/debian.sources",
                """
                # a comment
                Types: deb deb-src
                URIs: http://mirror.example/debian
                Suites: bookworm bookworm-updates
                Components: main
                Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

                Types: deb
                URIs: http://mirror.example/debian-security
                Suites: bookworm-security
                Components: main
                """);

        DebianMirror mirror = DebianMirror.find(root);

        assertThat(mirror.uri()).isEqualTo("http://mirror.example/debian");
        assertThat(mirror.keyring())
                .isEqualTo(root.resolve("usr/share/keyrings/debian-archive-keyring.gpg"));
    }

    @Test
    void theOneLineStyleWithOptionsIsTaken() throws Exception {
        write("usr/share/keyrings/own.gpg", "keys");
        write(
                "etc/apt/sources.list",
                """
                deb cdrom:[Debian GNU/Linux 12]/ bookworm main
                # deb http://off.example/debian bookworm main
                deb-src http://source.example/debian bookworm main
                deb http://security.example/debian-security bookworm-security main
                deb [ arch=amd64 signed-by=/usr/share/keyrings/own.gpg ] http://list.example/debian trixie main contrib # why
                """);

        DebianMirror mirror = DebianMirror.find(root);

        assertThat(mirror.uri()).isEqualTo("http://list.example/debian");
        assertThat(mirror.keyring()).isEqualTo(root.resolve("usr/share/keyrings/own.gpg"));
    }

    @Test
    void disabledStanzasOtherVendorsAndUnreadSuffixesAreNotTaken() throws Exception {
        write("etc/apt/sources.list", "deb http://docker.example/linux/debian bookworm stable\n");
        write(
                "etc/apt/sources.list.d/a.sources",
                "Enabled: no\nTypes: deb\nURIs: http://a.example/debian\nSuites: trixie\nComponents: main\n");
        write(
                "etc/apt/sources.list.d/b.sources.disabled",
                "Types: deb\nURIs: http://b.example/debian\n");
        write("etc/apt/sources.list.d/c.list", "deb http://c.example nodistro main\n");

        assertThatThrownBy(() -> DebianMirror.find(root))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("names no Debian archive")
                .hasMessageContaining("--kernel");
    }

    @Test
    void anInlineKeyLeavesDebiansOwnKeyring() throws Exception {
        write(
                "etc/apt/sources.list.d/debian.sources",
                """
                Types: deb
                URIs: http://mirror.example/debian
                Suites: trixie
                Components: main
                Signed-By:
                 -----BEGIN PGP PUBLIC KEY BLOCK-----
                 .
                 mDMEZ
                """);

        assertThat(DebianMirror.find(root).keyring())
                .isEqualTo(root.resolve("usr/share/keyrings/debian-archive-keyring.gpg"));
    }

    @Test
    void anAbsentKeyringIsSaidWithItsRemedy() throws Exception {
        Files.delete(root.resolve("usr/share/keyrings/debian-archive-keyring.gpg"));
        write("etc/apt/sources.list", "deb http://mirror.example/debian bookworm main\n");

        assertThatThrownBy(() -> DebianMirror.find(root))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("apt-get install debian-archive-keyring");
    }
}
