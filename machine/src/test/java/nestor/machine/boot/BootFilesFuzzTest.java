package nestor.machine.boot;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.ByteBuffer;
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

    @FuzzTest(maxDuration = "10m")
    void anyPvhKernelIsJudged(byte[] contents) throws IOException {
        judge(contents, PvhKernel::open);
    }

    /** What is behind the magic numbers: an ELF file, and a payload. */
    @FuzzTest(maxDuration = "10m")
    void anyChangeOfAPvhKernelIsJudged(FuzzedDataProvider data) throws IOException {
        boolean packed = data.consumeBoolean();
        ByteBuffer elf = PvhKernels.elf();
        for (int i = data.consumeInt(0, 16); i > 0; i--) {
            elf.put(data.consumeInt(4, elf.capacity() - 1), data.consumeByte());
        }
        ByteBuffer file = packed ? PvhKernels.bzImage(data.consumeRemainingAsBytes()) : elf;
        byte[] contents = new byte[file.capacity()];
        file.get(0, contents);
        judge(contents, PvhKernel::open);
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
            String message = String.valueOf(e.getMessage());
            if (message.isEmpty() || message.contains("\n")) {
                throw new IllegalStateException("not one clear line: " + message, e);
            }
        } finally {
            Files.delete(file);
        }
    }
}
