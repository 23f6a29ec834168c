package nestor.vtd;

import nestor.pci.AddressType;
import nestor.pci.Quiescence;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;
import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.RegisterFile;

/** A remapping hardware unit. */
public final class VtdUnit implements TranslationAgent {
    /** Size of the register frame. */
    public static final int REGISTER_BYTES = Registers.BYTES;

    private final DeviceLoop loop;
    private final RegisterFile registers;
    private final Quiescence quiescence;
    private final FaultLog faults;
    private final Translator translator;
    private final GlobalCommands commands;

    public VtdUnit(VtdOptions options, GuestMemory memory, DeviceLoop loop, MsiSink apic) {
        this.loop = loop;
        this.registers = new RegisterFile(Registers.BYTES, 4, Registers.of(options));
        this.quiescence = new Quiescence();
        EventInterrupt faultEvent =
                new EventInterrupt(
                        registers,
                        apic,
                        Registers.FECTL,
                        Registers.FEDATA,
                        Registers.FEADDR,
                        Registers.FEUADDR);
        this.faults = new FaultLog(registers, faultEvent);
        this.translator = new Translator(options, memory, faults);
        this.commands = new GlobalCommands(registers, translator, quiescence);
        registers.onRead(Registers.GCMD, () -> 0);
        registers.onWrite(Registers.GCMD, value -> loop.post(() -> commands.command(value)));
        registers.onWrite(Registers.FECTL, _ -> faultEvent.deliver());
        registers.onWrite(Registers.FSTS, _ -> faults.acknowledged());
        for (int n = 0; n < VtdOptions.FAULT_RECORDS; n++) {
            registers.onWrite(Registers.faultRecord(n), _ -> faults.acknowledged());
        }
    }

    /** The register frame. */
    public MmioRegion registers() {
        return registers;
    }

    @Override
    public Translation translate(Requester requester, AddressType type, long address, int access) {
        return type == AddressType.UNTRANSLATED
                ? translator.translate(requester, address, access)
                : translator.translated(requester, address, access);
    }

    @Override
    public long enterDma() {
        return quiescence.enter();
    }

    @Override
    public void exitDma(long ticket) {
        quiescence.exit(ticket);
    }
}
