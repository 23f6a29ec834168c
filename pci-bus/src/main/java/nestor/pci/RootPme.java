package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readWrite;

import java.util.List;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/**
 * How a root port tells of Power Management Events (PCIe Base §6.1.6, §7.5.3.12 to §7.5.3.14): one
 * at a time in Root Status, and one more pending behind it. Any thread; the lock guards the
 * interrupt's edge and is never held while a message is sent.
 */
final class RootPme {
    /** Root Control: interrupts for PMEs. */
    private static final BitField PME_INTERRUPT_ENABLE = bit(3);

    private static final BitField PME_REQUESTER_ID = bits(15, 0);
    private static final BitField PME_STATUS = bit(16);
    private static final BitField PME_PENDING = bit(17);

    private static final Register CONTROL = readWrite("Root Control", 0x1c, 2, 0x000f, "§7.5.3.12");
    private static final Register STATUS =
            new Register("Root Status", 0x20, 4, 0, 0, PME_STATUS.mask(), "§7.5.3.14");

    /** Interrupt Message Number is zero (§7.5.3.2). */
    private static final int VECTOR = 0;

    private final RootPort port;
    private final Capability express;
    private final Object lock = new Object();
    private boolean asserted;

    private RootPme(RootPort port, Capability express) {
        this.port = port;
        this.express = express;
    }

    /** For the PCI Express capability of the port. */
    static List<Register> registers() {
        return List.of(CONTROL, STATUS);
    }

    /** Of {@code port}, whose registers are in {@code express}. */
    static RootPme of(RootPort port, Capability express) {
        RootPme pme = new RootPme(port, express);
        express.onWrite(CONTROL, _ -> pme.raise()).onWrite(STATUS, _ -> pme.next());
        return pme;
    }

    /** A PME message from {@code rid}. */
    void received(int rid) {
        express.update(
                STATUS,
                status ->
                        PME_STATUS.isSet(status)
                                ? PME_PENDING.setAll(status)
                                : PME_STATUS.setAll(PME_REQUESTER_ID.set(status, rid)));
        raise();
    }

    /** Software cleared PME Status: the pending one takes its place. */
    private void next() {
        raise();
        express.update(
                STATUS,
                status ->
                        !PME_STATUS.isSet(status) && PME_PENDING.isSet(status)
                                ? PME_STATUS.setAll(PME_PENDING.set(status, 0))
                                : status);
        raise();
    }

    void reset() {
        synchronized (lock) {
            asserted = false;
        }
    }

    private void raise() {
        boolean edge;
        synchronized (lock) {
            boolean now =
                    PME_INTERRUPT_ENABLE.isSet(express.get(CONTROL))
                            && PME_STATUS.isSet(express.get(STATUS));
            edge = now && !asserted;
            asserted = now;
        }
        if (edge) {
            port.function().signalMsi(VECTOR);
        }
    }
}
