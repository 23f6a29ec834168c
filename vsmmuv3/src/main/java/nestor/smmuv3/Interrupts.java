package nestor.smmuv3;

import nestor.smmuv3.Registers.GlobalError;
import nestor.smmuv3.Registers.IrqControl;
import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;

/**
 * How the SMMU interrupts (IHI 0070, §3.18): by message if one is configured, else by a pulse of
 * the source's wire; and the global errors, which are toggled until software toggles back (§6.3.18,
 * §7.5). Any thread, no lock held.
 */
final class Interrupts {
    private final RegisterFile registers;
    private final SmmuV3.Wires wires;
    private final MemoryWriter messages;

    Interrupts(RegisterFile registers, SmmuV3.Wires wires, MemoryWriter messages) {
        this.registers = registers;
        this.wires = wires;
        this.messages = messages;
    }

    void eventQueue() {
        if (isEnabled(IrqControl.EVENTQ)) {
            signal(
                    Registers.EVENTQ_IRQ_CFG0,
                    Registers.EVENTQ_IRQ_CFG1,
                    wires.eventQueue(),
                    GlobalError.MSI_EVENTQ_ABT_ERR);
        }
    }

    void priQueue() {
        if (isEnabled(IrqControl.PRIQ)) {
            signal(
                    Registers.PRIQ_IRQ_CFG0,
                    Registers.PRIQ_IRQ_CFG1,
                    wires.priQueue(),
                    GlobalError.MSI_PRIQ_ABT_ERR);
        }
    }

    /** CMD_SYNC with CS = 1: a message of the command's own, and the wire. */
    void sync(long msiAddress, int msiData) {
        pulse(wires.commandSync());
        if (msiAddress != 0 && !messages.write(msiAddress, msiData)) {
            error(GlobalError.MSI_CMDQ_ABT_ERR);
        }
    }

    /** Activates a global error, unless it is active already. */
    void error(BitField which) {
        boolean activated = activate(which);
        if (activated
                && isEnabled(IrqControl.GERROR)
                && !which.equals(GlobalError.MSI_GERROR_ABT_ERR)) {
            signal(
                    Registers.GERROR_IRQ_CFG0,
                    Registers.GERROR_IRQ_CFG1,
                    wires.globalError(),
                    GlobalError.MSI_GERROR_ABT_ERR);
        }
    }

    private boolean activate(BitField which) {
        boolean[] activated = new boolean[1];
        registers.update(
                Registers.GERROR,
                value -> {
                    activated[0] = which.isSet(value) == acknowledged(which);
                    return activated[0] ? value ^ which.mask() : value;
                });
        return activated[0];
    }

    private boolean acknowledged(BitField which) {
        return which.isSet(registers.get(Registers.GERRORN));
    }

    /** Whether software has yet to acknowledge {@code which}. */
    boolean isActive(BitField which) {
        return which.isSet(registers.get(Registers.GERROR)) != acknowledged(which);
    }

    private boolean isEnabled(BitField source) {
        return source.isSet(registers.get(Registers.IRQ_CTRLACK));
    }

    private void signal(Register address, Register data, IrqLine wire, BitField aborted) {
        long to = registers.get(address);
        if (to == 0) {
            pulse(wire);
        } else if (!messages.write(to, (int) registers.get(data))) {
            error(aborted);
        }
    }

    private static void pulse(IrqLine wire) {
        wire.set(true);
        wire.set(false);
    }
}
