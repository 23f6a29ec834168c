package nestor.machine.gic;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.List;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;

/**
 * One vCPU's Redistributor (§12.10, §12.11): RD_base and SGI_base, 64 KiB each; its SGIs, PPIs and
 * LPIs.
 *
 * <p>Called with the GIC's lock held.
 */
final class Redistributor implements Frame {
    static final int BYTES = 0x20000;
    private static final int SGI_BASE = 0x10000;
    private static final int PRIVATE_INTERRUPTS = 32;

    private static final BitField ENABLE_LPIS = bit(0);

    /** Clear Enable Supported: software may turn LPIs off again. */
    private static final BitField CES = bit(1);

    private static final BitField PROCESSOR_SLEEP = bit(1);
    private static final BitField CHILDREN_ASLEEP = bit(2);

    private static final BitField PLPIS = bit(0);
    private static final BitField LAST = bit(4);
    private static final BitField PROCESSOR_NUMBER = bits(23, 8);
    private static final BitField AFFINITY_VALUE = bits(63, 32);

    private static final Register CTLR =
            readWrite("GICR_CTLR", 0x00, 4, ENABLE_LPIS.mask(), "§12.11.4").withReset(CES.mask());
    private static final Register WAKER =
            readWrite("GICR_WAKER", 0x14, 4, PROCESSOR_SLEEP.mask(), "§12.11.42")
                    .withReset(PROCESSOR_SLEEP.mask() | CHILDREN_ASLEEP.mask());
    private static final Register PROPBASER =
            readWrite(
                    "GICR_PROPBASER",
                    0x70,
                    8,
                    bits(58, 56).mask() | bits(51, 7).mask() | bits(4, 0).mask(),
                    "§12.11.33");
    private static final BitField PENDING_TABLE_ZERO = bit(62);
    private static final Register PENDBASER =
            readWrite(
                    "GICR_PENDBASER",
                    0x78,
                    8,
                    PENDING_TABLE_ZERO.mask()
                            | bits(58, 56).mask()
                            | bits(51, 16).mask()
                            | bits(11, 7).mask(),
                    "§12.11.29");
    private static final BitField PROPERTY_TABLE = bits(51, 12);
    private static final BitField PROPERTY_ID_BITS = bits(4, 0);
    private static final BitField PENDING_TABLE = bits(51, 16);

    private final Distributor distributor;
    private final CpuInterface cpu;
    private final RegisterFile registers;
    private final IdRegisters ids = new IdRegisters();
    private final InterruptBank bank;
    private final Lpis lpis;

    /**
     * A Redistributor in its reset state.
     *
     * @param number of its vCPU
     * @param affinity as in MPIDR: Aff3.Aff2.Aff1.Aff0, a byte each
     * @param last whether no further Redistributor follows in the frame
     */
    Redistributor(
            Distributor distributor,
            CpuInterface cpu,
            GuestMemory memory,
            int number,
            long affinity,
            boolean last) {
        this.distributor = distributor;
        this.cpu = cpu;
        this.lpis = new Lpis(memory);
        long typer = PLPIS.setAll(LAST.set(0, last ? 1 : 0));
        typer = AFFINITY_VALUE.set(PROCESSOR_NUMBER.set(typer, number), affinity);
        this.registers =
                new RegisterFile(
                        0x80,
                        4,
                        List.of(
                                CTLR,
                                readOnly("GICR_IIDR", 0x04, 4, IdRegisters.IIDR, "§12.11.7"),
                                readOnly("GICR_TYPER", 0x08, 8, typer, "§12.11.40"),
                                WAKER,
                                PROPBASER,
                                PENDBASER));
        registers.onWrite(CTLR, this::control);
        registers.onWrite(WAKER, this::waker);
        registers.onRead(PENDBASER, () -> PENDING_TABLE_ZERO.clear(registers.get(PENDBASER)));
        this.bank = new InterruptBank(0, PRIVATE_INTERRUPTS, this::deliver);
    }

    InterruptBank bank() {
        return bank;
    }

    Lpis lpis() {
        return lpis;
    }

    boolean asleep() {
        return PROCESSOR_SLEEP.isSet(registers.get(WAKER));
    }

    void reset() {
        registers.reset();
        lpis.reset();
        bank.reset();
    }

    private void deliver(int intid, boolean eligible, int group, int level) {
        cpu.offer(intid, eligible && distributor.forwards(group), group, level);
    }

    private void control(long value) {
        if (ENABLE_LPIS.isSet(value) && !lpis.enabled()) {
            long properties = registers.get(PROPBASER);
            long pending = registers.get(PENDBASER);
            lpis.enable(
                    PROPERTY_TABLE.getInPlace(properties),
                    PROPERTY_ID_BITS.getInt(properties) + 1,
                    PENDING_TABLE.getInPlace(pending),
                    !PENDING_TABLE_ZERO.isSet(pending));
        } else if (!ENABLE_LPIS.isSet(value) && lpis.enabled()) {
            lpis.disable();
        }
        cpu.evaluate();
    }

    private void waker(long value) {
        boolean sleep = PROCESSOR_SLEEP.isSet(value);
        registers.set(WAKER, CHILDREN_ASLEEP.set(value, sleep ? 1 : 0));
        cpu.evaluate();
    }

    @Override
    public long read(long offset, int sizeBytes) {
        long inFrame = offset % SGI_BASE;
        if (inFrame >= IdRegisters.FIRST) {
            return offset < SGI_BASE ? ids.read(inFrame, sizeBytes) : 0;
        }
        if (offset < SGI_BASE) {
            return registers.read(offset, sizeBytes);
        }
        return inFrame < InterruptBank.END ? bank.read(inFrame, sizeBytes) : 0;
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        if (offset < SGI_BASE) {
            boolean table = offset >= PROPBASER.offset(); // fixed while LPIs are on
            if (!table || !lpis.enabled()) {
                registers.write(offset, sizeBytes, value);
            }
        } else if (offset - SGI_BASE < InterruptBank.END) {
            bank.write(offset - SGI_BASE, sizeBytes, value);
        }
    }
}
