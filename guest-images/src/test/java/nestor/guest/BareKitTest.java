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

class BareKitTest {
    @TempDir Path root;

    private static Path compiler(Architecture architecture) {
        return Stream.of(System.getenv("PATH").split(":", -1))
                .map(folder -> Path.of(folder, architecture.compiler()))
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

    private ByteBuffer kernel(BareKit kit) throws Exception {
        Architecture architecture = kit.architecture();
        Path compiler = compiler(architecture);
        assumeTrue(Files.isExecutable(compiler), "no compiler");
        List<String> flags = new ArrayList<>(architecture.freestanding());
        flags.add("-Werror");
        Path image =
                new CrossCompiler(
                                architecture,
                                new CacheDirectory(root),
                                List.of(compiler.getParent()),
                                false,
                                Progress.none())
                        .kernel(kit.sources(), flags, kit.image());
        return ByteBuffer.wrap(Files.readAllBytes(image)).order(ByteOrder.LITTLE_ENDIAN);
    }

    @Test
    @DisplayName("Booting arm64 Linux, 4: the kit is an Image, compiled without a warning")
    void theKitForArm64IsAnImage() throws Exception {
        ByteBuffer header = kernel(BareKit.SMMUV3);

        assertThat(header.getInt(56)).isEqualTo(0x644d5241);
        assertThat(header.getLong(8)).isEqualTo(0x20_0000);
        assertThat(header.getLong(16)).isGreaterThanOrEqualTo(header.capacity());
    }

    @Test
    @DisplayName("Xen, PVH: the kit is an ELF file whose note names the 32-bit entry")
    void theKitForX86HasAPvhEntry() throws Exception {
        ByteBuffer elf = kernel(BareKit.VTD);

        assertThat(elf.getInt(0)).isEqualTo(0x464c457f);
        int headers = (int) elf.getLong(32);
        int size = elf.getShort(54);
        assertThat(elf.getInt(headers)).describedAs("PT_LOAD").isEqualTo(1);
        long base = elf.getLong(headers + 24);
        assertThat(base).isEqualTo(0x20_0000);
        long loaded = elf.getLong(headers + 32);
        int last = headers + size * (elf.getShort(56) - 1);
        assertThat(elf.getInt(last)).describedAs("PT_NOTE").isEqualTo(4);
        int note = (int) elf.getLong(last + 8);
        assertThat(elf.getInt(note + 8)).describedAs("XEN_ELFNOTE_PHYS32_ENTRY").isEqualTo(18);
        assertThat(elf.getInt(note + 16) - base).isBetween(0L, loaded);
    }
}
