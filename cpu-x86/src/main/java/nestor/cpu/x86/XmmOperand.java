package nestor.cpu.x86;

import org.jspecify.annotations.Nullable;

/**
 * Where an MMX or SSE instruction finds or leaves up to 16 bytes: quadwords of {@link
 * X86Cpu#vector}. What is in memory is first copied to {@link #TEMPORARY}.
 */
final class XmmOperand {
    /** Index of the copy of a memory operand. */
    static final int TEMPORARY = 32;

    /** Index of MM0; they are the significands of the x87 registers (1 §9.2.1). */
    static final int MM = 34;

    /** Quadwords in all. */
    static final int COUNT = MM + 8;

    private static final int XMM_BYTES = 16;

    private final int index;
    private final @Nullable Address address;
    private final int bytes;
    private final boolean aligned;

    private XmmOperand(int index, @Nullable Address address, int bytes, boolean aligned) {
        this.index = index;
        this.address = address;
        this.bytes = bytes;
        this.aligned = aligned;
    }

    /** The reg field as an XMM register. */
    static int reg(Instruction in) {
        return 2 * in.reg();
    }

    /** The reg field as an MMX register, whatever REX says. */
    static int regMm(Instruction in) {
        return MM + in.extension();
    }

    /**
     * The r/m operand, an XMM register or memory.
     *
     * @param bytes of the operand in memory; 16 of them have to be aligned (1 §11.4.1)
     */
    static XmmOperand rm(Instruction in, int bytes) {
        return rm(in, bytes, bytes == XMM_BYTES);
    }

    /** The same of MOVUPS and its like. */
    static XmmOperand unaligned(Instruction in) {
        return rm(in, XMM_BYTES, false);
    }

    private static XmmOperand rm(Instruction in, int bytes, boolean aligned) {
        return in.isRegister()
                ? new XmmOperand(2 * in.rm(), null, bytes, false)
                : new XmmOperand(TEMPORARY, in.memory(), bytes, aligned);
    }

    /** The r/m operand, an MMX register or memory. */
    static XmmOperand rmMm(Instruction in, int bytes) {
        return in.isRegister()
                ? new XmmOperand(MM + (in.rm() & 7), null, bytes, false)
                : new XmmOperand(TEMPORARY, in.memory(), bytes, false);
    }

    /** An XMM register. */
    static XmmOperand register(int number) {
        return new XmmOperand(2 * number, null, XMM_BYTES, false);
    }

    /** An MMX register, by its index. */
    static XmmOperand registerMm(int index) {
        return new XmmOperand(index, null, 8, false);
    }

    /** Whether it is memory of the stack segment. */
    boolean isStack() {
        Address from = address;
        return from != null && from.stack;
    }

    /** Index of the operand's value; of fewer bytes in memory zero-extended. */
    int fetch(X86Cpu cpu) {
        Address from = address;
        if (from == null) {
            return index;
        }
        long va = from.of(cpu);
        if (bytes < XMM_BYTES) {
            cpu.vector[TEMPORARY] = cpu.load(va, bytes);
            cpu.vector[TEMPORARY + 1] = 0;
            return TEMPORARY;
        }
        checkAlignment(cpu, va);
        cpu.vector[TEMPORARY] = cpu.load64(va);
        cpu.vector[TEMPORARY + 1] = cpu.load64(from.of(cpu, 8));
        return TEMPORARY;
    }

    /** Writes the low {@link #bytes} of what is at an index; in a register the rest stays. */
    void store(X86Cpu cpu, int from) {
        long[] v = cpu.vector;
        Address to = address;
        if (to == null) {
            long mask = Operand.mask(Math.min(bytes, 8));
            v[index] = v[index] & ~mask | v[from] & mask;
            if (bytes == XMM_BYTES) {
                v[index + 1] = v[from + 1];
            }
            return;
        }
        long va = to.of(cpu);
        if (bytes < XMM_BYTES) {
            cpu.store(va, bytes, v[from]);
            return;
        }
        checkAlignment(cpu, va);
        store16(cpu, va, v[from], v[from + 1]);
    }

    /** Stores both or, if one of the pages faults, nothing. */
    static void store16(X86Cpu cpu, long va, long low, long high) {
        if (X86Cpu.toPageEnd(va) < XMM_BYTES) {
            cpu.loadForUpdate(va + 8, 8);
        }
        cpu.store64(va, low);
        cpu.store64(va + 8, high);
    }

    private void checkAlignment(X86Cpu cpu, long va) {
        if (aligned && (va & (XMM_BYTES - 1)) != 0) {
            throw cpu.generalProtection();
        }
    }
}
