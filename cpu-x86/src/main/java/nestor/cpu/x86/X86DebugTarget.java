package nestor.cpu.x86;

import java.util.OptionalLong;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;
import nestor.cpu.DebugUnit;
import nestor.cpu.SoftwareDebugPort;
import nestor.vmm.vcpu.DebugPort;
import nestor.vmm.vcpu.DebugPort.Architecture;
import nestor.vmm.vcpu.DebugPort.Group;
import nestor.vmm.vcpu.DebugRegisters;

/**
 * What a debugger sees of one x86 vCPU. Selectors, control registers and what the x87 notes of its
 * last instruction can only be read.
 */
final class X86DebugTarget implements SoftwareDebugPort.Target {
    private static final String[] GENERAL = {
        "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12",
        "r13", "r14", "r15"
    };

    /** Where the first eight of {@link #GENERAL} are. */
    private static final int[] ENCODED = {
        X86Cpu.RAX,
        X86Cpu.RBX,
        X86Cpu.RCX,
        X86Cpu.RDX,
        X86Cpu.RSI,
        X86Cpu.RDI,
        X86Cpu.RBP,
        X86Cpu.RSP
    };

    /** What of MXCSR exists. */
    private static final int MXCSR_BITS = 0xffff;

    private static final String[] SELECTORS = {"cs", "ss", "ds", "es", "fs", "gs"};
    private static final int[] SEGMENTS = {
        Segment.CS, Segment.SS, Segment.DS, Segment.ES, Segment.FS, Segment.GS
    };

    private final X86Cpu cpu;
    private final DebugRegisters registers = new DebugRegisters();

    /** The port of a vCPU, without traps. */
    static DebugPort port(X86Cpu cpu) {
        X86DebugTarget target = new X86DebugTarget(cpu);
        return new SoftwareDebugPort(target, target.registers);
    }

    private X86DebugTarget(X86Cpu cpu) {
        this.cpu = cpu;
        addGeneral();
        addX87();
        addVector();
        registers.add("fs_base", 64, Group.SEGMENT, base(Segment.FS), setBase(Segment.FS));
        registers.add("gs_base", 64, Group.SEGMENT, base(Segment.GS), setBase(Segment.GS));
        registers.addReadOnly("k_gs_base", 64, Group.SYSTEM, () -> cpu.msrs.kernelGsBase);
        registers.addReadOnly("cr0", 64, Group.SYSTEM, () -> cpu.cr0);
        registers.addReadOnly("cr2", 64, Group.SYSTEM, () -> cpu.cr2);
        registers.addReadOnly("cr3", 64, Group.SYSTEM, () -> cpu.cr3);
        registers.addReadOnly("cr4", 64, Group.SYSTEM, () -> cpu.cr4);
        registers.addReadOnly("efer", 64, Group.SYSTEM, () -> cpu.efer);
    }

    private void addGeneral() {
        for (int i = 0; i < GENERAL.length; i++) {
            int index = i < ENCODED.length ? ENCODED[i] : i;
            registers.add(
                    GENERAL[i], 64, Group.CORE, () -> cpu.x[index], value -> cpu.x[index] = value);
        }
        registers.add(
                "rip", 64, Group.CORE, () -> cpu.x[X86Cpu.RIP], value -> cpu.x[X86Cpu.RIP] = value);
        registers.add(
                "eflags",
                32,
                Group.CORE,
                () -> Flags.image(cpu),
                value -> cpu.replaceFlags((int) value, Flags.WRITABLE));
        for (int i = 0; i < SELECTORS.length; i++) {
            int segment = SEGMENTS[i];
            registers.addReadOnly(
                    SELECTORS[i], 32, Group.CORE, () -> cpu.segments.get(segment).selector());
        }
    }

    private void addX87() {
        for (int i = 0; i < 8; i++) {
            int stack = i;
            registers.add(
                    "st" + i,
                    80,
                    Group.CORE,
                    () -> X87Registers.significand(cpu, stack),
                    value -> setX87(stack, X87Registers.signExponent(cpu, stack), value),
                    () -> X87Registers.signExponent(cpu, stack),
                    value ->
                            setX87(
                                    stack,
                                    (int) value & 0xffff,
                                    X87Registers.significand(cpu, stack)));
        }
        registers.add(
                "fctrl",
                32,
                Group.CORE,
                () -> cpu.x87.control,
                value -> cpu.x87.setControl((int) value));
        registers.add(
                "fstat",
                32,
                Group.CORE,
                cpu.x87::statusWord,
                value -> cpu.x87.setStatusWord((int) value));
        registers.addReadOnly("ftag", 32, Group.CORE, this::tags);
        for (String name : new String[] {"fiseg", "fioff", "foseg", "fooff", "fop"}) {
            registers.addReadOnly(name, 32, Group.CORE, () -> 0);
        }
    }

    private void setX87(int stack, int signExponent, long significand) {
        int empty = cpu.x87.empty;
        X87Registers.setRaw(cpu, stack, signExponent, significand);
        cpu.x87.empty = empty;
    }

    /** The tag word of FNSTENV, as far as empty or not. */
    private long tags() {
        long tags = 0;
        for (int i = 0; i < 8; i++) {
            tags |= (cpu.x87.empty >>> i & 1) * 0b11L << 2 * i;
        }
        return tags;
    }

    private void addVector() {
        for (int i = 0; i < 16; i++) {
            registers.add("xmm" + i, 128, Group.VECTOR, cpu.vector, 2 * i);
        }
        registers.add(
                "mxcsr",
                32,
                Group.VECTOR,
                () -> cpu.mxcsr,
                value -> cpu.mxcsr = (int) value & MXCSR_BITS);
    }

    private LongSupplier base(int segment) {
        return () -> cpu.x[X86Cpu.SEGMENT_BASES + segment];
    }

    private LongConsumer setBase(int segment) {
        return value -> cpu.setSegmentBase(segment, value);
    }

    @Override
    public Architecture architecture() {
        return Architecture.X86_64;
    }

    @Override
    public long programCounter() {
        return cpu.x[X86Cpu.RIP];
    }

    @Override
    public OptionalLong translate(long va) {
        return cpu.mmu.probe(va);
    }

    @Override
    public DebugUnit attach() {
        DebugUnit unit = new DebugUnit(false);
        cpu.debug = unit;
        return unit;
    }

    @Override
    public void forgetCached() {
        cpu.mmu.flushAll();
    }
}
