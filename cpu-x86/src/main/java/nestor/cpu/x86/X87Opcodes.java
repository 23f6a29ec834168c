package nestor.cpu.x86;

/** The escape opcodes, D8-DF (2D, tables ). */
final class X87Opcodes {
    private static final int CONSTANTS = 0xe8;

    /** The only irrational constant that is less to nearest than exactly. */
    private static final int LOG2_10 = 1;

    private static final int[] CONSTANT_EXPONENTS = {
        0x3fff, 0x4000, 0x3fff, 0x4000, 0x3ffd, 0x3ffe, 0
    };

    /** 1, log2 10, log2 e, pi, log10 2, ln 2, 0: to nearest. */
    private static final long[] CONSTANT_SIGNIFICANDS = {
        0x8000_0000_0000_0000L,
        0xd49a_784b_cd1b_8afeL,
        0xb8aa_3b29_5c17_f0bcL,
        0xc90f_daa2_2168_c235L,
        0x9a20_9a84_fbcf_f799L,
        0xb172_17f7_d1cf_79acL,
        0
    };

    private X87Opcodes() {}

    static Op decode(Instruction in) {
        return in.isRegister() ? registers(in) : memory(in);
    }

    private static Op of(Instruction in, X87Op.Action action) {
        return new X87Op(action, in.isRegister() ? null : in.memory(), true);
    }

    private static Op withoutWait(Instruction in, X87Op.Action action) {
        return new X87Op(action, in.isRegister() ? null : in.memory(), false);
    }

    private static Op memory(Instruction in) {
        int number = in.extension();
        return switch (in.opcode) {
            case 0xd8 -> arithmetic(in, number, 4);
            case 0xdc -> arithmetic(in, number, 8);
            case 0xda -> integerArithmetic(in, number, 4);
            case 0xde -> integerArithmetic(in, number, 2);
            case 0xd9 -> singleOrControl(in, number);
            case 0xdb -> integerOrExtended(in, number);
            case 0xdd -> doubleOrStatus(in, number);
            default -> integers(in, number);
        };
    }

    private static Op arithmetic(Instruction in, int number, int bytes) {
        return of(
                in,
                (cpu, va) -> {
                    SoftFloat soft = X87Registers.begin(cpu);
                    X87Memory.read(cpu, soft.b, va, bytes);
                    X87Arithmetic.withOperand(cpu, number);
                });
    }

    private static Op integerArithmetic(Instruction in, int number, int bytes) {
        return of(
                in,
                (cpu, va) -> {
                    SoftFloat soft = X87Registers.begin(cpu);
                    soft.b.fromInteger(Operand.signed(cpu.load(va, bytes), bytes));
                    X87Arithmetic.withOperand(cpu, number);
                });
    }

    private static Op singleOrControl(Instruction in, int number) {
        int word = in.operandPrefix ? 2 : 4;
        return switch (number) {
            case 0 -> of(in, (cpu, va) -> X87Memory.load(cpu, va, 4));
            case 2 -> of(in, (cpu, va) -> X87Memory.store(cpu, va, 4, false));
            case 3 -> of(in, (cpu, va) -> X87Memory.store(cpu, va, 4, true));
            case 4 -> of(in, (cpu, va) -> X87Environment.load(cpu, va, word));
            case 5 -> of(in, (cpu, va) -> cpu.x87.setControl((int) cpu.load16(va)));
            case 6 -> withoutWait(in, (cpu, va) -> X87Environment.store(cpu, va, word));
            case 7 -> withoutWait(in, (cpu, va) -> cpu.store16(va, cpu.x87.control));
            default -> Undefined.OP;
        };
    }

    private static Op integerOrExtended(Instruction in, int number) {
        return switch (number) {
            case 0 -> of(in, (cpu, va) -> X87Memory.loadInteger(cpu, va, 4));
            case 2, 3 -> of(in, (cpu, va) -> X87Memory.storeInteger(cpu, va, 4, number == 3));
            case 5 -> of(in, X87Memory::loadExtended);
            case 7 -> of(in, X87Memory::storeExtended);
            default -> Undefined.OP;
        };
    }

