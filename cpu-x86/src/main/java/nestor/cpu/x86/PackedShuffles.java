package nestor.cpu.x86;

/** PACK, PUNPCK, PSHUF, SHUFP, UNPCK, PINSRW, PEXTRW and PMOVMSKB. */
final class PackedShuffles {
    private PackedShuffles() {}

    /** 0F 60-63, 67-6D. */
    static Op packOrUnpack(Instruction in, boolean mmx) {
        int opcode = in.opcode;
        if (mmx) {
            return new SseOp.Mmx(
                    (cpu, d, s) -> cpu.vector[d] = narrow(opcode, cpu.vector[d], cpu.vector[s]),
                    XmmOperand.regMm(in),
                    XmmOperand.rmMm(in, opcode < 0x63 ? 4 : 8),
                    true);
        }
        SseOp.Kernel kernel =
                switch (opcode) {
                    case 0x63, 0x67, 0x6b -> (cpu, d, s) -> packHalves(cpu.vector, opcode, d, s);
                    case 0x60, 0x61, 0x62 -> (cpu, d, s) -> unpack(cpu.vector, opcode, d, s, 0);
                    case 0x68, 0x69, 0x6a -> (cpu, d, s) -> unpack(cpu.vector, opcode, d, s, 1);
                    case 0x6c -> (cpu, d, s) -> cpu.vector[d + 1] = cpu.vector[s];
                    default -> PackedShuffles::unpackHighQuadwords;
                };
        return new SseOp.Binary(kernel, XmmOperand.reg(in), XmmOperand.rm(in, 16));
    }

    private static long narrow(int opcode, long a, long b) {
        return switch (opcode) {
            case 0x60, 0x61, 0x62 -> interleave(a, b, bits(opcode), 0);
            case 0x68, 0x69, 0x6a -> interleave(a, b, bits(opcode), 32);
            default -> pack(opcode, a, b);
        };
    }

    private static int bits(int opcode) {
        return 8 << (opcode & 3);
    }

    private static void packHalves(long[] v, int opcode, int d, int s) {
        long high = pack(opcode, v[s], v[s + 1]);
        v[d] = pack(opcode, v[d], v[d + 1]);
        v[d + 1] = high;
    }

    /** The elements of {@code a}, then those of {@code b}, in half as many bits. */
    private static long pack(int opcode, long a, long b) {
        int bits = opcode == 0x6b ? 16 : 8;
        long result = 0;
        long mask = (1L << bits) - 1;
        for (int at = 0; at < 64; at += 2 * bits) {
            long x = a << 64 - 2 * bits - at >> 64 - 2 * bits;
            long y = b << 64 - 2 * bits - at >> 64 - 2 * bits;
            result |= (saturate(opcode, x, bits) & mask) << at / 2;
            result |= (saturate(opcode, y, bits) & mask) << 32 + at / 2;
        }
        return result;
    }

    private static long saturate(int opcode, long value, int bits) {
        return opcode == 0x67
                ? PackedInteger.saturateUnsigned(value, bits)
                : PackedInteger.saturate(value, bits);
    }

    private static void unpack(long[] v, int opcode, int d, int s, int half) {
        int bits = bits(opcode);
        long a = v[d + half];
        long b = v[s + half];
        v[d] = interleave(a, b, bits, 0);
        v[d + 1] = interleave(a, b, bits, 32);
    }

    /** Elements in turns, those of 32 bits from bit {@code from}. */
    private static long interleave(long a, long b, int bits, int from) {
        long result = 0;
        long mask = (1L << bits) - 1;
        for (int at = 0; at < 32; at += bits) {
            result |= (a >>> from + at & mask) << 2 * at;
            result |= (b >>> from + at & mask) << 2 * at + bits;
        }
        return result;
    }

    private static void unpackHighQuadwords(X86Cpu cpu, int d, int s) {
        long[] v = cpu.vector;
        long high = v[s + 1];
        v[d] = v[d + 1];
        v[d + 1] = high;
    }

