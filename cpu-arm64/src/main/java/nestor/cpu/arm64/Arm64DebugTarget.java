package nestor.cpu.arm64;

import java.util.Map;
import java.util.OptionalLong;
import nestor.cpu.DebugUnit;
import nestor.cpu.SoftwareDebugPort;
import nestor.vmm.vcpu.DebugPort;
import nestor.vmm.vcpu.DebugPort.Architecture;
import nestor.vmm.vcpu.DebugPort.Group;
import nestor.vmm.vcpu.DebugRegisters;

/**
 * What a debugger sees of one A64 vCPU. System registers are those that tell where the guest is;
 * they can only be read.
 */
final class Arm64DebugTarget implements SoftwareDebugPort.Target {
    private static final int VECTORS = 32;

    /** Registers of the system that debuggers show, in their order. */
    private static final Map<String, Integer> SYSTEM_SLOTS =
            Map.ofEntries(
                    Map.entry("SCTLR_EL1", Slot.SCTLR),
                    Map.entry("TTBR0_EL1", Slot.TTBR0),
                    Map.entry("TTBR1_EL1", Slot.TTBR1),
                    Map.entry("TCR_EL1", Slot.TCR),
                    Map.entry("MAIR_EL1", Slot.MAIR),
                    Map.entry("VBAR_EL1", Slot.VBAR),
                    Map.entry("ESR_EL1", Slot.ESR),
                    Map.entry("FAR_EL1", Slot.FAR),
                    Map.entry("ELR_EL1", Slot.ELR),
                    Map.entry("SPSR_EL1", Slot.SPSR),
                    Map.entry("CONTEXTIDR_EL1", Slot.CONTEXTIDR),
                    Map.entry("TPIDR_EL1", Slot.TPIDR_EL1),
                    Map.entry("TPIDR_EL0", Slot.TPIDR_EL0));

    private final Arm64Cpu cpu;
    private final DebugRegisters registers = new DebugRegisters();

    /** The port of a vCPU, without traps. */
    static DebugPort port(Arm64Cpu cpu) {
        Arm64DebugTarget target = new Arm64DebugTarget(cpu);
        return new SoftwareDebugPort(target, target.registers);
    }

    private Arm64DebugTarget(Arm64Cpu cpu) {
        this.cpu = cpu;
        for (int i = 0; i <= 30; i++) {
            int index = i;
            registers.add(
                    "x" + i, 64, Group.CORE, () -> cpu.x[index], value -> cpu.x[index] = value);
        }
        registers.add(
                "sp",
                64,
                Group.CORE,
                () -> cpu.x[Arm64Cpu.SP],
                value -> cpu.x[Arm64Cpu.SP] = value);
        registers.add("pc", 64, Group.CORE, () -> cpu.pc, value -> cpu.pc = value);
        registers.add(
                "cpsr", 32, Group.CORE, () -> Pstate.get(cpu), value -> Pstate.set(cpu, value));
        for (int i = 0; i < VECTORS; i++) {
            registers.add("v" + i, 128, Group.VECTOR, cpu.v, 2 * i);
        }
        registers.add("fpsr", 32, Group.VECTOR, () -> cpu.fpsr, value -> cpu.fpsr = value);
        registers.add("fpcr", 32, Group.VECTOR, () -> cpu.fpcr, value -> cpu.fpcr = value);
        SYSTEM_SLOTS.entrySet().stream()
                .sorted(Map.Entry.comparingByValue())
                .forEach(entry ->
                        registers.addReadOnly(
                                entry.getKey(),
                                64,
                                Group.SYSTEM,
                                () -> cpu.system[entry.getValue()]));
    }

    @Override
    public Architecture architecture() {
        return Architecture.A64;
    }

    @Override
    public long programCounter() {
        return cpu.pc;
    }

    @Override
    public OptionalLong translate(long va) {
        return cpu.mmu.probe(va);
    }

    @Override
    public DebugUnit attach() {
        DebugUnit unit = new DebugUnit(true);
        cpu.debug = unit;
        return unit;
    }

    @Override
    public void forgetCached() {
        cpu.mmu.flushAll();
        cpu.mmu.flushJumps();
    }
}
