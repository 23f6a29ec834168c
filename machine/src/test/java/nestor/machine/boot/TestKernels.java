package nestor.machine.boot;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/** Kernel files for tests of other packages. */
public final class TestKernels {
    public static final int ENTRY = (int) PvhKernels.ENTRY;

    private TestKernels() {}

    /** A small ELF file with a PVH entry. */
    public static Path pvh(Path file) throws IOException {
        return write(file, PvhKernels.elf());
    }

    /** A kernel for x86 that counts up the word at {@code gpa} for ever, from 1. */
    public static Path countingPvh(Path file, int gpa) throws IOException {
        ByteBuffer code = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
        code.position(ENTRY - (int) PvhKernels.GPA);
        code.put(new byte[] {0x31, (byte) 0xc0}); // xor eax, eax
        code.put((byte) 0x40); // inc eax
        code.put((byte) 0xa3).putInt(gpa); // mov [gpa], eax
        code.put(new byte[] {(byte) 0xeb, (byte) 0xf8}); // jmp to inc
        return write(file, PvhKernels.elf(code.array()));
    }

    /** The same for arm64. */
    public static Path countingImage(Path file, int gpa) throws IOException {
        ByteBuffer image = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
        image.putInt(0, 0x1400_0010); // b .+64
        image.putLong(16, 4096).putInt(56, 0x644d_5241);
        image.putInt(64, 0xd280_0000); // mov x0, #0
        image.putInt(68, 0xd2a0_0001 | gpa >>> 16 << 5); // movz x1, gpa >> 16, lsl #16
        image.putInt(72, 0x9100_0400); // add x0, x0, #1
        image.putInt(76, 0xb900_0020); // str w0, [x1]
        image.putInt(80, 0x17ff_fffe); // b .-8
        return Files.write(file, image.array());
    }

    private static Path write(Path file, ByteBuffer elf) throws IOException {
        byte[] bytes = new byte[elf.capacity()];
        elf.get(0, bytes);
        return Files.write(file, bytes);
    }
}