    /** 0F 14, 15: UNPCKL and UNPCKH. */
    static Op unpackFloats(Instruction in) {
        boolean high = (in.opcode & 1) != 0;
        SseOp.Kernel kernel;
        if (in.operandPrefix) {
            kernel =
                    high
                            ? PackedShuffles::unpackHighQuadwords
                            : (cpu, d, s) -> cpu.vector[d + 1] = cpu.vector[s];
        } else {
            int half = high ? 1 : 0;
            kernel = (cpu, d, s) -> unpack(cpu.vector, 0x62, d, s, half);
        }
        return new SseOp.Binary(kernel, XmmOperand.reg(in), XmmOperand.rm(in, 16));
    }

    /** 0F 70. */
    static Op shuffle(Instruction in) throws Instruction.Truncated {
        int order = (int) in.signed(1) & 0xff;
        if (in.repeat == Instruction.NO_REPEAT && !in.operandPrefix) {
            return new SseOp.Mmx(
                    (cpu, d, s) -> cpu.vector[d] = words(cpu.vector[s], order),
                    XmmOperand.regMm(in),
                    XmmOperand.rmMm(in, 8),
                    true);
        }
        SseOp.Kernel kernel =
                switch (in.repeat) {
                    case Instruction.REP -> (cpu, d, s) -> half(cpu.vector, d, s, order, 1);
                    case Instruction.REPNE -> (cpu, d, s) -> half(cpu.vector, d, s, order, 0);
                    default -> (cpu, d, s) -> floats(cpu.vector, d, s, s, order);
                };
        return new SseOp.Binary(kernel, XmmOperand.reg(in), XmmOperand.rm(in, 16));
    }

    private static long words(long value, int order) {
        long result = 0;
        for (int i = 0; i < 4; i++) {
            result |= (value >>> 16 * (order >> 2 * i & 3) & 0xffff) << 16 * i;
        }
        return result;
    }

    private static void half(long[] v, int d, int s, int order, int half) {
        long changed = words(v[s + half], order);
        v[d + 1 - half] = v[s + 1 - half];
        v[d + half] = changed;
    }

    /** 0F C6: SHUFPS and SHUFPD. */
    static Op shuffleFloats(Instruction in) throws Instruction.Truncated {
        int order = (int) in.signed(1) & 0xff;
        SseOp.Kernel kernel =
                in.operandPrefix
                        ? (cpu, d, s) -> quadwords(cpu.vector, d, s, order)
                        : (cpu, d, s) -> floats(cpu.vector, d, d, s, order);
        return new SseOp.Binary(kernel, XmmOperand.reg(in), XmmOperand.rm(in, 16));
    }

    private static void quadwords(long[] v, int d, int s, int order) {
        long high = v[s + (order >> 1 & 1)];
        v[d] = v[d + (order & 1)];
        v[d + 1] = high;
    }

    /** The lower two elements out of {@code a}, the upper two out of {@code b}. */
    private static void floats(long[] v, int d, int a, int b, int order) {
        long low = element(v, a, order & 3) | element(v, a, order >> 2 & 3) << 32;
        long high = element(v, b, order >> 4 & 3) | element(v, b, order >> 6) << 32;
        v[d] = low;
        v[d + 1] = high;
    }

    private static long element(long[] v, int at, int number) {
        return v[at + (number >> 1)] >>> 32 * (number & 1) & 0xffff_ffffL;
    }

