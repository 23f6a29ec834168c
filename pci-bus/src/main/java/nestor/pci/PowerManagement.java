package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;

import java.util.List;
import java.util.function.LongUnaryOperator;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/**
 * The Power Management capability (PCIe Base §7.5.2) of a function that knows D0 and D3hot, keeps
 * its state in between, and can wake the system from both. Any thread.
 */
final class PowerManagement {
    private static final int SIZE_BYTES = 8;

    /** Power Management Capabilities: version 3, PME from D0 [11] and D3hot [14]. */
    private static final long CAPABILITIES = 3 | bit(11).mask() | bit(14).mask();

    private static final BitField POWER_STATE = bits(1, 0);
    private static final BitField NO_SOFT_RESET = bit(3);
    private static final BitField PME_ENABLE = bit(8);
    private static final BitField PME_STATUS = bit(15);

    private static final int D0 = 0b00;
    private static final int D3_HOT = 0b11;

    private static final Register CONTROL_STATUS =
            new Register(
                    "Power Management Control/Status",
                    4,
                    2,
                    NO_SOFT_RESET.mask(),
                    POWER_STATE.mask() | PME_ENABLE.mask(),
                    PME_STATUS.mask(),
                    "§7.5.2.2");

    private final Capability capability;
    private final Runnable changed;
    private final Runnable pme;
    private final Object lock = new Object();
    private boolean asserted;
    private volatile int state = D0;

    /**
     * @param changed runs after the power state has changed, on the thread that writes the register
     * @param pme runs when a PME goes out, with no lock held
     */
    PowerManagement(Runnable changed, Runnable pme) {
        this.changed = changed;
        this.pme = pme;
        this.capability =
                new Capability(
                                Capability.POWER_MANAGEMENT,
                                SIZE_BYTES,
                                List.of(
                                        readOnly(
                                                "Power Management Capabilities",
                                                2,
                                                2,
                                                CAPABILITIES,
                                                "§7.5.2.1"),
                                        CONTROL_STATUS))
                        .onWrite(CONTROL_STATUS, this::written);
    }

    Capability capability() {
        return capability;
    }

    /** Whether the function sleeps: it answers configuration requests, and nothing else. */
    boolean isD3Hot() {
        return state == D3_HOT;
    }

    /** Sets PME Status; a PME goes out each time that "enabled and set" becomes true. */
    void wake() {
        LongUnaryOperator set = PME_STATUS::setAll;
        capability.update(CONTROL_STATUS, set);
        raise();
    }

    /** After the registers were reset. */
    void reset() {
        state = D0;
        raise();
    }

    private void raise() {
        boolean edge;
        synchronized (lock) {
            long value = capability.get(CONTROL_STATUS);
            boolean now = PME_ENABLE.isSet(value) && PME_STATUS.isSet(value);
            edge = now && !asserted;
            asserted = now;
        }
        if (edge) {
            pme.run();
        }
    }

    /** A state that the function does not know is discarded (§7.5.2.2). */
    private void written(long value) {
        int wanted = POWER_STATE.getInt(value);
        if (wanted != D0 && wanted != D3_HOT) {
            capability.update(CONTROL_STATUS, now -> POWER_STATE.set(now, state));
        } else if (wanted != state) {
            state = wanted;
            changed.run();
        }
        raise();
    }
}
