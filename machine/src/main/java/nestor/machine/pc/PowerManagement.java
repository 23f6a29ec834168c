package nestor.machine.pc;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;
import nestor.vmm.time.Clock;

/**
 * The fixed hardware of ACPI (ACPI 6.4 §4.8.3): PM1 event and control registers, the power button
 * and the power management timer. There is no sleep but soft-off; ACPI mode is always on.
 */
public final class PowerManagement implements MmioRegion {
    /** Ports it takes: PM1a event, PM1a control and timer blocks, in this order. */
    public static final int PORTS = 0x0c;

    public static final int EVENT_BYTES = 4;
    public static final int CONTROL = 4;
    public static final int CONTROL_BYTES = 2;
    public static final int TIMER = 8;
    public static final int TIMER_BYTES = 4;

    /** SLP_TYP of soft-off, as {@code \_S5} says. */
    public static final int SOFT_OFF = 5;

    /** §4.8.3.3. */
    private static final long TIMER_HZ = 3_579_545;

    private static final long NANOS_PER_SECOND = 1_000_000_000;

    private static final int ENABLE = 2;

    /** §4.8.3.1.1: the timer's carry, and the power button. */
    private static final BitField TMR = bit(0);

    private static final BitField PWRBTN = bit(8);

    /** §4.8.3.1.2: of both, and GBL_EN and RTC_EN, whose events do not come. */
    private static final long ENABLE_MASK = 1 << 0 | 1 << 5 | 1 << 8 | 1 << 10;

    /** §4.8.3.2.1. */
    private static final BitField SCI_EN = bit(0);

    private static final BitField SLP_TYP = bits(12, 10);
    private static final BitField SLP_EN = bit(13);

    /** The timer's highest bit: TMR_STS is set whenever it changes. */
    private static final int CARRY_LOG2 = 31;

    private final Clock clock;
    private final Clock.Timer carry;
    private final IrqLine sci;
    private final Runnable onSoftOff;
    private long enable;
    private long sleepType;
    private boolean pressed;

    /** Changes of the timer's highest bit that software knows of. */
    private long acknowledged;

    /**
     * Registers after reset.
     *
     * @param onSoftOff turns the machine off; runs on the thread of the vCPU that asked for it
     */
    public PowerManagement(Clock clock, IrqLine sci, Runnable onSoftOff) {
        this.clock = clock;
        this.sci = sci;
        this.onSoftOff = onSoftOff;
        this.carry = clock.newTimer(this::drive);
    }

    /** As after power-on, but for the timer, which goes on. */
    public void reset() {
        synchronized (this) {
            enable = 0;
            sleepType = 0;
            pressed = false;
            acknowledged = carries();
        }
        drive();
    }

    /** Someone presses the power button (§4.8.2.2.1.1): PWRBTN_STS is set. Any thread. */
    public void pressPowerButton() {
        synchronized (this) {
            pressed = true;
        }
        drive();
    }

    @Override
    public int maxAccessBytes() {
        return Integer.BYTES;
    }

    @Override
    public synchronized long read(long offset, int sizeBytes) {
        long event = status() | enable << 8 * ENABLE;
        long control = SCI_EN.mask() | SLP_TYP.set(0, sleepType);
        long block =
                switch ((int) offset & -Integer.BYTES) {
                    case 0 -> event;
                    case CONTROL -> control;
                    default -> ticks();
                };
        return block >>> 8 * (int) (offset & 3);
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        long bits = value << 8 * (int) (offset & 3);
        long written = (1L << 8 * sizeBytes) - 1 << 8 * (int) (offset & 3);
        if (offset < CONTROL) {
            event(bits, written);
        } else if (offset < TIMER && (written & SLP_EN.mask()) != 0) {
            control(bits);
        }
    }

    private void event(long bits, long written) {
        synchronized (this) {
            if (TMR.isSet(bits & written)) {
                acknowledged = carries();
            }
            pressed &= !PWRBTN.isSet(bits & written);
            long mask = written >>> 8 * ENABLE & ENABLE_MASK;
            enable = enable & ~mask | bits >>> 8 * ENABLE & mask;
        }
        drive();
    }

    /** SLP_TYP and SLP_EN share a byte; sleep states that are not there are ignored. */
    private void control(long bits) {
        long type = SLP_TYP.get(bits);
        synchronized (this) {
            sleepType = type;
        }
        if (SLP_EN.isSet(bits) && type == SOFT_OFF) {
            onSoftOff.run();
        }
    }

    private long ticks() {
        long nanos = clock.nanos();
        return nanos / NANOS_PER_SECOND * TIMER_HZ
                + nanos % NANOS_PER_SECOND * TIMER_HZ / NANOS_PER_SECOND;
    }

    private long carries() {
        return ticks() >>> CARRY_LOG2;
    }

    private long status() {
        return (carries() == acknowledged ? 0 : TMR.mask()) | (pressed ? PWRBTN.mask() : 0);
    }

    private synchronized boolean asserted() {
        return (status() & enable) != 0;
    }

    /** Drives the wire without the lock; concurrent callers settle on the last state. */
    private void drive() {
        boolean now;
        do {
            now = asserted();
            sci.set(now);
        } while (now != asserted());
        arm();
    }

    /** Has the wire driven again at the next carry, if that is to interrupt. */
    private synchronized void arm() {
        if (TMR.isSet(enable) && !TMR.isSet(status())) {
            long next = carries() + 1 << CARRY_LOG2;
            long nanos =
                    next / TIMER_HZ * NANOS_PER_SECOND
                            + next % TIMER_HZ * NANOS_PER_SECOND / TIMER_HZ;
            carry.arm(nanos + 1);
        } else {
            carry.cancel();
        }
    }
}
