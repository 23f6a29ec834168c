package nestor.machine.gic;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.Arrays;
import java.util.List;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;

/**
 * The Distributor (§12.8, §12.9): SPIs and where they go. Affinity routing is always on, there is
 * one security state.
 *
 * <p>Called with the GIC's lock held.
 */
final class Distributor implements Frame {
    static final int FIRST_SPI = 32;

    private static final BitField ENABLE_GROUP_0 = bit(0);
    private static final BitField ENABLE_GROUP_1 = bit(1);
    private static final BitField ARE = bit(4);
    private static final BitField DS = bit(6);

    private static final BitField ITLINES_NUMBER = bits(4, 0);
    private static final BitField LPIS = bit(17);
    private static final BitField ID_BITS = bits(23, 19);
    private static final BitField NO_1_OF_N = bit(25);

    private static final Register CTLR =
            readWrite(
                            "GICD_CTLR",
                            0x000,
                            4,
                            ENABLE_GROUP_0.mask() | ENABLE_GROUP_1.mask(),
                            "§12.9.4")
                    .withReset(ARE.mask() | DS.mask());

    private static final long IROUTER = 0x6000;

    /** IROUTER.{Aff3, Aff2, Aff1, Aff0}; Interrupt_Routing_Mode is RES0 without 1-of-N. */
    private static final long ROUTE_MASK = bits(39, 32).mask() | bits(23, 0).mask();

    private final GicV3 gic;
    private final int spis;
    private final RegisterFile registers;
    private final IdRegisters ids = new IdRegisters();
    private final InterruptBank bank;
    private final long[] routes;

    Distributor(GicV3 gic, int spis) {
        this.gic = gic;
        this.spis = spis;
        this.routes = new long[spis];
        long typer = ITLINES_NUMBER.set(0, (spis + FIRST_SPI) / Integer.SIZE - 1);
        typer = ID_BITS.set(LPIS.setAll(NO_1_OF_N.setAll(typer)), GicV3.INTID_BITS - 1);
        this.registers =
                new RegisterFile(
                        0x80,
                        4,
                        List.of(
                                CTLR,
                                readOnly("GICD_TYPER", 0x004, 4, typer, "§12.9.38"),
                                readOnly("GICD_IIDR", 0x008, 4, IdRegisters.IIDR, "§12.9.13")));
        registers.onWrite(CTLR, _ -> gic.groupsChanged());
        this.bank = new InterruptBank(FIRST_SPI, spis, this::deliver);
    }

    InterruptBank bank() {
        return bank;
    }

    boolean forwards(int group) {
        return (group == 0 ? ENABLE_GROUP_0 : ENABLE_GROUP_1).isSet(registers.get(CTLR));
    }

    void reset() {
        registers.reset();
        for (int intid = FIRST_SPI; intid < FIRST_SPI + spis; intid++) {
            withdraw(intid);
        }
        Arrays.fill(routes, 0);
        bank.reset();
    }

    private void deliver(int intid, boolean eligible, int group, int level) {
        CpuInterface target = gic.cpuAt(routes[intid - FIRST_SPI]);
        if (target != null) {
            target.offer(intid, eligible && forwards(group), group, level);
        }
    }

    private void withdraw(int intid) {
        CpuInterface target = gic.cpuAt(routes[intid - FIRST_SPI]);
        if (target != null) {
            target.offer(intid, false, 0, 0);
        }
    }

    @Override
    public long read(long offset, int sizeBytes) {
        if (offset < InterruptBank.IGROUPR) {
            return registers.read(offset, sizeBytes);
        }
        if (offset < InterruptBank.END) {
            return bank.read(offset, sizeBytes);
        }
        if (offset >= IdRegisters.FIRST) {
            return ids.read(offset, sizeBytes);
        }
        int spi = spiOfRouter(offset);
        return spi >= 0 && sizeBytes >= 4 ? routes[spi] >>> Byte.SIZE * (int) (offset & 7) : 0;
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        if (offset < InterruptBank.IGROUPR) {
            registers.write(offset, sizeBytes, value);
        } else if (offset < InterruptBank.END) {
            bank.write(offset, sizeBytes, value);
        } else if (spiOfRouter(offset) >= 0 && sizeBytes >= 4) {
            int spi = spiOfRouter(offset);
            int shift = Byte.SIZE * (int) (offset & 7);
            long lanes = (sizeBytes == 8 ? -1L : 0xffff_ffffL << shift) & ROUTE_MASK;
            withdraw(FIRST_SPI + spi);
            routes[spi] = routes[spi] & ~lanes | value << shift & lanes;
            bank.update(FIRST_SPI + spi);
        }
    }

    private int spiOfRouter(long offset) {
        long spi = (offset - IROUTER) / Long.BYTES - FIRST_SPI;
        return offset >= IROUTER && spi >= 0 && spi < spis ? (int) spi : -1;
    }
}
