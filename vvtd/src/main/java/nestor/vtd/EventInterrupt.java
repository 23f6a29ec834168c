package nestor.vtd;

import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;
import nestor.vtd.Registers.EventControl;

/**
 * One of the unit's own interrupts: faults, invalidation completions, page requests (§5.5, §7.3,
 * §11.4.7). An event that finds the interrupt masked stays pending. The message is not remapped.
 * Any thread, no lock held.
 */
final class EventInterrupt {
    /** A unit has no Requester ID of its own; whoever takes its messages does not look at it. */
    private static final int NO_SOURCE = 0;

    private final RegisterFile registers;
    private final MsiSink sink;
    private final Register control;
    private final Register data;
    private final Register address;
    private final Register upperAddress;

    private EventInterrupt(
            RegisterFile registers,
            MsiSink sink,
            Register control,
            Register data,
            Register address,
            Register upperAddress) {
        this.registers = registers;
        this.sink = sink;
        this.control = control;
        this.data = data;
        this.address = address;
        this.upperAddress = upperAddress;
    }

    /** The fault event (§7.3). */
    static EventInterrupt ofFaults(RegisterFile registers, MsiSink sink) {
        return new EventInterrupt(
                registers,
                sink,
                Registers.FECTL,
                Registers.FEDATA,
                Registers.FEADDR,
                Registers.FEUADDR);
    }

    /** The invalidation completion event (§6.5.2.8). */
    static EventInterrupt ofCompletions(RegisterFile registers, MsiSink sink) {
        return new EventInterrupt(
                registers,
                sink,
                Registers.IECTL,
                Registers.IEDATA,
                Registers.IEADDR,
                Registers.IEUADDR);
    }

    /** The page request event (§7.5.1.2). */
    static EventInterrupt ofPageRequests(RegisterFile registers, MsiSink sink) {
        return new EventInterrupt(
                registers,
                sink,
                Registers.PECTL,
                Registers.PEDATA,
                Registers.PEADDR,
                Registers.PEUADDR);
    }

    /** The event happened. */
    void raise() {
        registers.update(control, EventControl.IP::setAll);
        deliver();
    }

    /** Software has taken care of everything that could have caused the event. */
    void withdraw() {
        registers.update(control, EventControl.IP::clear);
    }

    /** Sends the message of a pending event, unless it is masked; after a write to the control. */
    void deliver() {
        boolean[] due = new boolean[1];
        registers.update(
                control,
                value -> {
                    due[0] = EventControl.IP.isSet(value) && !EventControl.IM.isSet(value);
                    return due[0] ? EventControl.IP.clear(value) : value;
                });
        if (due[0]) {
            long to = registers.get(upperAddress) << Integer.SIZE | registers.get(address);
            sink.signal(NO_SOURCE, to, (int) registers.get(data));
        }
    }
}
