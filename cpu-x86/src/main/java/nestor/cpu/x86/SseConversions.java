package nestor.cpu.x86;

/** Conversions between integers, single and double precision (1 §11.4.1.6). */
final class SseConversions {
    private static final long WORD = 0xffff_ffffL;

    private SseConversions() {}

    /** 0F 2A: of a general register or, without F2 and F3, of two integers in an MMX register. */
    static Op fromInteger(Instruction in) {
        boolean wide = isWide(in);
        int to = XmmOperand.reg(in);
        if (in.repeat == Instruction.NO_REPEAT) {
            return new SseOp.Mmx(
                    (cpu, d, s) -> fromPair(cpu, d, cpu.vector[s], wide, wide),
                    to,
                    XmmOperand.rmMm(in, 8),
                    false);
        }
        return new PackedShuffles.FromGeneral(in.rmOperand(in.wide() ? 8 : 4), false) {
            @Override
            void put(X86Cpu cpu, long value) {
                Mxcsr.begin(cpu);
                long r = fromInteger(cpu, value, wide);
                Mxcsr.end(cpu);
                long[] v = cpu.vector;
                v[to] = wide ? r : v[to] & ~WORD | r & WORD;
            }
        };
    }

    private static boolean isWide(Instruction in) {
        return in.repeat == Instruction.NO_REPEAT
                ? in.operandPrefix
                : in.repeat == Instruction.REPNE;
    }

    private static long fromInteger(X86Cpu cpu, long value, boolean wide) {
        SoftFloat soft = cpu.soft;
        soft.a.fromInteger(value);
        soft.convert(wide ? SoftFloat.Format.DOUBLE : SoftFloat.Format.SINGLE);
        return wide ? soft.asDouble() : soft.single();
    }

    private static void fromPair(X86Cpu cpu, int d, long pair, boolean wide, boolean high) {
        Mxcsr.begin(cpu);
        long first = fromInteger(cpu, Operand.signed(pair, 4), wide);
        long second = fromInteger(cpu, pair >> 32, wide);
        Mxcsr.end(cpu);
        cpu.vector[d] = wide ? first : first & WORD | second << 32;
        if (high) {
            cpu.vector[d + 1] = second;
        }
    }

    /** 0F 2C and 2D: to a general register or, without F2 and F3, to an MMX register. */
    static Op toInteger(Instruction in) {
        boolean truncate = in.opcode == 0x2c;
        boolean wide = isWide(in);
        if (in.repeat == Instruction.NO_REPEAT) {
            return new SseOp.Mmx(
                    (cpu, d, s) -> {
                        long r = toPair(cpu, s, wide, truncate);
                        cpu.vector[d] = r;
                    },
                    XmmOperand.regMm(in),
                    XmmOperand.rm(in, wide ? 16 : 8),
                    true);
        }
        return new ToInteger(
                Operand.register(in.reg(), in.wide() ? 8 : 4, true),
                XmmOperand.rm(in, wide ? 8 : 4),
                wide,
                truncate);
    }

    private static long toInteger(
            X86Cpu cpu, long bits, boolean wide, boolean truncate, int resultBits) {
        SoftFloat soft = cpu.soft;
        Mxcsr.load(cpu, soft.a, bits, wide);
        int rounding = soft.rounding;
        soft.rounding = truncate ? SoftFloat.ZERO : rounding;
        long r = soft.toInteger(resultBits);
        soft.rounding = rounding;
        return r;
    }

    /** Two doubles at an index, or two singles in one quadword, as two integers. */
    private static long toPair(X86Cpu cpu, int s, boolean wide, boolean truncate) {
        Mxcsr.begin(cpu);
        long[] v = cpu.vector;
        long low = toInteger(cpu, v[s], wide, truncate, 32);
        long high = toInteger(cpu, wide ? v[s + 1] : v[s] >>> 32, wide, truncate, 32);
        Mxcsr.end(cpu);
        return low & WORD | high << 32;
    }

    /** 0F 5A: between single and double. */
    static Op betweenFormats(Instruction in) {
        boolean toSingle = isWide(in);
        boolean scalar = in.repeat != Instruction.NO_REPEAT;
        SseOp.Kernel kernel =
                scalar
                        ? (cpu, d, s) -> convertScalar(cpu, d, s, toSingle)
                        : (cpu, d, s) -> convertPacked(cpu, d, s, toSingle);
        int bytes = toSingle ? scalar ? 8 : 16 : scalar ? 4 : 8;
        return new SseOp.Binary(kernel, XmmOperand.reg(in), XmmOperand.rm(in, bytes));
    }

