package nestor.testkit;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A kernel that counts up a word of its memory for ever, from 1: the smallest guest with progress.
 */
public enum CountingGuest {
    /** An arm64 Image, for {@code -machine virt}. */
    VIRT("virt", 0x4300_0000) {
        @Override
        ByteBuffer kernel() {
            ByteBuffer image = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
            image.putInt(0, 0x1400_0010); // b .+64
            image.putLong(16, 4096).putInt(56, 0x644d_5241);
            image.putInt(64, 0xd280_0000); // mov x0, #0
            image.putInt(68, 0xd2a0_0001 | counterGpa() >>> 16 << 5); // movz x1, #, lsl #16
            image.putInt(72, 0x9100_0400); // add x0, x0, #1
            image.putInt(76, 0xb900_0020); // str w0, [x1]
            return image.putInt(80, 0x17ff_fffe); // b .-8
        }
    },

    /** An ELF file with a PVH note, for {@code -machine q35}. */
    Q35("q35", 0x0100_0000) {
        @Override
        ByteBuffer kernel() {
            ByteBuffer elf = ByteBuffer.allocate(0x220).order(ByteOrder.LITTLE_ENDIAN);
            elf.putInt(0, 0x464c_457f).putInt(4, 0x0001_0102);
            elf.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1).putLong(32, 64);
            elf.putShort(52, (short) 64).putShort(54, (short) 56).putShort(56, (short) 2);
            segment(elf, 64, 1, 0x200, 0x20);
            segment(elf, 120, 4, 176, 20);
            elf.putInt(176, 4).putInt(180, 4).putInt(184, 18).putInt(188, 0x006e_6558);
            elf.putInt(192, PVH_GPA);
            elf.position(0x200);
            elf.put(new byte[] {0x31, (byte) 0xc0}); // xor eax, eax
            elf.put((byte) 0x40); // inc eax
            elf.put((byte) 0xa3).putInt(counterGpa()); // mov [counter], eax
            return elf.put(new byte[] {(byte) 0xeb, (byte) 0xf8}).rewind(); // jmp to inc
        }
    };

    private static final int PVH_GPA = 0x10_0000;

    private final String board;
    private final int counterGpa;

    CountingGuest(String board, int counterGpa) {
        this.board = board;
        this.counterGpa = counterGpa;
    }

    private static void segment(ByteBuffer elf, int at, int type, long offset, long bytes) {
        elf.putInt(at, type).putLong(at + 8, offset).putLong(at + 24, PVH_GPA);
        elf.putLong(at + 32, bytes).putLong(at + 40, bytes);
    }

    abstract ByteBuffer kernel();

    /** The machine type that it is for. */
    public String board() {
        return board;
    }

    /** Where the 32-bit little-endian counter is. */
    public int counterGpa() {
        return counterGpa;
    }

    /** Writes the kernel to a file. */
    public Path write(Path file) throws IOException {
        return Files.write(file, kernel().array());
    }
}
