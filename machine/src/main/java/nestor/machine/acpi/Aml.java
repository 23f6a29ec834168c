package nestor.machine.acpi;

import java.util.List;
import java.util.Locale;

/** Encodings of AML, as far as the board's definitions need them (ACPI 6.4, chapter 20). */
final class Aml {
    /** §20.2.6.1, §20.2.6.2. */
    static final byte[] LOCAL0 = {0x60};

    private static final int ARG0 = 0x68;
    private static final int EISA_BASE = 0x40;
    private static final int SERIALIZED = 1 << 3;

    /** §20.2.4: what one, two, three and four bytes of package length hold at most. */
    private static final int[] PACKAGE_LIMITS = {0x3f, 0xfff, 0xf_ffff, 0xfff_ffff};

    private Aml() {}

    /** Encodings one after the other. */
    static byte[] all(byte[]... terms) {
        Bytes all = new Bytes();
        for (byte[] term : terms) {
            all.bytes(term);
        }
        return all.toArray();
    }

    static byte[] all(List<byte[]> terms) {
        return all(terms.toArray(byte[][]::new));
    }

    /** §20.2.5.1, DefName. */
    static byte[] name(String name, byte[] object) {
        return new Bytes().u8(0x08).ascii(name).bytes(object).toArray();
    }

    /** §20.2.5.1, DefScope. */
    static byte[] scope(String name, byte[]... terms) {
        return sized(new Bytes().u8(0x10), new Bytes().ascii(name).bytes(all(terms)));
    }

    /** §20.2.5.2, DefDevice. */
    static byte[] device(String name, byte[]... terms) {
        return sized(new Bytes().u8(0x5b).u8(0x82), new Bytes().ascii(name).bytes(all(terms)));
    }

    /** §20.2.5.2, DefMethod; serialized, as methods that create names are. */
    static byte[] method(String name, int arguments, byte[]... terms) {
        return sized(
                new Bytes().u8(0x14),
                new Bytes().ascii(name).u8(arguments | SERIALIZED).bytes(all(terms)));
    }

    /** §20.2.3, the shortest form. */
    static byte[] integer(long value) {
        if (value == 0 || value == 1) {
            return new Bytes().u8(value).toArray();
        }
        if (value >>> 8 == 0) {
            return new Bytes().u8(0x0a).u8(value).toArray();
        }
        if (value >>> 16 == 0) {
            return new Bytes().u8(0x0b).u16(value).toArray();
        }
        if (value >>> 32 == 0) {
            return new Bytes().u8(0x0c).u32(value).toArray();
        }
        return new Bytes().u8(0x0e).u64(value).toArray();
    }

    /** §19.3.4, EISAID: three letters in five bits each, then four hexadecimal digits. */
    static byte[] eisaId(String id) {
        int word = 0;
        for (char letter : id.substring(0, 3).toUpperCase(Locale.ROOT).toCharArray()) {
            word = word << 5 | letter - EISA_BASE;
        }
        word = word << 16 | Integer.parseInt(id.substring(3), 16);
        return integer(Integer.toUnsignedLong(Integer.reverseBytes(word)));
    }

    /** §20.2.5.4, DefPackage. */
    static byte[] array(List<byte[]> elements) {
        return sized(new Bytes().u8(0x12), new Bytes().u8(elements.size()).bytes(all(elements)));
    }

    /** §20.2.5.4, DefBuffer. */
    static byte[] buffer(byte[] contents) {
        return sized(
                new Bytes().u8(0x11),
                new Bytes().bytes(integer(contents.length)).bytes(contents));
    }

    /** §20.2.6.1. */
    static byte[] argument(int number) {
        return new Bytes().u8(ARG0 + number).toArray();
    }

    static byte[] reference(String name) {
        return new Bytes().ascii(name).toArray();
    }

    /** §20.2.5.2, DefCreateDWordField. */
    static byte[] createDwordField(byte[] source, int offset, String name) {
        return new Bytes().u8(0x8a).bytes(source).bytes(integer(offset)).ascii(name).toArray();
    }

    /** §20.2.5.3, DefIfElse. */
    static byte[] when(byte[] predicate, byte[]... terms) {
        return sized(new Bytes().u8(0xa0), new Bytes().bytes(predicate).bytes(all(terms)));
    }

    static byte[] otherwise(byte[]... terms) {
        return sized(new Bytes().u8(0xa1), new Bytes().bytes(all(terms)));
    }

    static byte[] equal(byte[] left, byte[] right) {
        return new Bytes().u8(0x93).bytes(left).bytes(right).toArray();
    }

    static byte[] not(byte[] operand) {
        return new Bytes().u8(0x92).bytes(operand).toArray();
    }

    static byte[] and(byte[] left, byte[] right, byte[] target) {
        return new Bytes().u8(0x7b).bytes(left).bytes(right).bytes(target).toArray();
    }

    static byte[] or(byte[] left, byte[] right, byte[] target) {
        return new Bytes().u8(0x7d).bytes(left).bytes(right).bytes(target).toArray();
    }

    static byte[] store(byte[] source, byte[] target) {
        return new Bytes().u8(0x70).bytes(source).bytes(target).toArray();
    }

    static byte[] returns(byte[] value) {
        return new Bytes().u8(0xa4).bytes(value).toArray();
    }

    /** §20.2.4: a length that counts itself goes between the opcode and the rest. */
    private static byte[] sized(Bytes opcode, Bytes rest) {
        int more = 0;
        while (rest.size() + 1 + more > PACKAGE_LIMITS[more]) {
            more++;
        }
        int length = rest.size() + 1 + more;
        if (more == 0) {
            opcode.u8(length);
        } else {
            opcode.u8(more << 6 | length & 0x0f);
            for (int i = 0; i < more; i++) {
                opcode.u8(length >>> 4 + 8 * i);
            }
        }
        return opcode.bytes(rest.toArray()).toArray();
    }
}
