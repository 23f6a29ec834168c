package nestor.machine.arm;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongSupplier;
import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;
import nestor.vmm.time.Clock;

/**
 * A PL031 real-time clock (DDI 0224): seconds since the epoch, from an injected source plus what
 * the guest set; an alarm when they reach the match register.
 */
public final class Pl031 {
    private static final int PERIPHERAL_ID = 0x00041031;
    private static final long NANOS_PER_SECOND = 1_000_000_000;
    private static final long COUNTER_MASK = 0xffff_ffffL;

    private static final Register DR = readOnly("RTCDR", 0x00, 4, 0, "§3.3.1");
    private static final Register MR = readWrite("RTCMR", 0x04, 4, COUNTER_MASK, "§3.3.2");
    private static final Register LR = readWrite("RTCLR", 0x08, 4, COUNTER_MASK, "§3.3.3");

    /** The counter starts with the machine and cannot be stopped: reads as 1. */
    private static final Register CR = readOnly("RTCCR", 0x0c, 4, 1, "§3.3.4");

    private static final Register IMSC = readWrite("RTCIMSC", 0x10, 4, 1, "§3.3.5");
    private static final Register RIS = readOnly("RTCRIS", 0x14, 4, 0, "§3.3.6");
    private static final Register MIS = readOnly("RTCMIS", 0x18, 4, 0, "§3.3.7");
    private static final Register ICR = readWrite("RTCICR", 0x1c, 4, 1, "§3.3.8");
    private static final BitField RTCINTR = bit(0);

    private final LongSupplier epochSeconds;
    private final Clock clock;
    private final Clock.Timer alarm;
    private final IrqLine irq;
    private final RegisterFile registers;
    private final Object lock = new Object();
    private long offsetSeconds;
    private boolean pending;

    /**
     * A clock in its reset state.
     *
     * @param epochSeconds wall-clock time, in seconds since 1970
     * @param clock that the alarm runs by
     */
    public Pl031(LongSupplier epochSeconds, Clock clock, IrqLine irq) {
        this.epochSeconds = epochSeconds;
        this.clock = clock;
        this.irq = irq;
        this.alarm = clock.newTimer(this::matched);
        List<Register> table = new ArrayList<>(List.of(DR, MR, LR, CR, IMSC, RIS, MIS, ICR));
        table.addAll(PrimeCellId.registers(PERIPHERAL_ID, "§3.3.9"));
        registers = new RegisterFile(PrimeCellId.FRAME_BYTES, 4, table);
        registers.onRead(DR, this::seconds);
        registers.onWrite(MR, _ -> setAlarm());
        registers.onWrite(LR, this::load);
        registers.onWrite(IMSC, _ -> drive());
        registers.onRead(RIS, this::raw);
        registers.onRead(MIS, () -> raw() & registers.get(IMSC));
        registers.onWrite(ICR, this::clear);
    }

    /** The 4 KiB register frame. */
    public MmioRegion registers() {
        return registers;
    }

    /** No alarm, no offset. */
    public void reset() {
        alarm.cancel();
        registers.reset();
        synchronized (lock) {
            offsetSeconds = 0;
            pending = false;
        }
        drive();
    }

    private long seconds() {
        synchronized (lock) {
            return epochSeconds.getAsLong() + offsetSeconds & COUNTER_MASK;
        }
    }

    private void load(long value) {
        synchronized (lock) {
            offsetSeconds = value - epochSeconds.getAsLong();
        }
        setAlarm();
    }

    /** The alarm comes once, when the 32-bit counter reaches the match register. */
    private void setAlarm() {
        long away = registers.get(MR) - seconds() & COUNTER_MASK;
        if (away == 0) {
            matched();
        } else {
            alarm.arm(clock.nanos() + away * NANOS_PER_SECOND);
        }
    }

    private void matched() {
        synchronized (lock) {
            pending = true;
        }
        drive();
    }

    private void clear(long value) {
        if (RTCINTR.isSet(value)) {
            synchronized (lock) {
                pending = false;
            }
            drive();
        }
    }

    private long raw() {
        synchronized (lock) {
            return pending ? RTCINTR.mask() : 0;
        }
    }

    /** Drives the wire without the lock; concurrent callers settle on the last state. */
    private void drive() {
        long now;
        do {
            now = raw() & registers.get(IMSC);
            irq.set(now != 0);
        } while (now != (raw() & registers.get(IMSC)));
    }
}
