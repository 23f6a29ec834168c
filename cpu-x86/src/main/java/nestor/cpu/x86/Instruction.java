package nestor.cpu.x86;

import nestor.cpu.HostMemory;
import org.jspecify.annotations.Nullable;

/**
 * One instruction while it is decoded (2A §2.1): prefixes, opcode, ModRM and what follows, read
 * byte by byte. Reused from one instruction to the next. vCPU thread.
 */
final class Instruction {
    /** 2A §2.3.11. */
    static final int MAX_BYTES = 15;

    /** What is at hand ends before the instruction does. Stackless. */
    static final class Truncated extends Exception {
        private static final long serialVersionUID = 1L;

        private Truncated() {
            super(null, null, false, false);
        }
    }

    static final int NO_REPEAT = 0;
    static final int REPNE = 0xf2;
    static final int REP = 0xf3;

    private static final int REX_B = 1;
    private static final int REX_X = 2;
    private static final int REX_R = 4;
    private static final int REX_W = 8;

    /** Whether the code segment is a 64-bit one; else 32-bit. */
    boolean mode64;

    /** Offset of the instruction from the start of its block, in bytes. */
    int start;

    /** Bytes of the effective operand size: 2, 4 or 8. */
    int operandBytes;

    /** What the effective address size keeps of an address. */
    long addressMask;

    /** {@link #REP}, {@link #REPNE} or {@link #NO_REPEAT}. */
    int repeat;

    /** 66H. */
    boolean operandPrefix;

    boolean lock;

    /** Whether there is a REX prefix. */
    boolean hasRex;

    /** Segment override, or -1. */
    int segmentOverride;

    /** The last byte of the opcode. */
    int opcode;

    private final byte[] window = new byte[MAX_BYTES];
    private final Truncated truncated = new Truncated();
    private long host;
    private int limit;
    private int length;
    private int rex;
    private int modRm;
    private @Nullable Address address;
    private boolean ripRelative;

    /** Takes the bytes from host memory, {@code limit} of them. */
    void from(long hostAddress, int limitBytes) {
        host = hostAddress;
        limit = limitBytes;
    }

    /** Takes the bytes from {@link #window}. */
    byte[] fromWindow(int limitBytes) {
        host = 0;
        limit = limitBytes;
        return window;
    }

    /** Begins an instruction, and reads its prefixes and the first byte of the opcode. */
    void begin(int offset) throws Truncated {
        start = offset;
        length = 0;
        repeat = NO_REPEAT;
        operandPrefix = false;
        lock = false;
        rex = 0;
        hasRex = false;
        segmentOverride = -1;
        address = null;
        ripRelative = false;
        boolean addressPrefix = false;
        while (true) {
            int octet = nextByte();
            switch (octet) {
                case 0x26, 0x2e, 0x36, 0x3e -> segment(octet >> 3 & 3);
                case 0x64, 0x65 -> segment(octet & 7);
                case 0x66 -> operandPrefix = true;
                case 0x67 -> addressPrefix = true;
                case 0xf0 -> lock = true;
                case REPNE, REP -> repeat = octet;
                default -> {
                    if (!mode64 || (octet & 0xf0) != 0x40) {
                        opcode = octet;
                        sizes(addressPrefix);
                        return;
                    }
                    rex = octet;
                    hasRex = true;
                    continue;
                }
            }
            rex = 0; // a REX prefix counts only right before the opcode (2A §2.2.1)
            hasRex = false;
        }
    }

    /** CS, DS, ES and SS overrides are ignored in 64-bit mode. */
    private void segment(int number) {
        if (!mode64 || number >= Segment.FS) {
            segmentOverride = number;
        }
    }

    private void sizes(boolean addressPrefix) {
        operandBytes = (rex & REX_W) != 0 ? 8 : operandPrefix ? 2 : 4;
        if (mode64) {
            addressMask = addressPrefix ? 0xffff_ffffL : -1L;
        } else {
            addressMask = addressPrefix ? 0xffffL : 0xffff_ffffL;
        }
    }

    /** Operand size of instructions whose default is 64 bits in 64-bit mode (2A §2.2.1.7). */
    int stackBytes() {
        return operandPrefix && (rex & REX_W) == 0 ? 2 : mode64 ? 8 : 4;
    }

    /** Whether REX.W is set. */
    boolean wide() {
        return (rex & REX_W) != 0;
    }

    /** Whether to lock a memory operand that is read and written; whoever asks can do so. */
    boolean takeLock() {
        boolean locked = lock && !isRegister();
        lock = lock && isRegister();
        return locked;
    }

    /** Bytes read so far, all of them once it is decoded. */
    int length() {
        return length;
    }

    /** Offset of the next instruction from the start of the block, once this one is decoded. */
    int end() {
        return start + length;
    }

    int nextByte() throws Truncated {
        if (length >= limit) {
            throw truncated;
        }
        int at = length++;
        return (host != 0 ? HostMemory.getByte(host + at) : window[at]) & 0xff;
    }

