package nestor.cpu.x86;

/** Moves to, from and between MMX and XMM registers. */
final class SseMoves {
    private static final SseOp.Kernel BOTH =
            (cpu, d, s) -> {
                cpu.vector[d] = cpu.vector[s];
                cpu.vector[d + 1] = cpu.vector[s + 1];
            };
    private static final SseOp.Kernel ONE = (cpu, d, s) -> cpu.vector[d] = cpu.vector[s];
    private static final SseOp.Kernel ZERO_EXTENDED =
            (cpu, d, s) -> {
                cpu.vector[d] = cpu.vector[s];
                cpu.vector[d + 1] = 0;
            };
    private static final SseOp.Kernel LOW_SINGLE =
            (cpu, d, s) ->
                    cpu.vector[d] =
                            cpu.vector[d] & ~Operand.mask(4) | cpu.vector[s] & Operand.mask(4);

    private SseMoves() {}

    /** 0F 10 and 11: MOVUPS, MOVUPD, MOVSS and MOVSD. */
    static Op unalignedOrScalar(Instruction in) {
        boolean store = (in.opcode & 1) != 0;
        if (in.repeat == Instruction.NO_REPEAT) {
            return move(in, XmmOperand.unaligned(in), store, BOTH);
        }
        int bytes = in.repeat == Instruction.REP ? 4 : 8;
        SseOp.Kernel registers = bytes == 4 ? LOW_SINGLE : ONE;
        return move(
                in, XmmOperand.rm(in, bytes), store, in.isRegister() ? registers : ZERO_EXTENDED);
    }

    /** 0F 28, 29, 6F and 7F: all 16 bytes. */
    static Op whole(Instruction in) {
        boolean store = in.opcode == 0x29 || in.opcode == 0x7f;
        boolean unaligned = in.repeat == Instruction.REP;
        return move(in, unaligned ? XmmOperand.unaligned(in) : XmmOperand.rm(in, 16), store, BOTH);
    }

    private static Op move(Instruction in, XmmOperand operand, boolean store, SseOp.Kernel kernel) {
        return store
                ? new SseOp.Store(operand, XmmOperand.reg(in))
                : new SseOp.Binary(kernel, XmmOperand.reg(in), operand);
    }

    /** 0F 12, 13, 16 and 17: one quadword. */
    static Op half(Instruction in) {
        boolean store = (in.opcode & 1) != 0;
        int half = XmmOperand.reg(in) + (in.opcode >= 0x16 ? 1 : 0);
        if (in.isRegister()) {
            boolean other = store || in.operandPrefix;
            SseOp.Kernel kernel =
                    in.opcode >= 0x16 ? ONE : (cpu, d, s) -> cpu.vector[d] = cpu.vector[s + 1];
            return other ? Undefined.OP : new SseOp.Binary(kernel, half, XmmOperand.rm(in, 8));
        }
        XmmOperand operand = XmmOperand.rm(in, 8);
        return store ? new SseOp.Store(operand, half) : new SseOp.Binary(ONE, half, operand);
    }

    /** 0F 2B and E7: stores whose hint is nothing to us. */
    static Op nonTemporal(Instruction in, boolean mmx) {
        if (in.isRegister()) {
            return Undefined.OP;
        }
        return mmx
                ? new SseOp.Store(XmmOperand.rmMm(in, 8), XmmOperand.regMm(in))
                : new SseOp.Store(XmmOperand.rm(in, 16), XmmOperand.reg(in));
    }

    /** 0F 6F and 7F without a prefix: MOVQ of MMX. */
    static Op mmx(Instruction in) {
        XmmOperand operand = XmmOperand.rmMm(in, 8);
        if (in.opcode == 0x6f) {
            return new SseOp.Mmx(ONE, XmmOperand.regMm(in), operand, true);
        }
        return in.isRegister()
                ? new SseOp.Mmx(
                        (cpu, d, s) -> cpu.vector[d] = cpu.vector[s],
                        XmmOperand.MM + (in.rm() & 7),
                        XmmOperand.registerMm(XmmOperand.regMm(in)),
                        true)
                : new SseOp.Store(operand, XmmOperand.regMm(in));
    }

