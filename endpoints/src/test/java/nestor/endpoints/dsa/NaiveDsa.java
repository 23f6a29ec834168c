package nestor.endpoints.dsa;

import java.util.Arrays;

/**
 * What the operations do, in the simplest way: on an array that is all of memory, byte by byte and
 * bit by bit, written from the document and sharing nothing with the device.
 */
final class NaiveDsa {
    private static final int[] DIF_BLOCKS = {512, 520, 4096, 4104};

    /** All memory, from {@code base} on. */
    final byte[] memory;

    private final long base;

    int status = 1;
    int result;
    int completed;
    long specific2;
    long specific3;

    NaiveDsa(long base, byte[] memory) {
        this.base = base;
        this.memory = memory;
    }

    private int at(long iova) {
        return (int) (iova - base);
    }

    void run(long[] d) {
        int opcode = (int) (d[0] >>> 56);
        int flags = (int) (d[0] >>> 32) & 0xffffff;
        int size = (int) d[4];
        switch (opcode) {
            case 0x03 -> move(d[2], d[3], size);
            case 0x04 -> {
                for (int i = 0; i < size; i++) {
                    memory[at(d[3]) + i] = (byte) (d[2] >>> i % 8 * 8);
                }
            }
            case 0x05 -> compare(flags, (int) d[5], size, i -> memory[at(d[3]) + i], d[2]);
            case 0x06 -> compare(flags, (int) d[5], size, i -> (byte) (d[3] >>> i % 8 * 8), d[2]);
            case 0x07 -> createDelta(d, flags, size);
            case 0x08 -> applyDelta(d, size);
            case 0x09 -> {
                copy(d[2], d[3], size);
                copy(d[2], d[5], size);
            }
            case 0x10 -> crc(d, flags, size);
            case 0x11 -> {
                crc(d, flags, size);
                copy(d[2], d[3], size);
            }
            case 0x12, 0x13, 0x14, 0x15 -> dif(opcode, d, size);
            default -> {}
        }
    }

    private void move(long from, long to, int size) {
        result = to > from && to < from + size ? 1 : 0;
        copy(from, to, size);
    }

    private void copy(long from, long to, int size) {
        byte[] copy = Arrays.copyOfRange(memory, at(from), at(from) + size);
        System.arraycopy(copy, 0, memory, at(to), size);
    }

    private interface Expected {
        byte at(int index);
    }

    private void compare(int flags, int expected, int size, Expected other, long from) {
        for (int i = 0; i < size; i++) {
            if (memory[at(from) + i] != other.at(i)) {
                result = 1;
                completed = i;
                break;
            }
        }
        if ((flags & 0x80) != 0 && expected != result) {
            status = 2;
        }
    }

    private long quad(int index) {
        long value = 0;
        for (int i = 7; i >= 0; i--) {
            value = value << 8 | memory[index + i] & 0xff;
        }
        return value;
    }

    private void createDelta(long[] d, int flags, int size) {
        int max = (int) d[6];
        int used = 0;
        for (int i = 0; i < size; i += 8) {
            long second = quad(at(d[3]) + i);
            if (quad(at(d[2]) + i) != second) {
                if (used + 10 > max) {
                    result = 2;
                    completed = i;
                    break;
                }
                int entry = at(d[5]) + used;
                memory[entry] = (byte) (i / 8);
                memory[entry + 1] = (byte) (i / 8 >> 8);
                for (int b = 0; b < 8; b++) {
                    memory[entry + 2 + b] = (byte) (second >>> 8 * b);
                }
                used += 10;
                result = 1;
            }
        }
        specific2 = used;
        if ((flags & 0x80) != 0 && (d[7] >>> result & 1) == 0) {
            status = 2;
        }
    }

    private void applyDelta(long[] d, int size) {
        int last = -1;
        for (int done = 0; done < (int) d[5]; done += 10) {
            int entry = at(d[2]) + done;
            int offset = memory[entry] & 0xff | (memory[entry + 1] & 0xff) << 8;
            if (offset <= last || offset >= size / 8) {
                status = offset <= last ? 7 : 8;
                completed = done;
                return;
            }
            System.arraycopy(memory, entry + 2, memory, at(d[3]) + 8 * offset, 8);
            last = offset;
        }
    }

    /** Polynomial division, most significant bit first. */
    private void crc(long[] d, int flags, int size) {
        boolean bypass = (flags & 1 << 17) != 0;
        int seed = (int) ((flags & 1 << 16) != 0 ? quad(at(d[6])) : d[5]);
        int register = bypass ? seed : Integer.reverse(~seed);
        for (int i = 0; i < size; i++) {
            for (int bit = 0; bit < 8; bit++) {
                int from = (flags & 1 << 18) != 0 ? 7 - bit : bit;
                int in = memory[at(d[2]) + i] >> from & 1;
                int out = register >>> 31 ^ in;
                register = register << 1 ^ (out != 0 ? 0x1edc6f41 : 0);
            }
        }
        specific2 = Integer.toUnsignedLong(bypass ? register : ~Integer.reverse(register));
    }