    private static long convert(X86Cpu cpu, long bits, boolean toSingle) {
        SoftFloat soft = cpu.soft;
        Mxcsr.load(cpu, soft.a, bits, toSingle);
        soft.convert(toSingle ? SoftFloat.Format.SINGLE : SoftFloat.Format.DOUBLE);
        return toSingle ? soft.single() : soft.asDouble();
    }

    private static void convertScalar(X86Cpu cpu, int d, int s, boolean toSingle) {
        Mxcsr.begin(cpu);
        long[] v = cpu.vector;
        long r = convert(cpu, v[s], toSingle);
        Mxcsr.end(cpu);
        v[d] = toSingle ? v[d] & ~WORD | r & WORD : r;
    }

    private static void convertPacked(X86Cpu cpu, int d, int s, boolean toSingle) {
        Mxcsr.begin(cpu);
        long[] v = cpu.vector;
        long low = convert(cpu, v[s], toSingle);
        long high = convert(cpu, toSingle ? v[s + 1] : v[s] >>> 32, toSingle);
        Mxcsr.end(cpu);
        v[d] = toSingle ? low & WORD | high << 32 : low;
        v[d + 1] = toSingle ? 0 : high;
    }

    /** 0F 5B: CVTDQ2PS, CVTPS2DQ and CVTTPS2DQ. */
    static Op singlesAndIntegers(Instruction in) {
        if (in.repeat == Instruction.REPNE) {
            return Undefined.OP;
        }
        boolean truncate = in.repeat == Instruction.REP;
        boolean toInteger = truncate || in.operandPrefix;
        SseOp.Kernel kernel =
                (cpu, d, s) -> {
                    long[] v = cpu.vector;
                    long low = singles(cpu, v[s], toInteger, truncate);
                    int flags = cpu.soft.flags;
                    long high = singles(cpu, v[s + 1], toInteger, truncate);
                    cpu.soft.flags |= flags;
                    Mxcsr.end(cpu);
                    v[d] = low;
                    v[d + 1] = high;
                };
        return new SseOp.Binary(kernel, XmmOperand.reg(in), XmmOperand.rm(in, 16));
    }

    private static long singles(X86Cpu cpu, long pair, boolean toInteger, boolean truncate) {
        Mxcsr.begin(cpu);
        if (toInteger) {
            return toInteger(cpu, pair, false, truncate, 32) & WORD
                    | toInteger(cpu, pair >>> 32, false, truncate, 32) << 32;
        }
        return fromInteger(cpu, Operand.signed(pair, 4), false) & WORD
                | fromInteger(cpu, pair >> 32, false) << 32;
    }

    /** 0F E6: CVTDQ2PD, CVTPD2DQ and CVTTPD2DQ. */
    static Op doublesAndIntegers(Instruction in) {
        if (in.repeat == Instruction.REP) {
            return new SseOp.Binary(
                    (cpu, d, s) -> fromPair(cpu, d, cpu.vector[s], true, true),
                    XmmOperand.reg(in),
                    XmmOperand.rm(in, 8));
        }
        boolean truncate = in.repeat == Instruction.NO_REPEAT;
        if (truncate && !in.operandPrefix) {
            return Undefined.OP;
        }
        return new SseOp.Binary(
                (cpu, d, s) -> {
                    cpu.vector[d] = toPair(cpu, s, true, truncate);
                    cpu.vector[d + 1] = 0;
                },
                XmmOperand.reg(in),
                XmmOperand.rm(in, 16));
    }

    private static final class ToInteger extends SseOp {
        private final Operand destination;
        private final XmmOperand source;
        private final boolean wide;
        private final boolean truncate;

        ToInteger(Operand destination, XmmOperand source, boolean wide, boolean truncate) {
            this.destination = destination;
            this.source = source;
            this.wide = wide;
            this.truncate = truncate;
        }

        @Override
        void run(X86Cpu cpu) {
            int s = source.fetch(cpu);
            Mxcsr.begin(cpu);
            long r = toInteger(cpu, cpu.vector[s], wide, truncate, 8 * destination.bytes);
            Mxcsr.end(cpu);
            destination.write(cpu, r);
        }

        @Override
        boolean usesStack() {
            return source.isStack();
        }
    }
}
