package nestor.cpu.x86;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.random.RandomGenerator;

/**
 * Up to {@link #MAX_BYTES} of code at a known address, and the state they start from. A generator
 * fills it in; memory operands and branch targets have fixed addresses, the same for both
 * authorities.
 */
final class TestCase {
    static final int MAX_BYTES = 48;

    private static final long[] INTERESTING = {
        0,
        1,
        2,
        -1,
        -2,
        Long.MIN_VALUE,
        Long.MAX_VALUE,
        Integer.MIN_VALUE,
        Integer.MAX_VALUE,
        0x8000_0000L,
        0xffff_ffffL,
        0xffff_ffff_0000_0000L,
        0x5555_5555_5555_5555L,
        0xaaaa_aaaa_aaaa_aaaaL,
        0x0123_4567_89ab_cdefL,
        0x7fff,
        0x8000,
        0xff,
        0x80,
        0x0f,
        0x10,
    };

    /** Where an operand was put. */
    record Place(int register, long va) {
        boolean isMemory() {
            return register < 0;
        }
    }

    final MachineState before = new MachineState();
    final byte[] code = new byte[MAX_BYTES];
    int length;

    /** Whether RIP-relative operands may be chosen. */
    boolean relative = true;

    /** Flags that the instruction leaves undefined. */
    int undefinedFlags;

    private final RandomGenerator random;
    private final int index;

    TestCase(RandomGenerator random, int index) {
        this.random = random;
        this.index = index;
        for (int i = 0; i < 16; i++) {
            before.x[i] = value();
            if (i > 0 && random.nextInt(4) == 0) {
                before.x[i] = before.x[random.nextInt(i)] + random.nextInt(-1, 2);
            }
        }
        before.flags = random.nextInt() & Flags.ARITHMETIC;
        random.nextBytes(before.scratch);
        ByteBuffer fx = ByteBuffer.wrap(before.fx).order(ByteOrder.LITTLE_ENDIAN);
        fx.putShort(MachineState.FCW_OFFSET, (short) X87.CONTROL_RESET);
        fx.putInt(MachineState.MXCSR_OFFSET, FxState.MXCSR_RESET);
        for (int at = MachineState.XMM_OFFSET; at < MachineState.XMM_OFFSET + 256; at += 8) {
            fx.putLong(at, vectorValue());
        }
        for (int i = 0; i < 8; i++) {
            fx.putLong(MachineState.ST_OFFSET + 16 * i, vectorValue());
            fx.putShort(MachineState.ST_OFFSET + 16 * i + 8, (short) random.nextInt());
        }
    }

    RandomGenerator random() {
        return random;
    }

    /** A random integer in {@code [0, 2^bits)}. */
    int bits(int bits) {
        return random.nextInt(1 << bits);
    }

    /** One of the values. */
    int oneOf(int... values) {
        return values[random.nextInt(values.length)];
    }

    /** A 64-bit value that likes corners: extremes, powers of two, patterns, their neighbours. */
    long value() {
        return switch (random.nextInt(8)) {
            case 0, 1 -> INTERESTING[random.nextInt(INTERESTING.length)];
            case 2 -> 1L << random.nextInt(64);
            case 3 -> (1L << random.nextInt(64)) - 1;
            case 4 -> random.nextLong() >> random.nextInt(64);
            case 5 -> random.nextInt(-130, 130);
            default -> random.nextLong();
        };
    }

    /** 64 bits of elements that like corners, equal ones among them. */
    private long vectorValue() {
        return switch (random.nextInt(4)) {
            case 0 -> value();
            case 1 -> value() & 0xffff_ffffL | value() << 32;
            case 2 -> (random.nextInt() & 0xffL) * 0x0101_0101_0101_0101L;
            default -> random.nextLong();
        };
    }

    /** Appends bytes. */
    void emit(int... bytes) {
        for (int octet : bytes) {
            code[length++] = (byte) octet;
        }
    }

    /** Appends a little-endian number. */
    void emitNumber(long value, int bytes) {
        for (int i = 0; i < bytes; i++) {
            emit((int) (value >>> (8 * i)) & 0xff);
        }
    }

    /** Appends a random immediate of an operand of {@code bytes}: at most 4 bytes. */
    void emitImmediate(int bytes) {
        emitNumber(value(), Math.min(bytes, 4));
    }

    /** Operand size prefix and REX for an instruction without ModRM. */
    void emitPrefixes(int bytes, int registerInOpcode) {
        if (bytes == 2) {
            emit(0x66);
        }
        int rex = (bytes == 8 ? 8 : 0) | registerInOpcode >> 3;
        if (rex != 0 || random.nextInt(4) == 0) {
            emit(0x40 | rex);
        }
    }

    /** An instruction with ModRM, the r/m operand a register or scratch memory. */
    Place rm(int bytes, int reg, int... opcode) {
        return random.nextBoolean()
                ? register(bytes, reg, bits(4), opcode)
                : memory(bytes, reg, opcode);
    }

