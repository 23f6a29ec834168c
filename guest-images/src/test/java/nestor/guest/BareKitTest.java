package nestor.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class BareKitTest {
    @TempDir Path root;

    private static Path compiler() {
        return Stream.of(System.getenv("PATH").split(":", -1))
                .map(folder -> Path.of(folder, CrossCompiler.PROGRAM))
                .filter(Files::isExecutable)
                .findFirst()
                .orElse(Path.of("/nonexistent"));
    }

    @Test
    void everySourceBelongsToAKit() throws Exception {
        URI head = BareKit.class.getResource("bare/arm64/start.S").toURI();
        Path folder = Path.of(head).resolve("../..").normalize();
        List<String> listed = new ArrayList<>();
        for (BareKit kit : BareKit.values()) {
            kit.paths().filter(path -> !listed.contains(path)).forEach(listed::add);
        }

        try (Stream<Path> files = Files.walk(folder)) {
            assertThat(files.filter(Files::isRegularFile).map(file -> "" + folder.relativize(file)))
                    .containsExactlyInAnyOrderElementsOf(listed);
        }
    }

    @ParameterizedTest
    @MethodSource("nestor.guest.BareKit#values")
    @DisplayName("Booting arm64 Linux, 4: the kit is an Image, compiled without a warning")
    void theKitIsAnImage(BareKit kit) throws Exception {
        Path compiler = compiler();
        assumeTrue(Files.isExecutable(compiler), "no cross compiler");
        List<String> flags = new ArrayList<>(BareKit.FLAGS);
        flags.add("-Werror");

        Path image =
                new CrossCompiler(
                                new CacheDirectory(root),
                                List.of(compiler.getParent()),
                                false,
                                Progress.none())
                        .image(kit.sources(), flags, kit.image());

        ByteBuffer header =
                ByteBuffer.wrap(Files.readAllBytes(image)).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(header.getInt(56)).isEqualTo(0x644d5241);
        assertThat(header.getLong(8)).isEqualTo(0x20_0000);
        assertThat(header.getLong(16)).isGreaterThanOrEqualTo(header.capacity());
    }
}
