package nestor.guest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** With shell scripts in the place of the compiler and of apt-get. */
class CrossCompilerTest {
    private static final String COMPILER =
            """
            #!/bin/sh
            [ "$1" = --version ] && { echo "gcc VERSION"; exit 0; }
            echo run >> "$0.log"
            grep -q broken *.c && { echo "a.c:1:1: error: broken" >&2; exit 1; }
            while [ "$1" != -o ]; do shift; done
            cat *.c > "$2"
            """;

    @TempDir Path root;
    private Path programs;

    @BeforeEach
    void makePath() throws IOException {
        programs = Files.createDirectory(root.resolve("bin"));
    }

    private CrossCompiler compiler(boolean privileged) {
        return new CrossCompiler(
                Architecture.ARM64,
                new CacheDirectory(root.resolve("cache")),
                List.of(programs),
                privileged,
                Progress.none());
    }

    private void script(String name, String text) throws IOException {
        Path file = programs.resolve(name);
        Files.writeString(file, text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private void install(String version) throws IOException {
        script(Architecture.ARM64.compiler(), COMPILER.replace("VERSION", version));
    }

    private long runs() throws IOException {
        return Files.readAllLines(programs.resolve(Architecture.ARM64.compiler() + ".log")).size();
    }

    private static Map<String, byte[]> sources(String text) {
        return Map.of("a.c", text.getBytes(UTF_8));
    }

    @Test
    void theSameIngredientsAreCompiledOnce() throws Exception {
        install("1");

        Path first = compiler(false).compile(sources("int a;"), List.of("-O2"), "image");
        Path second = compiler(false).compile(sources("int a;"), List.of("-O2"), "image");

        assertThat(first).isEqualTo(second).hasContent("int a;");
        assertThat(runs()).isEqualTo(1);
    }

    @Test
    void anotherSourceFlagOrCompilerVersionIsAnotherResult() throws Exception {
        install("1");
        compiler(false).compile(sources("int a;"), List.of("-O2"), "image");
        compiler(false).compile(sources("int b;"), List.of("-O2"), "image");
        compiler(false).compile(sources("int a;"), List.of("-O1"), "image");
        assertThat(runs()).isEqualTo(3);

        install("2");
        compiler(false).compile(sources("int a;"), List.of("-O2"), "image");

        assertThat(runs()).isEqualTo(4);
    }

    @Test
    void aSourceThatDoesNotCompileLeavesNothingAndSaysWhy() throws Exception {
        install("1");

        assertThatThrownBy(() -> compiler(false).compile(sources("broken"), List.of(), "image"))
                .isInstanceOf(ImageException.class)
                .hasMessage("aarch64-linux-gnu-gcc: a.c:1:1: error: broken");

        assertThat(root.resolve("cache").resolve(CrossCompiler.KIND)).doesNotExist();
    }

    @Test
    void withoutTheRightToInstallTheMessageNamesThePackages() throws Exception {
        script("apt-get", "#!/bin/sh\nexit 0\n");

        assertThatThrownBy(() -> compiler(false).compile(sources("int a;"), List.of(), "image"))
                .isInstanceOf(ImageException.class)
                .hasMessage(
                        "there is no aarch64-linux-gnu-gcc in PATH; install the packages"
                                + " gcc-aarch64-linux-gnu and libc6-dev-arm64-cross");
    }

    @Test
    void rootInstallsTheCompilerWithoutQuestionsAndUpdatesTheListsIfNeeded() throws Exception {
        script("gcc", COMPILER);
        script(
                "apt-get",
                """
                #!/bin/sh
                d=$(dirname "$0")
                echo "$DEBIAN_FRONTEND $*" >> "$0.log"
                case "$*" in
                *update*) touch "$d/updated" ;;
                *) [ -e "$d/updated" ] || { echo "E: Unable to locate package" >&2; exit 100; }
                   mv "$d/gcc" "$d/aarch64-linux-gnu-gcc" ;;
                esac
                """);

        Path made = compiler(true).compile(sources("int a;"), List.of(), "image");

        assertThat(made).hasContent("int a;");
        String install =
                "noninteractive -qq -y --no-install-recommends install"
                        + " gcc-aarch64-linux-gnu libc6-dev-arm64-cross";
        assertThat(Files.readAllLines(programs.resolve("apt-get.log")))
                .containsExactly(install, "noninteractive -qq update", install);
    }

    @Test
    void aFailedInstallationIsOneLine() throws Exception {
        script("apt-get", "#!/bin/sh\necho 'E: no route' >&2\nexit 100\n");

        assertThatThrownBy(() -> compiler(true).compile(sources("int a;"), List.of(), "image"))
                .isInstanceOf(ImageException.class)
                .hasMessageContaining("libc6-dev-arm64-cross: E: no route");
    }
}