    /** An immediate or displacement, sign-extended. */
    long signed(int bytes) throws Truncated {
        long value = 0;
        for (int i = 0; i < bytes; i++) {
            value |= (long) nextByte() << (8 * i);
        }
        return Operand.signed(value, bytes);
    }

    /** An immediate of the operand's size, but at most 4 bytes, sign-extended. */
    long immediate(int bytes) throws Truncated {
        return signed(Math.min(bytes, 4));
    }

    /** Reads ModRM, SIB and displacement. */
    void modRm() throws Truncated {
        modRm = nextByte();
        if (modRm >>> 6 != 3) {
            address = addressMask == 0xffffL ? address16() : address();
        }
    }

    /** Reads ModRM of an instruction whose r/m operand is always a register. */
    void registerModRm() throws Truncated {
        modRm = nextByte();
    }

    /** The reg field without its REX bit: an opcode extension. */
    int extension() {
        return modRm >>> 3 & 7;
    }

    /** The reg field as a general register. */
    int reg() {
        return modRm >>> 3 & 7 | ((rex & REX_R) != 0 ? 8 : 0);
    }

    /** The r/m field as a general register. */
    int rm() {
        return modRm & 7 | ((rex & REX_B) != 0 ? 8 : 0);
    }

    /** The low three bits of the opcode as a general register. */
    int opcodeRegister() {
        return opcode & 7 | ((rex & REX_B) != 0 ? 8 : 0);
    }

    /** The whole ModRM byte. */
    int modRmByte() {
        return modRm;
    }

    /** Whether the r/m operand is a register. */
    boolean isRegister() {
        return modRm >>> 6 == 3;
    }

    /** The memory operand's address; there is one unless {@link #isRegister}. */
    Address memory() {
        Address operand = address;
        if (operand == null) {
            throw new IllegalStateException("no memory operand");
        }
        return operand;
    }

    /** The r/m operand. */
    Operand rmOperand(int bytes) {
        return isRegister()
                ? Operand.register(rm(), bytes, hasRex)
                : new Operand.Memory(memory(), bytes);
    }

    /** The reg operand. */
    Operand regOperand(int bytes) {
        return Operand.register(reg(), bytes, hasRex);
    }

    /** All bytes are read. */
    void finish() {
        if (ripRelative) {
            memory().relativeTo(end());
        }
    }

    private Address address() throws Truncated {
        int mod = modRm >>> 6;
        int base = modRm & 7;
        int index = X86Cpu.ZERO;
        int scale = 0;
        if (base == 4) {
            int sib = nextByte();
            scale = sib >>> 6;
            index = sib >>> 3 & 7 | ((rex & REX_X) != 0 ? 8 : 0);
            index = index == 4 ? X86Cpu.ZERO : index;
            base = sib & 7;
        } else if (mod == 0 && base == 5 && mode64) {
            ripRelative = true;
            return new Address(
                    X86Cpu.RIP,
                    X86Cpu.ZERO,
                    0,
                    signed(4),
                    addressMask,
                    segmentBase(Segment.DS),
                    false);
        }
        boolean none = mod == 0 && base == 5;
        long displacement = none || mod == 2 ? signed(4) : mod == 1 ? signed(1) : 0;
        int register = none ? X86Cpu.ZERO : base | ((rex & REX_B) != 0 ? 8 : 0);
        boolean stack = segmentOverride < 0 && (register == X86Cpu.RSP || register == X86Cpu.RBP);
        return new Address(
                register,
                index,
                scale,
                displacement,
                addressMask,
                segmentBase(stack ? Segment.SS : Segment.DS),
                stack);
    }

    /** 2A table 2-1: address size 16. Registers' upper halves go into the sum and are cut off. */
    private Address address16() throws Truncated {
        int mod = modRm >>> 6;
        int rm = modRm & 7;
        int base =
                switch (rm) {
                    case 0, 1, 7 -> X86Cpu.RBX;
                    case 4 -> X86Cpu.RSI;
                    case 5 -> X86Cpu.RDI;
                    default -> mod == 0 && rm == 6 ? X86Cpu.ZERO : X86Cpu.RBP;
                };
        int index =
                switch (rm) {
                    case 0, 2 -> X86Cpu.RSI;
                    case 1, 3 -> X86Cpu.RDI;
                    default -> X86Cpu.ZERO;
                };
        boolean none = mod == 0 && rm == 6;
        long displacement = none || mod == 2 ? signed(2) : mod == 1 ? signed(1) : 0;
        boolean stack = segmentOverride < 0 && base == X86Cpu.RBP;
        return new Address(
                base,
                index,
                0,
                displacement,
                addressMask,
                segmentBase(stack ? Segment.SS : Segment.DS),
                stack);
    }

    /** Index of the base of the segment an access goes through. */
    int segmentBase(int otherwise) {
        return Address.baseOf(Address.chosen(segmentOverride, otherwise), mode64);
    }
}
