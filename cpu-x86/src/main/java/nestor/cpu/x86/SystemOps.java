package nestor.cpu.x86;

import nestor.cpu.HostMemory;

/** HLT, descriptor-table registers, INVLPG, SWAPGS, SMAP, caches, fences and FS/GS bases. */
final class SystemOps {
    private SystemOps() {}

    /** F4. */
    static Op halt() {
        return new Halt();
    }

    /** 0F 06. */
    static Op clearTaskSwitched() {
        return new ClearTaskSwitched();
    }

    /** 0F 08 and 09: INVD and WBINVD, of caches that are always coherent. */
    static Op cache() {
        return new Cache();
    }

    /** 0F 01. */
    static Op group7(Instruction in) throws Instruction.Truncated {
        in.modRm();
        if (in.isRegister()) {
            return group7Registers(in);
        }
        return switch (in.extension()) {
            case 0, 1 -> new StoreTable(in.extension() == 1, in.memory(), in.mode64);
            case 2, 3 -> new LoadTable(in.extension() == 3, in.memory(), in.mode64);
            case 4 -> new StoreStatusWord(in.rmOperand(2));
            case 6 -> new LoadStatusWord(in.rmOperand(2));
            case 7 -> new InvalidatePage(in.memory());
            default -> Undefined.OP;
        };
    }

    private static Op group7Registers(Instruction in) {
        return switch (in.modRmByte()) {
            case 0xca -> new AccessCheck(0);
            case 0xcb -> new AccessCheck(Flags.AC);
            case 0xd0, 0xd1 -> XsaveState.extendedControl(in.modRmByte() == 0xd1);
            case 0xf8 -> in.mode64 ? new SwapGs() : Undefined.OP;
            case 0xf9 -> ModelSpecific.readTimeStampAndProcessor();
            default ->
                    switch (in.extension()) {
                        case 4 -> new StoreStatusWord(in.rmOperand(in.operandBytes));
                        case 6 -> new LoadStatusWord(in.rmOperand(2));
                        default -> Undefined.OP;
                    };
        };
    }

    /** 0F AE: fences, CLFLUSH and the bases of FS and GS; the rest is floating point's. */
    static Op group15(Instruction in) throws Instruction.Truncated {
        in.modRm();
        if (!in.isRegister()) {
            boolean flush = in.extension() == 7 && in.repeat == Instruction.NO_REPEAT;
            return flush ? new Flush(in.rmOperand(1)) : Floating.group15(in);
        }
        if (in.repeat == Instruction.REP) {
            return in.mode64 && in.extension() < 4
                    ? new SegmentBase(in.extension(), in.rmOperand(in.operandBytes))
                    : Undefined.OP;
        }
        boolean fence = in.repeat == Instruction.NO_REPEAT && !in.operandPrefix;
        return fence && in.extension() >= 5 ? new Fence() : Undefined.OP;
    }

    private static final class Halt extends Op.Last {
        @Override
        void exec(X86Cpu cpu) {
            cpu.checkSupervisor();
            cpu.halted = true;
            cpu.endSlice();
        }
    }

    private static final class ClearTaskSwitched extends Op.Last {
        @Override
        void exec(X86Cpu cpu) {
            cpu.checkSupervisor();
            cpu.cr0 = ControlRegister.CR0_TS.clear(cpu.cr0);
        }
    }

    private static final class Cache extends Op {
        @Override
        void exec(X86Cpu cpu) {
            cpu.checkSupervisor();
        }
    }

    /** Faults as a load would. */
    private static final class Flush extends Op {
        private final Operand line;

        Flush(Operand line) {
            this.line = line;
        }

        @Override
        void exec(X86Cpu cpu) {
            line.read(cpu);
        }

        @Override
        boolean usesStack() {
            return line.isStack();
        }
    }

    /** LFENCE, MFENCE and SFENCE. */
    private static final class Fence extends Op {
        @Override
        void exec(X86Cpu cpu) {
            HostMemory.fullFence();
        }
    }

    /** SGDT and SIDT. */
    private static final class StoreTable extends Op {
        private final boolean interrupts;
        private final Address address;
        private final boolean mode64;

