package nestor.machine.boot;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/** Kernel files for tests of other packages. */
public final class TestKernels {
    public static final int ENTRY = (int) PvhKernels.ENTRY;

    private TestKernels() {}

    /** A small ELF file with a PVH entry. */
    public static Path pvh(Path file) throws IOException {
        ByteBuffer elf = PvhKernels.elf();
        byte[] bytes = new byte[elf.capacity()];
        elf.get(0, bytes);
        return Files.write(file, bytes);
    }
}
