package nestor.cpu.x86;

/** Instructions that load, store and examine segment registers, LDTR and TR. */
final class SegmentOps {
    private SegmentOps() {}

    /** 06, 07, 0E, 16, 17, 1E and 1F outside 64-bit mode: PUSH and POP; not the BCD adjusts. */
    static Op legacy(Instruction in) {
        int segment = in.opcode >>> 3 & 3;
        if (in.opcode >= 0x20 || in.opcode == 0x0f) {
            return Undefined.OP;
        }
        return (in.opcode & 1) == 0
                ? new Push(segment, in.stackBytes())
                : new Pop(segment, in.stackBytes());
    }

    /** 0F A0, A1, A8 and A9. */
    static Op pushOrPop(Instruction in) {
        int segment = in.opcode < 0xa8 ? Segment.FS : Segment.GS;
        return (in.opcode & 1) == 0
                ? new Push(segment, in.stackBytes())
                : new Pop(segment, in.stackBytes());
    }

    /** 8C. */
    static Op store(Instruction in) throws Instruction.Truncated {
        in.modRm();
        if (in.extension() >= Segment.COUNT) {
            return Undefined.OP;
        }
        return new Store(in.extension(), in.rmOperand(in.isRegister() ? in.operandBytes : 2));
    }

    /** 8E. */
    static Op load(Instruction in) throws Instruction.Truncated {
        in.modRm();
        int segment = in.extension();
        return segment == Segment.CS || segment >= Segment.COUNT
                ? Undefined.OP
                : new Load(segment, in.rmOperand(2));
    }

    /** 0F B2, B4 and B5. */
    static Op loadFar(Instruction in) throws Instruction.Truncated {
        in.modRm();
        if (in.isRegister()) {
            return Undefined.OP;
        }
        int segment =
                switch (in.opcode) {
                    case 0xb2 -> Segment.SS;
                    case 0xb4 -> Segment.FS;
                    default -> Segment.GS;
                };
        return new LoadFar(segment, in.regOperand(in.operandBytes), in.memory());
    }

    /** 0F 00. */
    static Op group6(Instruction in) throws Instruction.Truncated {
        in.modRm();
        Operand operand = in.rmOperand(2);
        return switch (in.extension()) {
            case 0, 1 ->
                    new StoreSystem(
                            in.extension() == 1,
                            in.rmOperand(in.isRegister() ? in.operandBytes : 2));
            case 2, 3 -> new LoadSystem(in.extension() == 3, operand);
            case 4, 5 -> new Verify(in.extension() == 5, operand);
            default -> Undefined.OP;
        };
    }

    /** 0F 02 and 03: LAR and LSL. */
    static Op rightsOrLimit(Instruction in) throws Instruction.Truncated {
        in.modRm();
        return new RightsOrLimit(
                in.opcode == 0x03, in.regOperand(in.operandBytes), in.rmOperand(2));
    }

    private static int selector(X86Cpu cpu, Operand operand) {
        return (int) operand.read(cpu) & 0xffff;
    }

    private static final class Push extends Op {
        private final int segment;
        private final int bytes;

        Push(int segment, int bytes) {
            this.segment = segment;
            this.bytes = bytes;
        }

        @Override
        void exec(X86Cpu cpu) {
            Stack.push(cpu, bytes, cpu.segments.get(segment).selector());
        }

        @Override
        boolean usesStack() {
            return true;
        }
    }

    private static final class Pop extends Op.Last {
        private final int segment;
        private final int bytes;

        Pop(int segment, int bytes) {
            this.segment = segment;
            this.bytes = bytes;
        }

        @Override
        void exec(X86Cpu cpu) {
            long before = cpu.x[X86Cpu.RSP];
            long value = Stack.pop(cpu, bytes);
            try {
                cpu.segments.load(segment, (int) value & 0xffff);
            } catch (X86Exception e) {
                cpu.x[X86Cpu.RSP] = before;
                throw e;
            }
        }

        @Override
        boolean usesStack() {
            return true;
        }
    }

    private static final class Store extends Op {
        private final int segment;
        private final Operand destination;

        Store(int segment, Operand destination) {
            this.segment = segment;
            this.destination = destination;
        }

        @Override
        void exec(X86Cpu cpu) {
            destination.write(cpu, cpu.segments.get(segment).selector());
        }

        @Override
        boolean usesStack() {
            return destination.isStack();
        }
    }

    private static final class Load extends Op.Last {
        private final int segment;
        private final Operand source;

        Load(int segment, Operand source) {
            this.segment = segment;
            this.source = source;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.segments.load(segment, selector(cpu, source));
        }

        @Override
        boolean usesStack() {
            return source.isStack();
        }
    }

    private static final class LoadFar extends Op.Last {
        private final int segment;
        private final Operand destination;
        private final Address address;

        LoadFar(int segment, Operand destination, Address address) {
            this.segment = segment;
            this.destination = destination;
            this.address = address;
        }