        StoreTable(boolean interrupts, Address address, boolean mode64) {
            this.interrupts = interrupts;
            this.address = address;
            this.mode64 = mode64;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.checkUserModeInstructionPrevention();
            SegmentRegisters segments = cpu.segments;
            long va = address.of(cpu);
            int bytes = mode64 ? 8 : 4;
            cpu.loadForUpdate(address.of(cpu, 2), bytes); // both parts or none
            cpu.store16(va, interrupts ? segments.idtLimit : segments.gdtLimit);
            cpu.store(address.of(cpu, 2), bytes, interrupts ? segments.idtBase : segments.gdtBase);
        }

        @Override
        boolean usesStack() {
            return address.stack;
        }
    }

    /** LGDT and LIDT. */
    private static final class LoadTable extends Op {
        private final boolean interrupts;
        private final Address address;
        private final boolean mode64;

        LoadTable(boolean interrupts, Address address, boolean mode64) {
            this.interrupts = interrupts;
            this.address = address;
            this.mode64 = mode64;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.checkSupervisor();
            int limit = (int) cpu.load16(address.of(cpu));
            long base = cpu.load(address.of(cpu, 2), mode64 ? 8 : 4);
            if (mode64) {
                cpu.checkTarget(base);
            }
            SegmentRegisters segments = cpu.segments;
            if (interrupts) {
                segments.idtLimit = limit;
                segments.idtBase = base;
            } else {
                segments.gdtLimit = limit;
                segments.gdtBase = base;
            }
        }

        @Override
        boolean usesStack() {
            return address.stack;
        }
    }

    /** SMSW. */
    private static final class StoreStatusWord extends Op {
        private final Operand destination;

        StoreStatusWord(Operand destination) {
            this.destination = destination;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.checkUserModeInstructionPrevention();
            destination.write(cpu, cpu.cr0);
        }

        @Override
        boolean usesStack() {
            return destination.isStack();
        }
    }

    /** LMSW: PE, MP, EM and TS; PE can only be set. */
    private static final class LoadStatusWord extends Op.Last {
        private static final long BITS = 0xf;
        private final Operand source;

        LoadStatusWord(Operand source) {
            this.source = source;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.checkSupervisor();
            long value = source.read(cpu) & BITS | cpu.cr0 & ControlRegister.CR0_PE.mask();
            ControlRegisterMoves.setCr0(cpu, cpu.cr0 & ~BITS | value);
        }

        @Override
        boolean usesStack() {
            return source.isStack();
        }
    }

    private static final class InvalidatePage extends Op.Last {
        private final Address address;

        InvalidatePage(Address address) {
            this.address = address;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.checkSupervisor();
            cpu.mmu.drop(address.of(cpu));
        }
    }

    /** CLAC and STAC. */
    private static final class AccessCheck extends Op {
        private final int value;

        AccessCheck(int value) {
            this.value = value;
        }

        @Override
        void exec(X86Cpu cpu) {
            if (cpu.cpl != 0) {
                throw cpu.raise(Vector.UD);
            }
            cpu.otherFlags = cpu.otherFlags & ~Flags.AC | value;
            cpu.mmu.modeChanged();
        }
    }

    private static final class SwapGs extends Op {
        private static final int GS_BASE = X86Cpu.SEGMENT_BASES + Segment.GS;

        @Override
        void exec(X86Cpu cpu) {
            cpu.checkSupervisor();
            long base = cpu.x[GS_BASE];
            cpu.setSegmentBase(Segment.GS, cpu.msrs.kernelGsBase);
            cpu.msrs.kernelGsBase = base;
        }
    }

    /** RDFSBASE, RDGSBASE, WRFSBASE and WRGSBASE. */
    private static final class SegmentBase extends Op {
        private final boolean write;
        private final int segment;
        private final Operand operand;

        SegmentBase(int extension, Operand operand) {
            write = extension >= 2;
            segment = (extension & 1) == 0 ? Segment.FS : Segment.GS;
            this.operand = operand;
        }

        @Override
        void exec(X86Cpu cpu) {
            if (!ControlRegister.CR4_FSGSBASE.isSet(cpu.cr4)) {
                throw cpu.raise(Vector.UD);
            }
            if (write) {
                long base = operand.readUnsigned(cpu);
                cpu.checkTarget(base);
                cpu.setSegmentBase(segment, base);
            } else {
                operand.write(cpu, cpu.x[X86Cpu.SEGMENT_BASES + segment]);
            }
        }
    }
}