    /** 0F C4. */
    static Op insertWord(Instruction in, boolean mmx) throws Instruction.Truncated {
        Operand source =
                in.isRegister()
                        ? Operand.register(in.rm(), 4, true)
                        : new Operand.Memory(in.memory(), 2);
        int number = (int) in.signed(1) & (mmx ? 3 : 7);
        int to = mmx ? XmmOperand.regMm(in) : XmmOperand.reg(in) + (number >> 2);
        int shift = 16 * (number & 3);
        return new FromGeneral(source, mmx) {
            @Override
            void put(X86Cpu cpu, long value) {
                long mask = 0xffffL << shift;
                cpu.vector[to] = cpu.vector[to] & ~mask | value << shift & mask;
                if (mmx) {
                    cpu.x87.wroteMmx(to - XmmOperand.MM);
                }
            }
        };
    }

    /** 0F C5. */
    static Op extractWord(Instruction in, boolean mmx) throws Instruction.Truncated {
        int number = (int) in.signed(1) & (mmx ? 3 : 7);
        if (!in.isRegister()) {
            return Undefined.OP;
        }
        int from = mmx ? XmmOperand.MM + (in.rm() & 7) : 2 * in.rm() + (number >> 2);
        int shift = 16 * (number & 3);
        return new ToGeneral(Operand.register(in.reg(), 4, true), mmx) {
            @Override
            long get(X86Cpu cpu) {
                return cpu.vector[from] >>> shift & 0xffff;
            }
        };
    }

    /** 0F D7. */
    static Op byteMask(Instruction in, boolean mmx) {
        if (!in.isRegister()) {
            return Undefined.OP;
        }
        int from = mmx ? XmmOperand.MM + (in.rm() & 7) : 2 * in.rm();
        return new ToGeneral(Operand.register(in.reg(), 4, true), mmx) {
            @Override
            long get(X86Cpu cpu) {
                int low = PackedInteger.signs(cpu.vector[from]);
                return mmx ? low : low | PackedInteger.signs(cpu.vector[from + 1]) << 8;
            }
        };
    }

    /** 0F 50: MOVMSKPS and MOVMSKPD. */
    static Op signMask(Instruction in) {
        if (!in.isRegister()) {
            return Undefined.OP;
        }
        int from = 2 * in.rm();
        boolean doubles = in.operandPrefix;
        return new ToGeneral(Operand.register(in.reg(), 4, true), false) {
            @Override
            long get(X86Cpu cpu) {
                long low = cpu.vector[from];
                long high = cpu.vector[from + 1];
                return doubles
                        ? low >>> 63 | high >>> 63 << 1
                        : low >>> 31 & 1
                                | low >>> 63 << 1
                                | (high >>> 31 & 1) << 2
                                | high >>> 63 << 3;
            }
        };
    }

    /** Takes a value out of a general register or memory. */
    abstract static class FromGeneral extends SseOp {
        private final Operand source;
        private final boolean mmx;

        FromGeneral(Operand source, boolean mmx) {
            this.source = source;
            this.mmx = mmx;
        }

        @Override
        final void check(X86Cpu cpu) {
            if (mmx) {
                checkMmx(cpu);
            } else {
                checkSse(cpu);
            }
        }

        @Override
        final void run(X86Cpu cpu) {
            long value = source.read(cpu);
            if (mmx) {
                cpu.x87.enterMmx();
            }
            put(cpu, value);
        }

        abstract void put(X86Cpu cpu, long value);

        @Override
        final boolean usesStack() {
            return source.isStack();
        }
    }

    /** Leaves a value in a general register or memory. */
    abstract static class ToGeneral extends SseOp {
        private final Operand destination;
        private final boolean mmx;

        ToGeneral(Operand destination, boolean mmx) {
            this.destination = destination;
            this.mmx = mmx;
        }

        @Override
        final void check(X86Cpu cpu) {
            if (mmx) {
                checkMmx(cpu);
            } else {
                checkSse(cpu);
            }
        }

        @Override
        final void run(X86Cpu cpu) {
            destination.write(cpu, get(cpu));
            if (mmx) {
                cpu.x87.enterMmx();
            }
        }

        abstract long get(X86Cpu cpu);

        @Override
        final boolean usesStack() {
            return destination.isStack();
        }
    }
}
