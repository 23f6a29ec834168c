package nestor.cpu.x86;

import nestor.cpu.DebugUnit;

/**
 * Delivery of exceptions and interrupts through the IDT in long mode (3A §6.14). Outside long mode
 * nothing can be delivered, as if the IDT were empty: an exception there is a triple fault.
 */
final class InterruptTable implements Interpreter.ExceptionPort {
    private static final int GATE_BYTES = 16;
    private static final int ERROR_EXT = 1;
    private static final int ERROR_IDT = 2;
    private static final int TSS_RSP0 = 4;
    private static final int TSS_IST1 = 0x24;
    private static final int DR6_BS = 1 << 14;

    /** No exception is being delivered. */
    private static final int NONE = 0xff;

    private final X86Cpu cpu;

    /** Whether what is delivered is a fault: RFLAGS.RF is set in the frame (§6.8.3). */
    private boolean fault;

    /** From RIP to the RIP that is pushed. */
    private int advance;

    InterruptTable(X86Cpu cpu) {
        this.cpu = cpu;
    }

    @Override
    public void deliver(X86Exception e) {
        if (e.singleStep) {
            cpu.dr6 |= DR6_BS;
        }
        fault = !e.trap && !e.singleStep;
        advance = e.trap ? e.length : 0;
        unwatched(() -> deliver(e.vector, e.errorCode, e.faultAddress, e.software));
    }

    /** What the processor itself reads and pushes is not the debugger's business. */
    private void unwatched(Runnable delivery) {
        DebugUnit debug = cpu.debug;
        if (debug == null) {
            delivery.run();
            return;
        }
        boolean before = debug.mute();
        delivery.run();
        debug.unmute(before);
    }

    /** An external interrupt or NMI; it is unmasked. */
    void interrupt(int vector) {
        fault = false;
        advance = 0;
        unwatched(() -> {
            try {
                enter(vector, false, 0, false);
            } catch (X86Exception e) {
                deliverSecond(NONE, e);
            }
        });
    }

    private void deliver(int vector, int errorCode, long faultAddress, boolean software) {
        if (vector == Vector.PF) {
            cpu.cr2 = faultAddress;
        }
        try {
            enter(vector, Vector.hasErrorCode(vector) && !software, errorCode, software);
        } catch (X86Exception second) {
            if (vector == Vector.DF) {
                cpu.tripleFault();
            } else {
                deliverSecond(software ? NONE : vector, second);
            }
        }
    }

    /** An exception met while another was delivered (3A §6.15, interrupt 8). */
    private void deliverSecond(int first, X86Exception second) {
        fault = true;
        advance = 0;
        if (Vector.doubleFaults(first, second.vector)) {
            deliver(Vector.DF, 0, 0, false);
        } else {
            deliver(second.vector, second.errorCode, second.faultAddress, false);
        }
    }

    private void enter(int vector, boolean hasErrorCode, int errorCode, boolean software) {
        if (!ControlRegister.EFER_LMA.isSet(cpu.efer)) {
            throw cpu.generalProtection();
        }
        int external = software ? 0 : ERROR_EXT;
        int gateError = vector << 3 | ERROR_IDT | external;
        SegmentRegisters segments = cpu.segments;
        if (vector * GATE_BYTES + GATE_BYTES - 1 > segments.idtLimit) {
            throw cpu.raise(Vector.GP, gateError);
        }
        Regime regime = cpu.mmu.supervisor();
        long at = segments.idtBase + (long) vector * GATE_BYTES;
        long low = cpu.data.load(regime, at, 8);
        long offset =
                low & 0xffff | low >>> 32 & 0xffff_0000L | cpu.data.load(regime, at + 8, 4) << 32;
        int type = (int) (low >>> 40) & 0x1f;
        if (type != Descriptor.INTERRUPT_GATE && type != Descriptor.TRAP_GATE
                || software && (int) (low >>> 45 & 3) < cpu.cpl) {
            throw cpu.raise(Vector.GP, gateError);
        }
        if ((low >>> 47 & 1) == 0) {
            throw cpu.raise(Vector.NP, gateError);
        }
        Descriptor code = handler((int) (low >>> 16) & 0xffff, external);
        int level = code.isConforming() ? cpu.cpl : code.dpl();
        int ist = (int) (low >>> 32) & 7;
        if (!cpu.mmu.isCanonical(offset)) {
            throw cpu.raise(Vector.GP, external);
        }
        long rsp = stack(level, ist);
        pushFrame(rsp & -16, hasErrorCode, errorCode, level);
        segments.setCode(code.selectedBy(code.selector() & ~3 | level));
        cpu.x[X86Cpu.RIP] = offset;
        cpu.otherFlags &= ~(Flags.TF | Flags.NT | Flags.RF | Flags.VM);
        if (type == Descriptor.INTERRUPT_GATE) {
            cpu.otherFlags &= ~Flags.IF;
        }
    }

    private Descriptor handler(int selector, int external) {
        if (SegmentRegisters.isNull(selector)) {
            throw cpu.raise(Vector.GP, external);
        }
        Descriptor code = Descriptor.of(selector, cpu.segments.read(selector, Vector.GP));
        if (!code.isLong() || code.isDefault32() || code.dpl() > cpu.cpl) {
            throw cpu.raise(Vector.GP, selector & ~3 | external);
        }
        if (!code.isPresent()) {
            throw cpu.raise(Vector.NP, selector & ~3 | external);
        }
        return code;
    }

    /** §6.14.4 and §6.14.5: from the TSS, if the gate says so or the level changes. */
    private long stack(int level, int ist) {
        if (ist == 0 && level == cpu.cpl) {
            return cpu.x[X86Cpu.RSP];
        }
        Descriptor tss = cpu.segments.task;
        int offset = ist != 0 ? TSS_IST1 + 8 * (ist - 1) : TSS_RSP0 + 8 * level;
        if (offset + 7 > tss.limit()) {
            throw cpu.raise(Vector.TS, tss.selector() & ~3);
        }
        long rsp = cpu.data.load(cpu.mmu.supervisor(), tss.base() + offset, 8);
        if (!cpu.mmu.isCanonical(rsp)) {
            throw cpu.raise(Vector.SS);
        }
        return rsp;
    }

    private void pushFrame(long top, boolean hasErrorCode, int errorCode, int level) {
        SegmentRegisters segments = cpu.segments;
        int image = Flags.image(cpu) | (fault ? Flags.RF : 0);
        Regime regime = level == 3 ? cpu.mmu.current() : cpu.mmu.supervisor();
        long rsp = top;
        rsp = push(regime, rsp, segments.get(Segment.SS).selector());
        rsp = push(regime, rsp, cpu.x[X86Cpu.RSP]);
        rsp = push(regime, rsp, image);
        rsp = push(regime, rsp, segments.get(Segment.CS).selector());
        rsp = push(regime, rsp, cpu.x[X86Cpu.RIP] + advance);
        if (hasErrorCode) {
            rsp = push(regime, rsp, errorCode);
        }
        if (level != cpu.cpl) {
            segments.set(Segment.SS, Descriptor.NULL.selectedBy(level));
        }
        cpu.x[X86Cpu.RSP] = rsp;
    }

    private long push(Regime regime, long rsp, long value) {
        cpu.data.store(regime, rsp - 8, 8, value);
        return rsp - 8;
    }
}
