package nestor.cpu.arm64;

/** Decoder of exception generation and system instructions (§C4.1.66). */
final class SystemInstructions {
    private static final int ERET = 0xd69f_03e0;

    private SystemInstructions() {}

    static Op decode(int instruction, int offset) {
        if (instruction == ERET) {
            return new SystemOps.ExceptionReturn();
        }
        if (instruction >>> 24 == 0b1101_0100) {
            return exceptionGeneration(instruction, offset);
        }
        if (instruction >>> 22 != 0b1101_0101_00) {
            return Undefined.OP;
        }
        boolean read = (instruction >>> 21 & 1) != 0;
        int op0 = instruction >>> 19 & 3;
        if (op0 >= 2) {
            return registerMove(instruction, offset, read);
        }
        if (read) {
            return Undefined.OP; // SYSL: none without implementation-defined instructions
        }
        return op0 == 1
                ? MaintenanceOps.decode(instruction, offset)
                : hintsBarriersPstate(instruction, offset);
    }

    private static Op exceptionGeneration(int instruction, int offset) {
        int immediate = instruction >>> 5 & 0xffff;
        int key = (instruction >>> 21 & 7) << 5 | instruction & 0x1f;
        return switch (key) {
            case 0b000_00001 -> new SystemOps.SupervisorCall(immediate, offset);
            case 0b000_00010 -> immediate == 0 ? new SystemOps.Hypercall(offset) : Undefined.OP;
            case 0b001_00000 -> new SystemOps.Breakpoint(immediate);
            // SMC without EL3, HLT and DCPS without halting debug are UNDEFINED.
            default -> Undefined.OP;
        };
    }

    private static Op registerMove(int instruction, int offset, boolean read) {
        int encoding = instruction >>> 5 & 0xffff;
        int t = instruction & 0x1f;
        SystemRegister register = SystemRegisters.find(encoding);
        if (register == null) {
            return read
                    ? new SystemOps.ReadExternal(encoding, t)
                    : new SystemOps.WriteExternal(encoding, t, offset);
        }
        if (read) {
            int d = t == 31 ? Arm64Cpu.SINK : t;
            if (register.reader() == null) {
                return Undefined.OP;
            }
            return register.slot() >= 0 && !register.userRead()
                    ? new SystemOps.ReadStored(register.slot(), d)
                    : new SystemOps.Read(register, d, Syndrome.systemRegister(instruction));
        }
        if (register.writer() == null) {
            return Undefined.OP;
        }
        return register.writeMask() != 0 && !register.userRead()
                ? new SystemOps.WriteStored(register.slot(), register.writeMask(), t)
                : new SystemOps.Write(register, t, offset, Syndrome.systemRegister(instruction));
    }

    private static Op hintsBarriersPstate(int instruction, int offset) {
        int op1 = instruction >>> 16 & 7;
        int crn = instruction >>> 12 & 0xf;
        int rt = instruction & 0x1f;
        if (rt != 31) {
            return Undefined.OP;
        }
        if (crn == 4) {
            return pstate(instruction, offset, op1);
        }
        if (op1 != 3) {
            return Undefined.OP;
        }
        return switch (crn) {
            case 2 -> hint(instruction, offset);
            case 3 -> barrier(instruction, offset);
            default -> Undefined.OP;
        };
    }

    private static Op hint(int instruction, int offset) {
        return switch (instruction >>> 5 & 0x7f) {
            case 1 -> new SystemOps.Yield(offset);
            case 2 -> new SystemOps.WaitForEvent(offset);
            case 3 -> new SystemOps.WaitForInterrupt(offset);
            default -> SystemOps.Nop.OP;
        };
    }

    private static Op barrier(int instruction, int offset) {
        int crm = instruction >>> 8 & 0xf;
        return switch (instruction >>> 5 & 7) {
            case 2 -> SystemOps.ClearExclusive.OP;
            case 4, 5 -> barrierOf(crm);
            case 6 -> new SystemOps.Synchronize(offset);
            case 7 -> crm == 0 ? new SystemOps.Synchronize(offset) : Undefined.OP;
            default -> Undefined.OP;
        };
    }

    /** CRm[1:0]: which accesses the barrier orders (§C6.2.103). */
    private static Op barrierOf(int crm) {
        return switch (crm & 3) {
            case 1 -> SystemOps.LoadBarrier.OP;
            case 2 -> SystemOps.StoreBarrier.OP;
            default -> SystemOps.FullBarrier.OP;
        };
    }

    private static Op pstate(int instruction, int offset, int op1) {
        int immediate = instruction >>> 8 & 0xf;
        return switch (op1 << 3 | instruction >>> 5 & 7) {
            case 0b000_100 -> new SystemOps.SetPan(immediate, offset);
            case 0b000_101 -> new SystemOps.SetStackPointer(immediate, offset);
            case 0b011_110 ->
                    new SystemOps.MaskInterrupts(immediate, Syndrome.systemRegister(instruction));
            case 0b011_111 ->
                    new SystemOps.UnmaskInterrupts(
                            immediate, offset, Syndrome.systemRegister(instruction));
            default -> Undefined.OP;
        };
    }
}
