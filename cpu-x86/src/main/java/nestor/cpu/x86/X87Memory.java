package nestor.cpu.x86;

/** Loads and stores of the x87: numbers and integers (1 §8.3.3). */
final class X87Memory {
    private X87Memory() {}

    /** Sets a number of 4 or 8 bytes. */
    static void read(X86Cpu cpu, FloatNumber into, long va, int bytes) {
        if (bytes == 4) {
            into.fromSingle((int) cpu.load32(va));
        } else {
            into.fromDouble(cpu.load64(va));
        }
    }

    /** FLD m32 and m64. */
    static void load(X86Cpu cpu, long va, int bytes) {
        SoftFloat soft = X87Registers.begin(cpu);
        read(cpu, soft.a, va, bytes);
        soft.convert(SoftFloat.Format.EXTENDED);
        push(cpu);
    }

    /** FILD. */
    static void loadInteger(X86Cpu cpu, long va, int bytes) {
        SoftFloat soft = X87Registers.begin(cpu);
        soft.result.fromInteger(Operand.signed(cpu.load(va, bytes), bytes));
        push(cpu);
    }

    /** Pushes the result. */
    static void push(X86Cpu cpu) {
        if (X87Registers.push(cpu)) {
            X87Registers.set(cpu, 0, cpu.soft.result);
        }
    }

    /** FLD m80. */
    static void loadExtended(X86Cpu cpu, long va) {
        X87Registers.begin(cpu);
        long significand = cpu.load64(va);
        int signExponent = (int) cpu.load16(va + 8);
        pushRaw(cpu, signExponent, significand);
    }

    /** FLD ST(i). */
    static void duplicate(X86Cpu cpu, int i) {
        SoftFloat soft = X87Registers.begin(cpu);
        if (X87Registers.isEmpty(cpu, i)) {
            X87Registers.get(cpu, i, soft.result);
            push(cpu);
        } else {
            pushRaw(cpu, X87Registers.signExponent(cpu, i), X87Registers.significand(cpu, i));
        }
    }

    /** Pushes a value as it is, a constant for one. */
    static void pushRaw(X86Cpu cpu, int signExponent, long significand) {
        if (!X87Registers.push(cpu)) {
            return;
        }
        if ((cpu.soft.flags & SoftFloat.INVALID) != 0) {
            X87Registers.set(cpu, 0, cpu.soft.result);
        } else {
            X87Registers.setRaw(cpu, 0, signExponent, significand);
        }
    }

    /** FST and FSTP m32 and m64. */
    static void store(X86Cpu cpu, long va, int bytes, boolean pops) {
        cpu.loadForUpdate(va, bytes);
        SoftFloat soft = X87Registers.begin(cpu);
        X87Registers.get(cpu, 0, soft.a);
        soft.convert(bytes == 4 ? SoftFloat.Format.SINGLE : SoftFloat.Format.DOUBLE);
        soft.flags &= ~SoftFloat.DENORMAL;
        int after = SoftFloat.OVERFLOW | SoftFloat.UNDERFLOW;
        boolean stays = (soft.flags & ~cpu.x87.control & after) != 0;
        if (X87Registers.commit(cpu) && !stays) {
            cpu.store(va, bytes, bytes == 4 ? soft.single() : soft.asDouble());
            if (pops) {
                X87Registers.pop(cpu);
            }
        }
    }

    /** FIST and FISTP. */
    static void storeInteger(X86Cpu cpu, long va, int bytes, boolean pops) {
        cpu.loadForUpdate(va, bytes);
        SoftFloat soft = X87Registers.begin(cpu);
        X87Registers.get(cpu, 0, soft.a);
        long value = soft.toInteger(8 * bytes);
        if (X87Registers.commit(cpu)) {
            cpu.store(va, bytes, value);
            if (pops) {
                X87Registers.pop(cpu);
            }
        }
    }

    /** FSTP m80. */
    static void storeExtended(X86Cpu cpu, long va) {
        cpu.loadForUpdate(va + 8, 2);
        X87Registers.begin(cpu);
        boolean empty = X87Registers.isEmpty(cpu, 0);
        if (empty) {
            X87Registers.get(cpu, 0, cpu.soft.a);
        }
        if (X87Registers.commit(cpu)) {
            long indefinite = FloatNumber.INTEGER_BIT | FloatNumber.QUIET_BIT;
            cpu.store64(va, empty ? indefinite : X87Registers.significand(cpu, 0));
            cpu.store16(va + 8, empty ? 0xffff : X87Registers.signExponent(cpu, 0));
            X87Registers.pop(cpu);
        }
    }

    /** FST and FSTP ST(i). */
    static void storeRegister(X86Cpu cpu, int i, boolean pops) {
        SoftFloat soft = X87Registers.begin(cpu);
        boolean empty = X87Registers.isEmpty(cpu, 0);
        if (empty) {
            X87Registers.get(cpu, 0, soft.result);
        }
        if (!X87Registers.commit(cpu)) {
            return;
        }
        if (empty) {
            X87Registers.set(cpu, i, soft.result);
        } else {
            X87Registers.setRaw(
                    cpu, i, X87Registers.signExponent(cpu, 0), X87Registers.significand(cpu, 0));
        }
        if (pops) {
            X87Registers.pop(cpu);
        }
    }
}
