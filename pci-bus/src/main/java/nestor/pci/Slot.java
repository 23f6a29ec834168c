package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.List;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/**
 * The hot-plug slot of a root port (PCIe Base §6.7, §7.5.3.9 to §7.5.3.11): attention button, power
 * controller, both indicators, presence detect; adapters may also be pulled without a word. There
 * is no retention latch, no interlock and no power fault.
 *
 * <p>A write of Slot Control is a command and is completed before the write returns. Registers
 * answer on vCPU threads, events come from any thread; the lock guards the interrupt's edge and is
 * never held while a message is sent.
 */
final class Slot {
    /** Slot Capabilities (§7.5.3.9). */
    private static final class Capabilities {
        static final BitField ATTENTION_BUTTON = bit(0);
        static final BitField POWER_CONTROLLER = bit(1);
        static final BitField ATTENTION_INDICATOR = bit(3);
        static final BitField POWER_INDICATOR = bit(4);
        static final BitField HOT_PLUG_SURPRISE = bit(5);
        static final BitField HOT_PLUG_CAPABLE = bit(6);
        static final BitField PHYSICAL_SLOT_NUMBER = bits(31, 19);

        private Capabilities() {}
    }

    /** Slot Control (§7.5.3.10). */
    private static final class Control {
        static final BitField ATTENTION_BUTTON_ENABLE = bit(0);
        static final BitField PRESENCE_DETECT_ENABLE = bit(3);
        static final BitField COMMAND_COMPLETED_ENABLE = bit(4);
        static final BitField HOT_PLUG_INTERRUPT_ENABLE = bit(5);
        static final BitField ATTENTION_INDICATOR = bits(7, 6);
        static final BitField POWER_INDICATOR = bits(9, 8);
        static final BitField POWER_OFF = bit(10);
        static final BitField LINK_STATE_ENABLE = bit(12);

        /** The event enables lie where the events do, in Slot Status; this one excepted. */
        static final long SAME_PLACE =
                ATTENTION_BUTTON_ENABLE.mask()
                        | PRESENCE_DETECT_ENABLE.mask()
                        | COMMAND_COMPLETED_ENABLE.mask();

        static final long WRITABLE =
                SAME_PLACE
                        | HOT_PLUG_INTERRUPT_ENABLE.mask()
                        | ATTENTION_INDICATOR.mask()
                        | POWER_INDICATOR.mask()
                        | POWER_OFF.mask()
                        | LINK_STATE_ENABLE.mask();

        private Control() {}
    }

    /** Encodings of both indicators. */
    private static final int ON = 0b01;

    private static final int BLINK = 0b10;
    private static final int OFF = 0b11;

    /** Slot Status (§7.5.3.11): events, cleared by writing one, and a state. */
    private static final class Status {
        static final BitField PRESENCE_DETECT_STATE = bit(6);

        private Status() {}
    }

    static final long ATTENTION_BUTTON_PRESSED = bit(0).mask();
    static final long PRESENCE_DETECT_CHANGED = bit(3).mask();
    private static final long COMMAND_COMPLETED = bit(4).mask();
    static final long LINK_STATE_CHANGED = bit(8).mask();

    private static final Register CONTROL =
            readWrite("Slot Control", 0x18, 2, Control.WRITABLE, "§7.5.3.10")
                    .withReset(control(OFF, Control.POWER_OFF.mask()));
    private static final Register STATUS =
            new Register(
                    "Slot Status",
                    0x1a,
                    2,
                    0,
                    0,
                    ATTENTION_BUTTON_PRESSED
                            | PRESENCE_DETECT_CHANGED
                            | COMMAND_COMPLETED
                            | LINK_STATE_CHANGED,
                    "§7.5.3.11");

    /** The vector of all hot-plug events: Interrupt Message Number is zero (§7.5.3.2). */
    private static final int VECTOR = 0;

    private final RootPort port;
    private final Capability express;
    private final Object lock = new Object();
    private boolean asserted;