    private static Op doubleOrStatus(Instruction in, int number) {
        int word = in.operandPrefix ? 2 : 4;
        return switch (number) {
            case 4 -> of(in, (cpu, va) -> X87Environment.restore(cpu, va, word));
            case 6 -> withoutWait(in, (cpu, va) -> X87Environment.save(cpu, va, word));
            case 0 -> of(in, (cpu, va) -> X87Memory.load(cpu, va, 8));
            case 2, 3 -> of(in, (cpu, va) -> X87Memory.store(cpu, va, 8, number == 3));
            case 7 -> withoutWait(in, (cpu, va) -> cpu.store16(va, cpu.x87.statusWord()));
            default -> Undefined.OP;
        };
    }

    private static Op integers(Instruction in, int number) {
        return switch (number) {
            case 0 -> of(in, (cpu, va) -> X87Memory.loadInteger(cpu, va, 2));
            case 2, 3 -> of(in, (cpu, va) -> X87Memory.storeInteger(cpu, va, 2, number == 3));
            case 4 -> of(in, X87Decimal::load);
            case 5 -> of(in, (cpu, va) -> X87Memory.loadInteger(cpu, va, 8));
            case 6 -> of(in, X87Decimal::store);
            case 7 -> of(in, (cpu, va) -> X87Memory.storeInteger(cpu, va, 8, true));
            default -> Undefined.OP;
        };
    }

    private static Op registers(Instruction in) {
        int number = in.extension();
        int i = in.rm() & 7;
        return switch (in.opcode) {
            case 0xd8 -> of(in, (cpu, _) -> X87Arithmetic.ofStack(cpu, number, i));
            case 0xd9 -> unary(in, number, i);
            case 0xda -> moveOrCompare(in, number, i);
            case 0xdb -> control(in, number, i);
            case 0xdc -> number == 2 || number == 3 ? Undefined.OP : intoStack(in, number, i);
            case 0xdd -> storeOrCompare(in, number, i);
            case 0xde ->
                    number == 3 && i == 1
                            ? of(in, (cpu, _) -> X87Arithmetic.compare(cpu, 1, false, 2))
                            : number == 2 || number == 3 ? Undefined.OP : intoStack(in, number, i);
            default -> statusOrFlags(in, number, i);
        };
    }

    private static Op intoStack(Instruction in, int number, int i) {
        boolean pops = in.opcode == 0xde;
        return of(in, (cpu, _) -> X87Arithmetic.intoStack(cpu, number, i, pops));
    }

    private static Op unary(Instruction in, int number, int i) {
        int octet = in.modRmByte();
        if (octet >= CONSTANTS && octet < CONSTANTS + CONSTANT_EXPONENTS.length) {
            return of(in, (cpu, _) -> constant(cpu, octet - CONSTANTS));
        }
        return switch (octet) {
            case 0xd0 -> of(in, (_, _) -> {});
            case 0xe0 -> of(in, (cpu, _) -> X87Arithmetic.changeSign(cpu, false));
            case 0xe1 -> of(in, (cpu, _) -> X87Arithmetic.changeSign(cpu, true));
            case 0xe4 -> of(in, (cpu, _) -> X87Arithmetic.compareWithZero(cpu));
            case 0xe5 -> of(in, (cpu, _) -> X87Arithmetic.examine(cpu));
            case 0xf0 -> of(in, (cpu, _) -> X87Functions.powerMinusOne(cpu));
            case 0xf1 -> of(in, (cpu, _) -> X87Functions.logarithm(cpu));
            case 0xf2 -> of(in, (cpu, _) -> X87Functions.tangent(cpu));
            case 0xf3 -> of(in, (cpu, _) -> X87Functions.arcTangent(cpu));
            case 0xf4 -> of(in, (cpu, _) -> X87Scaling.extract(cpu));
            case 0xf5 -> of(in, (cpu, _) -> X87Scaling.remainder(cpu, true));
            case 0xf6 -> of(in, (cpu, _) -> rotate(cpu, -1));
            case 0xf7 -> of(in, (cpu, _) -> rotate(cpu, 1));
            case 0xf8 -> of(in, (cpu, _) -> X87Scaling.remainder(cpu, false));
            case 0xf9 -> of(in, (cpu, _) -> X87Functions.logarithmOfOneMore(cpu));
            case 0xfa -> of(in, (cpu, _) -> X87Arithmetic.squareRoot(cpu));
            case 0xfb -> of(in, (cpu, _) -> X87Functions.sineAndCosine(cpu));
            case 0xfc -> of(in, (cpu, _) -> X87Scaling.roundToInteger(cpu));
            case 0xfd -> of(in, (cpu, _) -> X87Scaling.scale(cpu));
            case 0xfe -> of(in, (cpu, _) -> X87Functions.sineOrCosine(cpu, false));
            case 0xff -> of(in, (cpu, _) -> X87Functions.sineOrCosine(cpu, true));
            default ->
                    switch (number) {
                        case 0 -> of(in, (cpu, _) -> X87Memory.duplicate(cpu, i));
                        case 1 -> of(in, (cpu, _) -> X87Arithmetic.exchange(cpu, i));
                        default -> Undefined.OP;
                    };
        };
    }

