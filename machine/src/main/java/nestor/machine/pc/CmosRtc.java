package nestor.machine.pc;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.function.LongSupplier;
import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;
import nestor.vmm.time.Clock;

/**
 * An MC146818A real-time clock with 114 bytes of memory, reached by an index and a data port. Time
 * is the host's at reset plus what the guest set, and goes on with the machine's clock. The alarm
 * is looked for only while its interrupt is enabled; there is no square wave.
 */
public final class CmosRtc implements MmioRegion {
    /** Ports it takes: index, data. */
    public static final int PORTS = 2;

    /** Where the century is, as the FADT says. */
    public static final int CENTURY = 0x32;

    private static final int BYTES = 128;
    private static final int INDEX_MASK = 0x7f;

    private static final int SECONDS = 0;
    private static final int SECONDS_ALARM = 1;
    private static final int MINUTES = 2;
    private static final int MINUTES_ALARM = 3;
    private static final int HOURS = 4;
    private static final int HOURS_ALARM = 5;
    private static final int DAY_OF_WEEK = 6;
    private static final int DAY = 7;
    private static final int MONTH = 8;
    private static final int YEAR = 9;
    private static final int A = 0x0a;
    private static final int B = 0x0b;
    private static final int C = 0x0c;
    private static final int D = 0x0d;

    private static final BitField UIP = bit(7);
    private static final BitField RATE = bits(3, 0);
    private static final int A_MASK = 0x7f;
    private static final int A_RESET = 0x26;

    private static final BitField SET = bit(7);
    private static final BitField BINARY = bit(2);
    private static final BitField HOURS_24 = bit(1);
    private static final int B_RESET = 0x02;

    /** Interrupts, enabled in B and flagged in C: periodic, alarm, update ended. */
    private static final int PERIODIC = 0x40;

    private static final int ALARM = 0x20;
    private static final int UPDATE = 0x10;
    private static final int IRQF = 0x80;
    private static final int VRT = 0x80;

    private static final int PM = 0x80;
    private static final int ANY = 0xc0;

    private static final long NANOS_PER_MILLI = 1_000_000;
    private static final long NANOS_PER_SECOND = 1_000_000_000;

    /** Before each update, time is not to be read for this long. */
    private static final long UPDATE_NANOS = 244_000;

    private static final long CRYSTAL_HZ = 32_768;

    /** As far from 1970 as nanoseconds go. */
    private static final long MAX_SECONDS = 9_000_000_000L;

    /** Alarms that came this long ago, while the host was busy, are still told of. */
    private static final long MAX_LATE_SECONDS = 60;

    private final LongSupplier epochMillis;
    private final Clock clock;
    private final Clock.Timer next;
    private final IrqLine irq;

    /** Guards what follows; no call leaves the device while it is held. */
    private final Object lock = new Object();

    private final byte[] memory = new byte[BYTES];
    private int index;
    private int flags;

    /** From the machine's time to the time of day, in nanoseconds since 1970. */
    private long offsetNanos;

    /** Seconds and periods that flags have told of. */
    private long seenSecond;

    private long seenPeriod;

    /**
     * A clock in its reset state.
     *
     * @param epochMillis the host's time of day, in milliseconds since 1970
     * @param clock that time goes on by
     */
    public CmosRtc(LongSupplier epochMillis, Clock clock, IrqLine irq) {
        this.epochMillis = epochMillis;
        this.clock = clock;
        this.irq = irq;
        this.next = clock.newTimer(this::elapsed);
        reset();
    }

    /** As after power-on, with the host's time; memory is cleared. */
    public void reset() {
        synchronized (lock) {
            Arrays.fill(memory, (byte) 0);
            memory[A] = A_RESET;
            memory[B] = B_RESET;
            index = 0;
            flags = 0;
            offsetNanos = epochMillis.getAsLong() * NANOS_PER_MILLI - clock.nanos();
            seenSecond = second();
            seenPeriod = period();
        }
        settle();
    }

    @Override
    public int maxAccessBytes() {
        return 1;
    }

    @Override
    public long read(long offset, int sizeBytes) {
        int value;
        synchronized (lock) {
            value = offset == 0 ? 0xff : register();
        }
        settle();
        return value;
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        synchronized (lock) {
            if (offset == 0) {
                index = (int) value & INDEX_MASK; // bit 7 masks NMIs, of which there are none
            } else {
                registerWritten((int) value & 0xff);
            }
        }
        settle();
    }

    private int register() {
        if (isTime(index) && !SET.isSet(memory[B])) {
            latch(second());
        }
        return switch (index) {
            case A -> memory[A] | (updates() ? (int) UIP.mask() : 0);
            case C -> {
                collect();
                int now = flags | (asserted() ? IRQF : 0);
                flags = 0;
                yield now;
            }
            case D -> VRT;
            default -> memory[index] & 0xff;
        };
    }

    private void registerWritten(int value) {
        switch (index) {
            case A -> {
                memory[A] = (byte) (value & A_MASK);
                seenPeriod = period();
            }
            case B -> {
                collect();
                if (SET.isSet(value) && !SET.isSet(memory[B])) {
                    latch(second());
                }
                boolean setEnds = !SET.isSet(value) && SET.isSet(memory[B]);
                memory[B] = (byte) value;
                if (setEnds) {
                    adopt();
                }
            }
            case C, D -> {}
            default -> {
                boolean adopts = isTime(index) && !SET.isSet(memory[B]);
                if (adopts) {
                    latch(second());
                }
                memory[index] = (byte) value;
                if (adopts) {
                    adopt();
                }
            }
        }
    }