    private Slot(RootPort port, Capability express) {
        this.port = port;
        this.express = express;
    }

    /** The slot's registers, for the PCI Express capability of its port. */
    static List<Register> registers(int number) {
        long capabilities =
                Capabilities.ATTENTION_BUTTON.mask()
                        | Capabilities.POWER_CONTROLLER.mask()
                        | Capabilities.ATTENTION_INDICATOR.mask()
                        | Capabilities.POWER_INDICATOR.mask()
                        | Capabilities.HOT_PLUG_SURPRISE.mask()
                        | Capabilities.HOT_PLUG_CAPABLE.mask();
        return List.of(
                readOnly(
                        "Slot Capabilities",
                        0x14,
                        4,
                        Capabilities.PHYSICAL_SLOT_NUMBER.set(capabilities, number),
                        "§7.5.3.9"),
                CONTROL,
                STATUS);
    }

    /** The slot of {@code port}, whose registers are in {@code express}. */
    static Slot of(RootPort port, Capability express) {
        Slot slot = new Slot(port, express);
        express.onRead(STATUS, slot::status)
                .onWrite(STATUS, _ -> slot.raise())
                .onWrite(CONTROL, slot::commanded);
        return slot;
    }

    private static long control(int powerIndicator, long power) {
        return Control.POWER_INDICATOR.set(
                Control.ATTENTION_INDICATOR.set(power, OFF), powerIndicator);
    }

    /** After a reset: no event; power on, and the indicator, if an adapter is there. */
    void reset() {
        boolean powered = port.isPopulated();
        express.set(CONTROL, control(powered ? ON : OFF, powered ? 0 : Control.POWER_OFF.mask()));
        express.set(STATUS, 0);
        synchronized (lock) {
            asserted = false;
        }
    }

    /** Whether the power controller feeds the adapter. */
    boolean isPowered() {
        return !Control.POWER_OFF.isSet(express.get(CONTROL));
    }

    /**
     * Whether adapters may be put in or taken out: no power, and the indicator says so (§6.7.1).
     */
    boolean isOff() {
        long control = express.get(CONTROL);
        return Control.POWER_OFF.isSet(control) && Control.POWER_INDICATOR.getInt(control) == OFF;
    }

    /** Whether the power indicator blinks: a transition is under way. */
    boolean isInTransition() {
        return Control.POWER_INDICATOR.getInt(express.get(CONTROL)) == BLINK;
    }

    /** Sets event bits of Slot Status, and interrupts if software asked for that. */
    void event(long events) {
        express.update(STATUS, status -> status | events);
        raise();
        port.wakeIfAsleep();
    }

    /** Whether something happened that software wants to hear of, its own commands aside. */
    boolean hasEnabledEvent() {
        return (express.get(STATUS) & enabled() & ~COMMAND_COMPLETED) != 0;
    }

    private long status() {
        long events = express.get(STATUS);
        return port.isPopulated() ? Status.PRESENCE_DETECT_STATE.setAll(events) : events;
    }

    private void commanded(long value) {
        port.slotCommanded();
        event(COMMAND_COMPLETED);
    }

    /** §6.7.3.4: one message each time "enabled, and an enabled event is set" becomes true. */
    private void raise() {
        boolean edge;
        synchronized (lock) {
            boolean now = wantsInterrupt();
            edge = now && !asserted;
            asserted = now;
        }
        if (edge) {
            port.function().signalMsi(VECTOR);
        }
    }

    private boolean wantsInterrupt() {
        return Control.HOT_PLUG_INTERRUPT_ENABLE.isSet(express.get(CONTROL))
                && (express.get(STATUS) & enabled()) != 0;
    }

    /** The events of Slot Status that software wants to hear of. */
    private long enabled() {
        long control = express.get(CONTROL);
        long enabled = control & Control.SAME_PLACE;
        return Control.LINK_STATE_ENABLE.isSet(control) ? enabled | LINK_STATE_CHANGED : enabled;
    }
}
