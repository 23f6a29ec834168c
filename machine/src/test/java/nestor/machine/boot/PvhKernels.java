package nestor.machine.boot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Small kernels for tests: an ELF file with a PVH note, and bzImages around payloads. */
final class PvhKernels {
    static final long GPA = 0x10_0000;
    static final long ENTRY = 0x10_0010;
    static final byte[] CODE = "code of the kernel in the test..".getBytes(StandardCharsets.UTF_8);
    static final int MEMORY_BYTES = 0x1000;

    /** Offsets of what tests break. */
    static final int LOAD_HEADER = 64;

    static final int NOTE_HEADER = 64 + 56;
    static final int NOTE = 64 + 2 * 56;
    static final int NOTE_BYTES = 2 * 20 + 4;

    private static final int CODE_OFFSET = 0x200;

    private PvhKernels() {}

    static ByteBuffer elf() {
        ByteBuffer elf =
                ByteBuffer.allocate(CODE_OFFSET + CODE.length).order(ByteOrder.LITTLE_ENDIAN);
        elf.putInt(0x464c457f).put(new byte[] {2, 1, 1});
        elf.putShort(16, (short) 2).putShort(18, (short) 62).putInt(20, 1);
        elf.putLong(32, 64).putShort(52, (short) 64).putShort(54, (short) 56);
        elf.putShort(56, (short) 2);
        header(elf, LOAD_HEADER, 1, CODE_OFFSET, CODE.length, MEMORY_BYTES);
        header(elf, NOTE_HEADER, 4, NOTE, NOTE_BYTES, NOTE_BYTES);
        elf.position(NOTE).putInt(4).putInt(1).putInt(1).put(new byte[] {'G', 'N', 'U', 0});
        elf.put(new byte[] {7, 0, 0, 0}); // a value that is padded
        elf.putInt(4).putInt(8).putInt(18).put(new byte[] {'X', 'e', 'n', 0}).putLong(ENTRY);
        elf.put(CODE_OFFSET, CODE);
        return elf.rewind();
    }

    private static void header(
            ByteBuffer elf, int at, int type, long offset, long fileBytes, long memoryBytes) {
        elf.putInt(at, type).putLong(at + 8, offset).putLong(at + 24, GPA);
        elf.putLong(at + 32, fileBytes).putLong(at + 40, memoryBytes);
    }

    static ByteBuffer bzImage(byte[] payload) {
        int start = 2 * 512 + 0x100;
        ByteBuffer image =
                ByteBuffer.allocate(start + payload.length).order(ByteOrder.LITTLE_ENDIAN);
        image.put(0x1f1, (byte) 1).putInt(0x202, 0x53726448).putShort(0x206, (short) 0x20f);
        image.putInt(0x248, 0x100).putInt(0x24c, payload.length);
        return image.put(start, payload);
    }
}