    static int crc16(byte[] data, int from, int bytes, int seed) {
        int register = seed;
        for (int i = 0; i < bytes; i++) {
            for (int bit = 7; bit >= 0; bit--) {
                int out = register >> 15 & 1 ^ data[from + i] >> bit & 1;
                register = (register << 1 ^ (out != 0 ? 0x8bb7 : 0)) & 0xffff;
            }
        }
        return register;
    }

    private void dif(int opcode, long[] d, int size) {
        int sourceFlags = (int) d[5] & 0xff;
        int destinationFlags = (int) d[5] >> 8 & 0xff;
        int options = (int) d[5] >> 16 & 0xff;
        int block = DIF_BLOCKS[options & 3];
        int in = opcode == 0x13 ? block : block + 8;
        int out = opcode == 0x12 ? 0 : opcode == 0x14 ? block : block + 8;
        int sourceRef = (int) d[6];
        int sourceMask = (int) (d[6] >>> 32) & 0xffff;
        int sourceApp = (int) (d[6] >>> 48);
        int ref = (int) d[7];
        int mask = (int) (d[7] >>> 32) & 0xffff;
        int app = (int) (d[7] >>> 48);
        int blocks = 0;
        for (; blocks < size / in; blocks++) {
            byte[] data =
                    Arrays.copyOfRange(
                            memory, at(d[2]) + blocks * in, at(d[2]) + blocks * in + block + 8);
            int guard = crc16(data, 0, block, (options & 4) != 0 ? 0xffff : 0);
            guard = (options & 8) != 0 ? guard ^ 0xffff : guard;
            if (opcode != 0x13) {
                int bad = check(data, block, sourceFlags, guard, sourceApp, sourceMask, sourceRef);
                if (bad != 0) {
                    status = 9;
                    result = bad;
                    completed = blocks * in;
                    break;
                }
            }
            boolean all = opcode == 0x13;
            if (all || (destinationFlags & 0x20) == 0) {
                put(data, block, 2, guard);
            }
            if (all || (destinationFlags & 8) == 0) {
                put(data, block + 2, 2, app & ~mask);
            }
            if (all || (destinationFlags & 0x40) == 0) {
                put(data, block + 4, 4, ref);
            }
            if (out > 0) {
                System.arraycopy(data, 0, memory, at(d[3]) + blocks * out, out);
            }
            sourceRef += (sourceFlags & 0x80) != 0 ? 0 : 1;
            sourceApp = sourceApp + ((sourceFlags & 0x10) != 0 ? 1 : 0) & 0xffff;
            ref += (destinationFlags & 0x80) != 0 ? 0 : 1;
            app = app + ((destinationFlags & 0x10) != 0 ? 1 : 0) & 0xffff;
        }
        long sourceTags =
                sourceRef & 0xffff_ffffL | (long) sourceMask << 32 | (long) sourceApp << 48;
        long tags = ref & 0xffff_ffffL | (long) mask << 32 | (long) app << 48;
        specific2 = opcode == 0x13 ? 0 : sourceTags;
        specific3 = opcode == 0x13 || opcode == 0x15 ? tags : 0;
    }

    private static int check(
            byte[] data, int block, int flags, int guard, int app, int mask, int ref) {
        int seenGuard = get(data, block, 2);
        int seenApp = get(data, block + 2, 2);
        int seenRef = get(data, block + 4, 4);
        if (seenGuard == 0xffff && seenApp == 0xffff && seenRef == -1 && (flags & 2) != 0) {
            return (flags & 1) != 0 ? 8 : 0;
        }
        if (seenApp == 0xffff && ((flags & 4) != 0 || (flags & 8) != 0 && seenRef == -1)) {
            return 0;
        }
        int bad = 0;
        bad |= (flags & 0x20) == 0 && seenGuard != guard ? 1 : 0;
        bad |= (seenApp & ~mask) != (app & ~mask) ? 2 : 0;
        bad |= (flags & 0x40) == 0 && seenRef != ref ? 4 : 0;
        return bad;
    }

    static int get(byte[] from, int at, int bytes) {
        int value = 0;
        for (int i = 0; i < bytes; i++) {
            value = value * 256 + (from[at + i] & 0xff);
        }
        return value;
    }

    static void put(byte[] to, int at, int bytes, int value) {
        for (int i = 0; i < bytes; i++) {
            to[at + i] = (byte) (value >> 8 * (bytes - 1 - i));
        }
    }
}
