package nestor.machine.boot;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;

/** Any bytes as kernel or initial RAM disk: accepted, or refused in one line. */
class BootFilesFuzzTest {
    private static final int MAX_BYTES = 1 << 16;

    @FuzzTest(maxDuration = "10m")
    void anyKernelIsJudged(byte[] contents) throws IOException {
        judge(contents, KernelImage::open);
    }

    @FuzzTest(maxDuration = "10m")
    void anyInitrdIsJudged(byte[] contents) throws IOException {
        judge(contents, Initrd::open);
    }

    private interface Opener {
        Object open(Path file) throws IOException, BootFileException;
    }

    private static void judge(byte[] contents, Opener opener) throws IOException {
        Assumptions.assumeTrue(contents.length <= MAX_BYTES);
        Path file = Files.createTempFile("nestor-fuzz", "");
        try {
            Files.write(file, contents);
            opener.open(file);
        } catch (BootFileException e) {
            if (e.getMessage().isEmpty() || e.getMessage().contains("\n")) {
                throw new IllegalStateException("not one clear line: " + e.getMessage(), e);
            }
        } finally {
            Files.delete(file);
        }
    }
}