    private static void constant(X86Cpu cpu, int number) {
        int rounding = X87Registers.begin(cpu).rounding;
        boolean down = rounding == SoftFloat.DOWN || rounding == SoftFloat.ZERO;
        int correction = 0;
        if (number == LOG2_10) {
            correction = rounding == SoftFloat.UP ? 1 : 0;
        } else if (number > LOG2_10 && number < CONSTANT_EXPONENTS.length - 1) {
            correction = down ? -1 : 0;
        }
        X87Memory.pushRaw(
                cpu, CONSTANT_EXPONENTS[number], CONSTANT_SIGNIFICANDS[number] + correction);
    }

    private static void rotate(X86Cpu cpu, int by) {
        cpu.x87.top = cpu.x87.top + by & 7;
        cpu.x87.status &= ~X87Registers.C1;
    }

    private static Op moveOrCompare(Instruction in, int number, int i) {
        if (number < 4) {
            int condition = condition(number);
            return of(in, (cpu, _) -> X87Arithmetic.move(cpu, i, Flags.holds(cpu, condition)));
        }
        return in.modRmByte() == 0xe9
                ? of(in, (cpu, _) -> X87Arithmetic.compare(cpu, 1, true, 2))
                : Undefined.OP;
    }

    /** B, E, BE and U as conditions of Jcc. */
    private static int condition(int number) {
        return number == 3 ? 10 : 2 + 2 * number;
    }

    private static Op control(Instruction in, int number, int i) {
        return switch (number) {
            case 0, 1, 2, 3 -> {
                int condition = condition(number) | 1;
                yield of(in, (cpu, _) -> X87Arithmetic.move(cpu, i, Flags.holds(cpu, condition)));
            }
            case 4 ->
                    switch (i) {
                        case 0, 1, 4 -> withoutWait(in, (_, _) -> {}); // FENI, FDISI, FSETPM
                        case 2 -> withoutWait(in, (cpu, _) -> cpu.x87.status &= 0x7f00);
                        case 3 -> withoutWait(in, (cpu, _) -> cpu.x87.initialize());
                        default -> Undefined.OP;
                    };
            case 5 -> of(in, (cpu, _) -> X87Arithmetic.compareToFlags(cpu, i, true, false));
            case 6 -> of(in, (cpu, _) -> X87Arithmetic.compareToFlags(cpu, i, false, false));
            default -> Undefined.OP;
        };
    }

    private static Op storeOrCompare(Instruction in, int number, int i) {
        return switch (number) {
            case 0 -> of(in, (cpu, _) -> cpu.x87.empty |= 1 << (cpu.x87.top + i & 7));
            case 2, 3 -> of(in, (cpu, _) -> X87Memory.storeRegister(cpu, i, number == 3));
            case 4, 5 -> of(in, (cpu, _) -> X87Arithmetic.compare(cpu, i, true, number - 4));
            default -> Undefined.OP;
        };
    }

    private static Op statusOrFlags(Instruction in, int number, int i) {
        return switch (number) {
            case 4 -> {
                Operand ax = Operand.register(X86Cpu.RAX, 2, true);
                yield i == 0
                        ? withoutWait(in, (cpu, _) -> ax.write(cpu, cpu.x87.statusWord()))
                        : Undefined.OP;
            }
            case 5 -> of(in, (cpu, _) -> X87Arithmetic.compareToFlags(cpu, i, true, true));
            case 6 -> of(in, (cpu, _) -> X87Arithmetic.compareToFlags(cpu, i, false, true));
            default -> Undefined.OP;
        };
    }
}
