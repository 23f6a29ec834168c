package nestor.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.commons.compress.archivers.cpio.CpioArchiveEntry;
import org.apache.commons.compress.archivers.cpio.CpioArchiveInputStream;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@DisplayName("early-userspace/buffer-format: cpio newc")
class CpioArchiveTest {
    @TempDir Path folder;

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] written(CpioArchive archive) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        archive.writeTo(out);
        return out.toByteArray();
    }

    private static CpioArchive sample(boolean otherOrder) {
        CpioArchive archive = new CpioArchive();
        if (otherOrder) {
            archive.symbolicLink("bin/sh", "busybox");
        }
        archive.characterDevice("dev/console", 5, 1);
        archive.program("init", bytes("#!/bin/sh\n"));
        archive.file("nestor/modules/load-order", bytes("a.ko\n"));
        if (!otherOrder) {
            archive.symbolicLink("bin/sh", "busybox");
        }
        return archive;
    }

    @Test
    void theSameContentGivesTheSameBytes() throws Exception {
        assertThat(written(sample(true))).isEqualTo(written(sample(false)));
    }

    @Test
    void foldersComeBeforeWhatIsInThemAndNothingHasATime() throws Exception {
        List<String> names = new ArrayList<>();
        try (CpioArchiveInputStream in =
                new CpioArchiveInputStream(new ByteArrayInputStream(written(sample(false))))) {
            for (CpioArchiveEntry entry; (entry = in.getNextEntry()) != null; ) {
                names.add(entry.getName() + " " + Long.toOctalString(entry.getMode()));
                assertThat(entry.getTime()).isZero();
                assertThat(entry.getUID() + entry.getGID()).isZero();
            }
        }
        assertThat(names)
                .containsExactly(
                        "bin 40755",
                        "bin/sh 120777",
                        "dev 40755",
                        "dev/console 20600",
                        "init 100755",
                        "nestor 40755",
                        "nestor/modules 40755",
                        "nestor/modules/load-order 100644");
    }

    @Test
    void cpioReadsIt() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/cpio")), "no cpio on this machine");
        Path file = folder.resolve("archive");
        Files.write(file, written(sample(false)));

        ChildProcess.Result listed =
                ChildProcess.run(
                        List.of("cpio", "-itv", "-F", file.toString()),
                        folder,
                        Map.of("LC_ALL", "C"),
                        () -> {});

        assertThat(listed.status()).isZero();
        assertThat(listed.output())
                .containsPattern("crw-------.*5, *1.*dev/console")
                .contains("bin/sh -> busybox");
    }
}