        @Override
        void exec(X86Cpu cpu) {
            long offset = cpu.load(address.of(cpu), destination.bytes);
            long selector = cpu.load(address.of(cpu, destination.bytes), 2);
            cpu.segments.load(segment, (int) selector);
            destination.write(cpu, offset);
        }

        @Override
        boolean usesStack() {
            return address.stack;
        }
    }

    /** SLDT and STR. */
    private static final class StoreSystem extends Op {
        private final boolean task;
        private final Operand destination;

        StoreSystem(boolean task, Operand destination) {
            this.task = task;
            this.destination = destination;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.checkUserModeInstructionPrevention();
            SegmentRegisters segments = cpu.segments;
            destination.write(cpu, (task ? segments.task : segments.ldt).selector());
        }

        @Override
        boolean usesStack() {
            return destination.isStack();
        }
    }

    /** LLDT and LTR. */
    private static final class LoadSystem extends Op {
        private final boolean task;
        private final Operand source;

        LoadSystem(boolean task, Operand source) {
            this.task = task;
            this.source = source;
        }

        @Override
        void exec(X86Cpu cpu) {
            cpu.checkSupervisor();
            SegmentRegisters segments = cpu.segments;
            int selector = selector(cpu, source);
            if (SegmentRegisters.isNull(selector) && !task) {
                segments.ldt = Descriptor.NULL;
                return;
            }
            if (SegmentRegisters.isNull(selector)) {
                throw cpu.generalProtection();
            }
            if ((selector & 4) != 0) {
                throw segments.fault(Vector.GP, selector);
            }
            long raw = segments.read(selector, Vector.GP);
            Descriptor descriptor = Descriptor.of(selector, raw);
            int wanted = task ? Descriptor.TSS_AVAILABLE : Descriptor.LDT;
            if (!descriptor.isSystem() || descriptor.systemType() != wanted) {
                throw segments.fault(Vector.GP, selector);
            }
            if (!descriptor.isPresent()) {
                throw segments.fault(Vector.NP, selector);
            }
            if (ControlRegister.EFER_LMA.isSet(cpu.efer)) {
                descriptor = descriptor.extended(segments.readUpper(selector, Vector.GP));
            }
            if (task) {
                segments.update(selector, raw, Descriptor.busy(raw));
                segments.task = descriptor;
            } else {
                segments.ldt = descriptor;
            }
        }

        @Override
        boolean usesStack() {
            return source.isStack();
        }
    }

    /** The descriptor that LAR, LSL, VERR and VERW examine, or none: they do not fault. */
    private static Descriptor examined(X86Cpu cpu, int selector) {
        if (SegmentRegisters.isNull(selector)) {
            return Descriptor.NULL;
        }
        try {
            return Descriptor.of(selector, cpu.segments.read(selector, Vector.GP));
        } catch (X86Exception e) {
            if (e.vector == Vector.PF) {
                throw e;
            }
            return Descriptor.NULL;
        }
    }

    private static boolean isVisible(X86Cpu cpu, Descriptor descriptor) {
        int level = Math.max(cpu.cpl, descriptor.selector() & 3);
        return descriptor.isConforming() || descriptor.dpl() >= level;
    }

    /** VERR and VERW. */
    private static final class Verify extends Op {
        private final boolean write;
        private final Operand source;

        Verify(boolean write, Operand source) {
            this.write = write;
            this.source = source;
        }

        @Override
        void exec(X86Cpu cpu) {
            Descriptor descriptor = examined(cpu, selector(cpu, source));
            boolean can = write ? descriptor.isWritableData() : descriptor.isReadable();
            boolean none = SegmentRegisters.isNull(descriptor.selector());
            Flags.setZero(cpu, !none && can && isVisible(cpu, descriptor));
        }

        @Override
        boolean usesStack() {
            return source.isStack();
        }
    }

    private static final class RightsOrLimit extends Op {
        private final boolean limit;
        private final Operand destination;
        private final Operand source;

        RightsOrLimit(boolean limit, Operand destination, Operand source) {
            this.limit = limit;
            this.destination = destination;
            this.source = source;
        }

        @Override
        void exec(X86Cpu cpu) {
            Descriptor descriptor = examined(cpu, selector(cpu, source));
            boolean found =
                    !SegmentRegisters.isNull(descriptor.selector())
                            && isKind(descriptor)
                            && isVisible(cpu, descriptor);
            if (found) {
                destination.write(cpu, limit ? descriptor.limit() : descriptor.accessRights());
            }
            Flags.setZero(cpu, found);
        }

        private boolean isKind(Descriptor descriptor) {
            if (!descriptor.isSystem()) {
                return true;
            }
            return switch (descriptor.systemType()) {
                case Descriptor.LDT, Descriptor.TSS_AVAILABLE, Descriptor.TSS_BUSY -> true;
                case Descriptor.CALL_GATE -> !limit;
                default -> false;
            };
        }

        @Override
        boolean usesStack() {
            return source.isStack();
        }
    }
}
