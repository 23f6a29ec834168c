package nestor.vtd;

import nestor.pci.Quiescence;
import nestor.vmm.register.BitField;
import nestor.vmm.register.RegisterFile;
import nestor.vtd.Registers.Global;
import nestor.vtd.Registers.InterruptTable;
import nestor.vtd.Registers.RootTableAddress;
import nestor.vtd.config.RootTable;

/**
 * GCMD_REG and its echo in GSTS_REG (§11.4.4): TE, QIE, IRE and CFI are levels, SRTP and SIRTP are
 * done once for each write. A command's status shows when no DMA runs under the old settings. Loop
 * only.
 */
final class GlobalCommands {
    private final VtdOptions options;
    private final RegisterFile registers;
    private final Translator translator;
    private final InvalidationQueue queue;
    private final InterruptRemapper remapper;
    private final PasidBindings bindings;
    private final Quiescence quiescence;

    GlobalCommands(
            VtdOptions options,
            RegisterFile registers,
            Translator translator,
            InvalidationQueue queue,
            InterruptRemapper remapper,
            PasidBindings bindings,
            Quiescence quiescence) {
        this.options = options;
        this.registers = registers;
        this.translator = translator;
        this.queue = queue;
        this.remapper = remapper;
        this.bindings = bindings;
        this.quiescence = quiescence;
    }

    private boolean isShown(BitField status) {
        return status.isSet(registers.get(Registers.GSTS));
    }

    /** Software wrote {@code value}. */
    void command(long value) {
        if (Global.SRTP.isSet(value)) {
            once(Global.SRTP, this::latchRootTable);
        }
        if (Global.TE.isSet(value) != translator.settings().enabled()) {
            translator.enable(Global.TE.isSet(value));
            bindings.reconcile(_ -> true);
            show(Global.TE, Global.TE.isSet(value));
        }
        if (Global.QIE.isSet(value) != isShown(Global.QIE)) {
            enableQueue(Global.QIE.isSet(value));
        }
        if (options.has(VtdProperty.INTERRUPT_REMAPPING)) {
            remappingCommand(value);
        }
    }

    /** Descriptors that were put into the queue before it was enabled are served too. */
    private void enableQueue(boolean enabled) {
        queue.disable();
        registers.update(
                Registers.GSTS,
                status -> enabled ? Global.QIE.setAll(status) : Global.QIE.clear(status));
        if (enabled) {
            queue.serve();
        }
    }

    private void remappingCommand(long value) {
        if (Global.SIRTP.isSet(value)) {
            once(Global.SIRTP, this::latchInterruptTable);
        }
        if (Global.IRE.isSet(value) != remapper.settings().enabled()) {
            remapper.enable(Global.IRE.isSet(value));
            show(Global.IRE, Global.IRE.isSet(value));
        }
        if (Global.CFI.isSet(value) != remapper.settings().compatibility()) {
            remapper.compatibility(Global.CFI.isSet(value));
            show(Global.CFI, Global.CFI.isSet(value));
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

    private void latchInterruptTable() {
        long value = registers.get(Registers.IRTA);
        remapper.table(
                InterruptTable.IRTA.getInPlace(value),
                InterruptTable.EIME.isSet(value),
                2 << InterruptTable.S.getInt(value));
    }

    private void latchRootTable() {
        long value = registers.get(Registers.RTADDR);
        translator.root(
                new RootTable(
                        RootTableAddress.RTA.getInPlace(value),
                        RootTableAddress.TTM.getInt(value)));
        bindings.reconcile(_ -> true);
        bindings.invalidateAll();
        bindings.flush();
    }
}
