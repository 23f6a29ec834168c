package nestor.cpu.x86;

/**
 * FNSTENV, FLDENV, FNSAVE and FRSTOR in the formats of protected mode (1 §8.1.10): words of 2 or 4
 * bytes, then for the latter two ST(0) to ST(7). Pointers to the last instruction and operand are
 * not kept: zero.
 */
final class X87Environment {
    private static final long WORDS = 7;
    private static final int CONTROL = 0;
    private static final int STATUS = 1;
    private static final int TAGS = 2;
    private static final int REGISTER_BYTES = 10;
    private static final int REGISTERS = 8;
    private static final int EXCEPTIONS = 0x3f;

    private X87Environment() {}

    /** FNSTENV; then all exceptions are masked. */
    static void store(X86Cpu cpu, long va, int word) {
        cpu.loadForUpdate(va, 1);
        cpu.loadForUpdate(va + WORDS * word - 1, 1);
        X87 x87 = cpu.x87;
        for (int i = 0; i < WORDS; i++) {
            long value =
                    switch (i) {
                        case CONTROL -> x87.control;
                        case STATUS -> x87.statusWord();
                        case TAGS -> tags(cpu);
                        default -> 0;
                    };
            boolean padded = word == 4 && (i <= TAGS || i == WORDS - 1);
            cpu.store(va + (long) i * word, word, padded ? value | 0xffff_0000L : value);
        }
        x87.control |= EXCEPTIONS;
    }

    /** FNSAVE; then as FNINIT. */
    static void save(X86Cpu cpu, long va, int word) {
        long registers = va + WORDS * word;
        cpu.loadForUpdate(registers + REGISTERS * REGISTER_BYTES - 1, 1);
        store(cpu, va, word);
        for (int i = 0; i < REGISTERS; i++) {
            long at = registers + (long) REGISTER_BYTES * i;
            cpu.store64(at, X87Registers.significand(cpu, i));
            cpu.store16(at + 8, X87Registers.signExponent(cpu, i));
        }
        cpu.x87.initialize();
    }

    /** FLDENV. */
    static void load(X86Cpu cpu, long va, int word) {
        int control = (int) cpu.load16(va + (long) CONTROL * word);
        int status = (int) cpu.load16(va + (long) STATUS * word);
        int tags = (int) cpu.load16(va + (long) TAGS * word);
        cpu.load8(va + WORDS * word - 1);
        cpu.x87.setControl(control);
        cpu.x87.setStatusWord(status);
        int empty = 0;
        for (int register = 0; register < REGISTERS; register++) {
            empty |= (tags >> 2 * register & 3) == 3 ? 1 << register : 0;
        }
        cpu.x87.empty = empty;
    }

    /** FRSTOR. */
    static void restore(X86Cpu cpu, long va, int word) {
        long registers = va + WORDS * word;
        cpu.load8(registers + REGISTERS * REGISTER_BYTES - 1);
        load(cpu, va, word);
        int empty = cpu.x87.empty;
        for (int i = 0; i < REGISTERS; i++) {
            long at = registers + (long) REGISTER_BYTES * i;
            X87Registers.setRaw(cpu, i, (int) cpu.load16(at + 8), cpu.load64(at));
        }
        cpu.x87.empty = empty;
    }

    private static int tags(X86Cpu cpu) {
        int tags = 0;
        for (int register = 0; register < REGISTERS; register++) {
            tags |= tag(cpu, register) << 2 * register;
        }
        return tags;
    }

    /** 0 valid, 1 zero, 2 special, 3 empty. */
    private static int tag(X86Cpu cpu, int register) {
        if ((cpu.x87.empty >>> register & 1) != 0) {
            return 3;
        }
        int exponent = cpu.x87.signExponent[register] & 0x7fff;
        long significand = cpu.vector[XmmOperand.MM + register];
        if (exponent == 0 && significand == 0) {
            return 1;
        }
        return exponent == 0 || exponent == 0x7fff || significand >= 0 ? 2 : 0;
    }
}
