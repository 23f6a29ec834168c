package nestor.vtd;

import nestor.pci.Quiescence;
import nestor.vmm.register.BitField;
import nestor.vmm.register.RegisterFile;
import nestor.vtd.Registers.Global;
import nestor.vtd.Registers.RootTableAddress;
import nestor.vtd.config.RootTable;

/**
 * GCMD_REG and its echo in GSTS_REG (§11.4.4): TE, QIE, IRE and CFI are levels, SRTP and SIRTP are
 * done once for each write. A command's status shows when no DMA runs under the old settings. Loop
 * only.
 */
final class GlobalCommands {
    private final RegisterFile registers;
    private final Translator translator;
    private final Quiescence quiescence;

    GlobalCommands(RegisterFile registers, Translator translator, Quiescence quiescence) {
        this.registers = registers;
        this.translator = translator;
        this.quiescence = quiescence;
    }

    /** Software wrote {@code value}. */
    void command(long value) {
        if (Global.SRTP.isSet(value)) {
            once(Global.SRTP, this::latchRootTable);
        }
        if (Global.TE.isSet(value) != translator.settings().enabled()) {
            translator.enable(Global.TE.isSet(value));
            show(Global.TE, Global.TE.isSet(value));
        }
    }

    private void once(BitField command, Runnable latch) {
        registers.update(Registers.GSTS, command::clear);
        latch.run();
        show(command, true);
    }

    private void show(BitField status, boolean set) {
        quiescence.whenQuiescent(() ->
                registers.update(
                        Registers.GSTS, value -> set ? status.setAll(value) : status.clear(value)));
    }

    private void latchRootTable() {
        long value = registers.get(Registers.RTADDR);
        translator.root(
                new RootTable(
                        RootTableAddress.RTA.getInPlace(value),
                        RootTableAddress.TTM.getInt(value)));
    }
}
