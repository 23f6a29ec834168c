package nestor.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

class ModuleArchiveTest {
    @TempDir Path folder;

    private final Map<String, byte[]> files = new TreeMap<>();

    /** A relocatable file with the sections .modinfo and .shstrtab, as small as it can be. */
    static byte[] module(String depends) {
        byte[] info =
                ("license=GPL\0depends=" + depends + "\0name=x\0").getBytes(StandardCharsets.UTF_8);
        byte[] names = "\0.modinfo\0.shstrtab\0".getBytes(StandardCharsets.UTF_8);
        int infoOffset = 64;
        int namesOffset = infoOffset + info.length;
        int headers = (namesOffset + names.length + 7) & -8;
        ByteBuffer elf = ByteBuffer.allocate(headers + 3 * 64).order(ByteOrder.LITTLE_ENDIAN);
        elf.putInt(0x464c_457f).put((byte) 2).put((byte) 1).put((byte) 1);
        elf.putLong(0x28, headers)
                .putShort(0x3a, (short) 64)
                .putShort(0x3c, (short) 3)
                .putShort(0x3e, (short) 2);
        elf.put(infoOffset, info).put(namesOffset, names);
        elf.putInt(headers + 64, 1)
                .putLong(headers + 64 + 0x18, infoOffset)
                .putLong(headers + 64 + 0x20, info.length);
        elf.putInt(headers + 128, 10)
                .putLong(headers + 128 + 0x18, namesOffset)
                .putLong(headers + 128 + 0x20, names.length);
        return elf.array();
    }

    private static byte[] xz(byte[] plain) throws IOException {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (XZOutputStream out = new XZOutputStream(packed, new LZMA2Options(0))) {
            out.write(plain);
        }
        return packed.toByteArray();
    }

    private static long seed() {
        String given = System.getProperty("nestor.seed", "");
        long seed = given.isEmpty() ? new Random().nextLong() : Long.parseLong(given);
        System.getLogger(ModuleArchiveTest.class.getName())
                .log(System.Logger.Level.INFO, "-Dnestor.seed={0}", Long.toString(seed));
        return seed;
    }

    private ModuleArchive archive() throws IOException {
        Path zip = folder.resolve("modules.zip");
        try (OutputStream file = Files.newOutputStream(zip);
                ZipOutputStream out = new ZipOutputStream(file)) {
            for (Map.Entry<String, byte[]> each : files.entrySet()) {
                out.putNextEntry(new ZipEntry(each.getKey()));
                out.write(each.getValue());
                out.closeEntry();
            }
        }
        return new ModuleArchive(zip);
    }

    @Test
    void aModuleComesAfterWhatItDependsOnAndOnlyOnce() throws Exception {
        files.put("kernel/net/top-one.ko.xz", xz(module("middle,low")));
        files.put("kernel/net/middle.ko", module("low"));
        files.put("kernel/lib/low.ko.xz", xz(module("")));
        files.put("kernel/unused.ko", module(""));

        try (ModuleArchive archive = archive()) {
            assertThat(archive.inLoadOrder(List.of("top_one", "low")).sequencedKeySet())
                    .containsExactly("low", "middle", "top_one");
        }
    }

    @Test
    void modulesAreDecompressed() throws Exception {
        files.put("kernel/virtio-iommu.ko.xz", xz(module("")));

        try (ModuleArchive archive = archive()) {
            assertThat(archive.inLoadOrder(List.of("virtio_iommu")).firstEntry().getValue())
                    .isEqualTo(module(""));
        }
    }

    @Test
    void builtInModulesAreLeftOut() throws Exception {
        files.put("kernel/a.ko", module("rng-core"));
        files.put(
                "modules.builtin",
                "kernel/drivers/char/hw_random/rng-core.ko\n".getBytes(StandardCharsets.UTF_8));

        try (ModuleArchive archive = archive()) {
            assertThat(archive.inLoadOrder(List.of("rng_core", "a")).sequencedKeySet())
                    .containsExactly("a");
        }
    }

    @Test
    void aModuleWhichIsNowhereIsNamed() throws Exception {
        files.put("kernel/a.ko", module("b"));

        try (ModuleArchive archive = archive()) {
            assertThatThrownBy(() -> archive.inLoadOrder(List.of("a")))
                    .isInstanceOf(ImageException.class)
                    .hasMessageContaining("no module b");
        }
    }

    @Test
    void aCircleOfDependenciesIsRefused() throws Exception {
        files.put("kernel/a.ko", module("b"));
        files.put("kernel/b.ko", module("a"));

        try (ModuleArchive archive = archive()) {
            assertThatThrownBy(() -> archive.inLoadOrder(List.of("a")))
                    .isInstanceOf(ImageException.class);
        }
    }

    @Test
    void damagedElfFilesAreRefusedWithoutAnyOtherException() throws Exception {
        long seed = seed();
        Random random = new Random(seed);
        byte[] good = module("a,b");
        for (int round = 0; round < 20_000; round++) {
            byte[] bad = good.clone();
            for (int change = random.nextInt(4); change >= 0; change--) {
                bad[random.nextInt(bad.length)] = (byte) random.nextInt();
            }
            byte[] cut = Arrays.copyOf(bad, random.nextInt(bad.length + 1));
            try {
                assertThat(ModuleInfo.of(cut).depends())
                        .as("seed %d", seed)
                        .hasSizeLessThan(good.length);
            } catch (IOException e) {
                assertThat(e)
                        .as("seed %d", seed)
                        .hasMessageMatching("not a .*|a damaged .*|no section .*");
            }
        }
    }
}