    /** An instruction with ModRM, the r/m operand a register. */
    Place register(int bytes, int reg, int rm, int... opcode) {
        mandatoryAndSize(bytes, opcode);
        int rex = (bytes == 8 ? 8 : 0) | (reg >> 3) << 2 | rm >> 3;
        opcode(rex, opcode);
        emit(0xc0 | (reg & 7) << 3 | rm & 7);
        return new Place(rm, 0);
    }

    /** An instruction with ModRM, the r/m operand somewhere in the scratch memory. */
    Place memory(int bytes, int reg, int... opcode) {
        return memoryAt(scratchVa(16, 1), bytes, reg, opcode);
    }

    /** An instruction with ModRM, the r/m operand at an address. */
    Place memoryAt(long va, int bytes, int reg, int... opcode) {
        boolean short32 = random.nextInt(8) == 0;
        if (short32) {
            emit(0x67);
        }
        mandatoryAndSize(bytes, opcode);
        int base = bits(4);
        int index = bits(4);
        int scale = bits(2);
        boolean indexed = index != 4 && index != base && random.nextBoolean();
        int rex = (bytes == 8 ? 8 : 0) | (reg >> 3) << 2;
        int mod = 1 + bits(1);
        long displacement = mod == 1 ? (byte) random.nextInt() : random.nextInt() >> 8;
        int form = random.nextInt(8);
        switch (form == 1 && !relative ? 2 : form) {
            case 0 -> { // absolute
                opcode(rex, opcode);
                emit((reg & 7) << 3 | 4, 0x25);
                emitNumber(va, 4);
                return new Place(-1, va);
            }
            case 1 -> { // RIP-relative; what follows the displacement is the caller's to say
                opcode(rex, opcode);
                emit((reg & 7) << 3 | 5);
                ripAt = length;
                ripTarget = va;
                emitNumber(0, 4);
                return new Place(-1, va);
            }
            default -> {
                addressed = 1 << base | (indexed ? 1 << index : 0);
                before.x[base] = va - displacement - (indexed ? before.x[index] << scale : 0);
                if (short32) {
                    before.x[base] = before.x[base] & 0xffff_ffffL | (long) random.nextInt() << 32;
                }
            }
        }
        rex |= base >> 3 | (indexed ? index >> 3 << 1 : 0);
        opcode(rex, opcode);
        if (indexed || (base & 7) == 4) {
            emit(mod << 6 | (reg & 7) << 3 | 4);
            emit(scale << 6 | (indexed ? index & 7 : 4) << 3 | base & 7);
        } else {
            emit(mod << 6 | (reg & 7) << 3 | base & 7);
        }
        emitNumber(displacement, mod == 1 ? 1 : 4);
        return new Place(-1, va);
    }

    /** Whether a register is part of the memory operand's address. */
    boolean isBase(int register) {
        return (addressed >>> register & 1) != 0;
    }

    /** The instruction that was emitted last is not to be after all. */
    void discardRelative() {
        ripAt = -1;
    }

    private int addressed;
    private int ripAt = -1;
    private long ripTarget;

    /** The instruction is complete: a RIP-relative displacement can be filled in. */
    void finish() {
        if (ripAt >= 0) {
            int at = length;
            length = ripAt;
            emitNumber(ripTarget - (instructionVa() + at), 4);
            length = at;
            ripAt = -1;
        }
    }

    private void mandatoryAndSize(int bytes, int... opcode) {
        if (bytes == 2) {
            emit(0x66);
        }
        if (opcode[0] == 0xf2 || opcode[0] == 0xf3 || opcode[0] == 0xf0) {
            emit(opcode[0]);
        }
    }

    private void opcode(int rex, int... opcode) {
        if (rex != 0 || random.nextInt(4) == 0) {
            emit(0x40 | rex);
        }
        boolean prefixed = opcode[0] == 0xf2 || opcode[0] == 0xf3 || opcode[0] == 0xf0;
        emit(prefixed ? Arrays.copyOfRange(opcode, 1, opcode.length) : opcode);
    }

    /** Address of the first instruction. */
    long instructionVa() {
        return QemuOracle.instructionVa(index);
    }

    /** Address of a landing pad. */
    long padVa(int exit) {
        return QemuOracle.padVa(index, exit);
    }

    /** First address of the {@link MachineState#SCRATCH_BYTES} bytes of memory, 64-byte aligned. */
    long scratchVa() {
        return QemuOracle.scratchVa(index);
    }

    /**
     * A random address in the scratch memory.
     *
     * @param sizeBytes that fit from there
     * @param alignment of the address, a power of two
     */
    long scratchVa(int sizeBytes, int alignment) {
        int room = MachineState.SCRATCH_BYTES - sizeBytes + 1;
        return scratchVa() + (random.nextInt(room) & -alignment);
    }

    @Override
    public String toString() {
        return "at %x: %s"
                .formatted(instructionVa(), HexFormat.ofDelimiter(" ").formatHex(code, 0, length));
    }
}