    /** 0F 6E: MOVD and MOVQ out of a general register or memory. */
    static Op fromGeneral(Instruction in, boolean mmx) {
        Operand source = in.rmOperand(in.wide() ? 8 : 4);
        int to = mmx ? XmmOperand.regMm(in) : XmmOperand.reg(in);
        return new PackedShuffles.FromGeneral(source, mmx) {
            @Override
            void put(X86Cpu cpu, long value) {
                cpu.vector[to] = value & Operand.mask(source.bytes);
                if (mmx) {
                    cpu.x87.wroteMmx(to - XmmOperand.MM);
                } else {
                    cpu.vector[to + 1] = 0;
                }
            }
        };
    }

    /** 0F 7E: MOVD and MOVQ into a general register or memory. */
    static Op toGeneral(Instruction in, boolean mmx) {
        int from = mmx ? XmmOperand.regMm(in) : XmmOperand.reg(in);
        return new PackedShuffles.ToGeneral(in.rmOperand(in.wide() ? 8 : 4), mmx) {
            @Override
            long get(X86Cpu cpu) {
                return cpu.vector[from];
            }
        };
    }

    /** F3 0F 7E: MOVQ. */
    static Op loadQuadword(Instruction in) {
        return new SseOp.Binary(ZERO_EXTENDED, XmmOperand.reg(in), XmmOperand.rm(in, 8));
    }

    /** 66 0F D6: MOVQ; in a register the upper half becomes zero. */
    static Op storeQuadword(Instruction in) {
        return in.isRegister()
                ? new SseOp.Binary(ZERO_EXTENDED, 2 * in.rm(), XmmOperand.register(in.reg()))
                : new SseOp.Store(XmmOperand.rm(in, 8), XmmOperand.reg(in));
    }

    /** F3 and F2 0F D6: MOVQ2DQ and MOVDQ2Q. */
    static Op betweenMmxAndXmm(Instruction in) {
        if (!in.isRegister()) {
            return Undefined.OP;
        }
        return in.repeat == Instruction.REP
                ? new SseOp.Mmx(ZERO_EXTENDED, XmmOperand.reg(in), XmmOperand.rmMm(in, 8), false)
                : new SseOp.Mmx(ONE, XmmOperand.regMm(in), XmmOperand.register(in.rm()), true);
    }

    /** 0F F7: stores the bytes whose mask's sign is set, at DS:RDI. */
    static Op masked(Instruction in, boolean mmx) {
        if (!in.isRegister()) {
            return Undefined.OP;
        }
        Address address =
                new Address(
                        X86Cpu.RDI,
                        X86Cpu.ZERO,
                        0,
                        0,
                        in.addressMask,
                        in.segmentBase(Segment.DS),
                        false);
        int from = mmx ? XmmOperand.regMm(in) : XmmOperand.reg(in);
        int mask = mmx ? XmmOperand.MM + (in.rm() & 7) : 2 * in.rm();
        return new Masked(address, from, mask, mmx ? 8 : 16);
    }

    private static final class Masked extends SseOp {
        private final Address address;
        private final int from;
        private final int mask;
        private final int bytes;

        Masked(Address address, int from, int mask, int bytes) {
            this.address = address;
            this.from = from;
            this.mask = mask;
            this.bytes = bytes;
        }

        @Override
        void check(X86Cpu cpu) {
            if (bytes == 8) {
                checkMmx(cpu);
            } else {
                checkSse(cpu);
            }
        }

        @Override
        void run(X86Cpu cpu) {
            long[] v = cpu.vector;
            int selected = PackedInteger.signs(v[mask]);
            if (bytes > 8) {
                selected |= PackedInteger.signs(v[mask + 1]) << 8;
            }
            // Both ends first: of a store that faults no byte is seen.
            if (selected != 0) {
                cpu.loadForUpdate(address.of(cpu, Integer.numberOfTrailingZeros(selected)), 1);
                cpu.loadForUpdate(address.of(cpu, 31 - Integer.numberOfLeadingZeros(selected)), 1);
            }
            for (int i = 0; i < bytes; i++) {
                if ((selected >>> i & 1) != 0) {
                    cpu.store8(address.of(cpu, i), v[from + (i >> 3)] >>> 8 * (i & 7));
                }
            }
            if (bytes == 8) {
                cpu.x87.enterMmx();
            }
        }
    }
}
