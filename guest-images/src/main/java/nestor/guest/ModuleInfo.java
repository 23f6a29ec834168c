package nestor.guest;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;

/**
 * What a kernel module says about itself: the {@code key=value} strings of its ELF section {@code
 * .modinfo}.
 *
 * @param depends names of the modules it needs
 */
record ModuleInfo(List<String> depends) {
    private static final int ELF_MAGIC = 0x464c_457f;
    private static final byte CLASS_64 = 2;
    private static final byte LITTLE_ENDIAN = 1;

    // System V ABI, ELF-64: offsets within the header and within a section header.
    private static final int E_SHOFF = 0x28;
    private static final int E_SHENTSIZE = 0x3a;
    private static final int E_SHNUM = 0x3c;
    private static final int E_SHSTRNDX = 0x3e;
    private static final int SH_NAME = 0x00;
    private static final int SH_OFFSET = 0x18;
    private static final int SH_SIZE = 0x20;

    static ModuleInfo of(byte[] elf) throws IOException {
        ByteBuffer file = ByteBuffer.wrap(elf).order(ByteOrder.LITTLE_ENDIAN);
        try {
            if (file.getInt(0) != ELF_MAGIC
                    || file.get(4) != CLASS_64
                    || file.get(5) != LITTLE_ENDIAN) {
                throw new IOException("not a 64-bit little-endian ELF file");
            }
            int headers = Math.toIntExact(file.getLong(E_SHOFF));
            int headerBytes = Short.toUnsignedInt(file.getShort(E_SHENTSIZE));
            int sections = Short.toUnsignedInt(file.getShort(E_SHNUM));
            int names = headers + headerBytes * Short.toUnsignedInt(file.getShort(E_SHSTRNDX));
            int namesOffset = Math.toIntExact(file.getLong(names + SH_OFFSET));
            for (int i = 0; i < sections; i++) {
                int header = headers + headerBytes * i;
                int name = namesOffset + file.getInt(header + SH_NAME);
                if (text(elf, name, ".modinfo\0".length()).equals(".modinfo\0")) {
                    int offset = Math.toIntExact(file.getLong(header + SH_OFFSET));
                    int size = Math.toIntExact(file.getLong(header + SH_SIZE));
                    return parse(text(elf, offset, size));
                }
            }
        } catch (IndexOutOfBoundsException | ArithmeticException e) {
            throw new IOException("a damaged ELF file", e);
        }
        throw new IOException("no section .modinfo");
    }

    private static String text(byte[] elf, int offset, int length) {
        int end = Math.min(Math.addExact(offset, length), elf.length);
        return new String(elf, offset, Math.max(end - offset, 0), StandardCharsets.ISO_8859_1);
    }

    private static ModuleInfo parse(String strings) {
        return new ModuleInfo(
                Stream.of(strings.split("\0", -1))
                        .filter(string -> string.startsWith("depends="))
                        .flatMap(string ->
                                Stream.of(string.substring("depends=".length()).split(",", -1)))
                        .filter(name -> !name.isEmpty())
                        .toList());
    }
}
