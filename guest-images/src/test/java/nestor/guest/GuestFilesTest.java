package nestor.guest;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GuestFilesTest {
    @TempDir Path folder;

    @Test
    void everyCheckOfEveryProfileIsThere() {
        for (GuestProfile profile : GuestProfile.all()) {
            assertThat(profile.checks()).isNotEmpty().allMatch(GuestFiles::isCheck);
        }
    }

    @Test
    void everyScriptIsAcceptedByAPosixShell() throws Exception {
        for (Map.Entry<String, byte[]> file : GuestFiles.all().entrySet()) {
            Path script = folder.resolve("script");
            Files.write(script, file.getValue());

            ChildProcess.Result result =
                    ChildProcess.run(
                            List.of("/bin/sh", "-n", script.toString()),
                            folder,
                            Map.of(),
                            () -> {});

            assertThat(result.status()).as("%s: %s", file.getKey(), result.errors()).isZero();
        }
    }

    @Test
    void anUnknownProfileIsNotFound() {
        assertThat(GuestProfile.named("none")).contains(GuestProfile.NONE);
        assertThat(GuestProfile.named("riscv")).isEmpty();
    }
}