    private static boolean isTime(int register) {
        return switch (register) {
            case SECONDS, MINUTES, HOURS, DAY_OF_WEEK, DAY, MONTH, YEAR, CENTURY -> true;
            default -> false;
        };
    }

    private long timeNanos() {
        return clock.nanos() + offsetNanos;
    }

    private long second() {
        return Math.floorDiv(timeNanos(), NANOS_PER_SECOND);
    }

    private boolean updates() {
        long into = Math.floorMod(timeNanos(), NANOS_PER_SECOND);
        return !SET.isSet(memory[B]) && into >= NANOS_PER_SECOND - UPDATE_NANOS;
    }

    /** Nanoseconds between two periodic flags; 0 if there are none. */
    private long periodNanos() {
        int rate = RATE.getInt(memory[A]);
        if (rate == 0) {
            return 0;
        }
        long ticks = rate < 3 ? 1L << rate + 6 : 1L << rate - 1;
        return ticks * NANOS_PER_SECOND / CRYSTAL_HZ;
    }

    private long period() {
        long nanos = periodNanos();
        return nanos == 0 ? 0 : clock.nanos() / nanos;
    }

    /** A time, into the registers. */
    private void latch(long second) {
        LocalDateTime now = LocalDateTime.ofEpochSecond(second, 0, ZoneOffset.UTC);
        memory[SECONDS] = encode(now.getSecond());
        memory[MINUTES] = encode(now.getMinute());
        memory[HOURS] = encodeHour(now.getHour());
        memory[DAY_OF_WEEK] = encode(now.getDayOfWeek().getValue() % 7 + 1);
        memory[DAY] = encode(now.getDayOfMonth());
        memory[MONTH] = encode(now.getMonthValue());
        memory[YEAR] = encode(Math.floorMod(now.getYear(), 100));
        memory[CENTURY] = encode(Math.floorMod(now.getYear() / 100, 100));
    }

    /** The registers' time, whatever they hold, becomes the time now. */
    private void adopt() {
        int year = decode(memory[CENTURY]) * 100 + decode(memory[YEAR]);
        LocalDateTime set =
                LocalDateTime.of(year, 1, 1, 0, 0)
                        .plusMonths(decode(memory[MONTH]) - 1L)
                        .plusDays(decode(memory[DAY]) - 1L)
                        .plusHours(decodeHour(memory[HOURS]))
                        .plusMinutes(decode(memory[MINUTES]))
                        .plusSeconds(decode(memory[SECONDS]));
        long seconds = Math.clamp(set.toEpochSecond(ZoneOffset.UTC), -MAX_SECONDS, MAX_SECONDS);
        offsetNanos = seconds * NANOS_PER_SECOND - clock.nanos();
        seenSecond = second();
    }

    private byte encode(int value) {
        return (byte) (BINARY.isSet(memory[B]) ? value : value / 10 << 4 | value % 10);
    }

    private int decode(byte value) {
        int bits = value & 0xff;
        return BINARY.isSet(memory[B]) ? bits : (bits >> 4) * 10 + (bits & 0x0f);
    }

    private byte encodeHour(int hour) {
        if (HOURS_24.isSet(memory[B])) {
            return encode(hour);
        }
        return (byte) (encode((hour + 11) % 12 + 1) | (hour >= 12 ? PM : 0));
    }

    private int decodeHour(byte value) {
        if (HOURS_24.isSet(memory[B])) {
            return decode(value);
        }
        return decode((byte) (value & ~PM)) % 12 + ((value & PM) != 0 ? 12 : 0);
    }

    /** Flags for what has happened since the last look. */
    private void collect() {
        long second = second();
        if (second != seenSecond && !SET.isSet(memory[B])) {
            flags |= UPDATE;
            boolean alarm = (memory[B] & ALARM) != 0;
            for (long past = Math.max(seenSecond + 1, second - MAX_LATE_SECONDS);
                    alarm && past <= second;
                    past++) {
                flags |= matches(past) ? ALARM : 0;
            }
        }
        seenSecond = second;
        long period = period();
        if (period != seenPeriod) {
            flags |= PERIODIC;
        }
        seenPeriod = period;
    }

    private boolean matches(long second) {
        latch(second);
        return matches(SECONDS_ALARM, SECONDS)
                && matches(MINUTES_ALARM, MINUTES)
                && matches(HOURS_ALARM, HOURS);
    }

    private boolean matches(int alarm, int time) {
        return (memory[alarm] & ANY) == ANY || memory[alarm] == memory[time];
    }

    private boolean asserted() {
        return (flags & memory[B] & (PERIODIC | ALARM | UPDATE)) != 0;
    }

    private void elapsed() {
        synchronized (lock) {
            collect();
        }
        settle();
    }

    /** Drives the wire without the lock, and has itself called when it may have to change. */
    private void settle() {
        boolean now;
        boolean still;
        do {
            synchronized (lock) {
                now = asserted();
            }
            irq.set(now);
            synchronized (lock) {
                still = asserted();
            }
        } while (now != still);
        arm();
    }

    private void arm() {
        synchronized (lock) {
            int awaited = memory[B] & ~flags;
            long nanos = clock.nanos();
            long deadline = Long.MAX_VALUE;
            if ((awaited & (UPDATE | ALARM)) != 0 && !SET.isSet(memory[B])) {
                long into = Math.floorMod(timeNanos(), NANOS_PER_SECOND);
                deadline = nanos + NANOS_PER_SECOND - into;
            }
            if ((awaited & PERIODIC) != 0 && periodNanos() != 0) {
                deadline = Math.min(deadline, (nanos / periodNanos() + 1) * periodNanos());
            }
            if (deadline == Long.MAX_VALUE) {
                next.cancel();
            } else {
                next.arm(deadline);
            }
        }
    }
}
