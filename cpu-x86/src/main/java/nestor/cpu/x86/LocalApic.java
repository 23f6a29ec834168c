package nestor.cpu.x86;

import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * The local APIC of one processor (3A, chapter 11), in xAPIC or x2APIC mode. Registers and timer
 * belong to the vCPU's thread; {@link #accept} may come from any thread. The bus and the crystal
 * run at {@link Msrs#TSC_HZ}.
 */
final class LocalApic {
    /** No deadline. */
    static final long NEVER = Long.MAX_VALUE;

    static final long DEFAULT_BASE = 0xfee0_0000L;

    /** Delivery modes (§11.5.1, §11.6.1). */
    static final int FIXED = 0;

    static final int LOWEST_PRIORITY = 1;
    static final int NMI = 4;

    private static final int BASE_BSP = 1 << 8;
    private static final int BASE_X2APIC = 1 << 10;
    private static final int BASE_ENABLE = 1 << 11;
    private static final int PAGE = 0x1000;

    /** Register numbers: offset divided by 16, as the MSRs count them. */
    private static final int ID = 0x02;

    private static final int VERSION = 0x03;
    private static final int TPR = 0x08;
    private static final int PPR = 0x0a;
    private static final int EOI = 0x0b;
    private static final int LDR = 0x0d;
    private static final int DFR = 0x0e;
    private static final int SVR = 0x0f;
    private static final int ISR = 0x10;
    private static final int TMR = 0x18;
    private static final int IRR = 0x20;
    private static final int ESR = 0x28;
    private static final int ICR_LOW = 0x30;
    private static final int ICR_HIGH = 0x31;
    private static final int LVT_TIMER = 0x32;
    private static final int LVT_ERROR = 0x37;
    private static final int TIMER_INITIAL = 0x38;
    private static final int TIMER_CURRENT = 0x39;
    private static final int TIMER_DIVIDE = 0x3e;
    private static final int SELF_IPI = 0x3f;

    /** Six LVT entries, EOI broadcast cannot be suppressed; an integrated APIC. */
    private static final int VERSION_VALUE = 5 << 16 | 0x14;

    private static final int SVR_ENABLE = 1 << 8;
    private static final int SVR_WRITABLE = 0x3ff;
    private static final int LVT_MASKED = 1 << 16;
    private static final int LVT_TIMER_WRITABLE = 0x7_00ff;
    private static final int LVT_WRITABLE = 0x1_a7ff;
    private static final int LVT_ERROR_WRITABLE = 0x1_00ff;
    private static final int TIMER_MODE_SHIFT = 17;
    private static final int ONE_SHOT = 0;
    private static final int PERIODIC = 1;
    private static final int TSC_DEADLINE_MODE = 2;
    private static final int ICR_WRITABLE = 0xc_cfff;
    private static final int ESR_SEND_ILLEGAL_VECTOR = 1 << 5;
    private static final int ESR_RECEIVE_ILLEGAL_VECTOR = 1 << 6;
    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    private static final int FIRST_LEGAL_VECTOR = 16;

    private final X86Cpu cpu;
    private final int id;
    private final IntConsumer endOfInterrupt;

    private long base;
    private int taskPriority;
    private int logicalDestination;
    private int destinationFormat;
    private int spurious;
    private int errors;
    private int errorsRead;
    private long command;
    private final int[] lvt = new int[6];
    private int initialCount;
    private int divide;

    /** When the timer strikes, in machine time, or NEVER. */
    private long strikes = NEVER;

    private long tscDeadline;

    /** Vectors requested, in service, and level-triggered; 256 bits each. Guarded by this. */
    private final long[] requested = new long[4];

    private final long[] inService = new long[4];
    private final long[] level = new long[4];
    private boolean nmiPending;

    LocalApic(X86Cpu cpu, int id, IntConsumer endOfInterrupt) {
        this.cpu = cpu;
        this.id = id;
        this.endOfInterrupt = endOfInterrupt;
    }

    synchronized void reset() {
        base = DEFAULT_BASE | BASE_ENABLE | (id == 0 ? BASE_BSP : 0);
        taskPriority = 0;
        logicalDestination = 0;
        destinationFormat = -1;
        spurious = 0xff;
        errors = 0;
        errorsRead = 0;
        command = 0;
        Arrays.fill(lvt, LVT_MASKED);
        initialCount = 0;
        divide = 0;
        strikes = NEVER;
        tscDeadline = 0;
        Arrays.fill(requested, 0);
        Arrays.fill(inService, 0);
        Arrays.fill(level, 0);
        nmiPending = false;
        cpu.interruptRequested = false;
    }

    /** The x2APIC ID, fixed; the xAPIC ID is its low byte. */
    int id() {
        return id;
    }

    /** IA32_APIC_BASE. */
    long base() {
        return base;
    }

    private boolean isX2() {
        return (base & BASE_X2APIC) != 0;
    }

    /** §11.12.5: mode changes that are not in the diagram are #GP. */
    void setBase(long value) {
        boolean enabled = (value & BASE_ENABLE) != 0;
        boolean x2 = (value & BASE_X2APIC) != 0;
        boolean wasEnabled = (base & BASE_ENABLE) != 0;
        long known = BASE_BSP | BASE_X2APIC | BASE_ENABLE | addressMask();
        boolean wrong =
                (value & ~known) != 0
                        || x2 && !enabled
                        || isX2() && enabled && !x2
                        || !wasEnabled && x2;
        if (wrong) {
            throw cpu.generalProtection();
        }
        synchronized (this) {
            base = value & ~BASE_BSP | base & BASE_BSP;
        }
    }

    private long addressMask() {
        return (1L << cpu.cluster.model.physicalBits()) - PAGE;
    }

    /** Whether a physical address is in the xAPIC's page. */
    boolean claims(long gpa) {
        return (base & (BASE_ENABLE | BASE_X2APIC)) == BASE_ENABLE
                && (gpa & -PAGE) == (base & addressMask());
    }

    /** A load from the page; only aligned ones of 4 bytes are defined. */
    long readMmio(long gpa, int sizeBytes) {
        int offset = (int) gpa & (PAGE - 1);
        int shift = 8 * (offset & 3);
        long value = (offset & 0xc) == 0 ? Integer.toUnsignedLong(read(offset >> 4)) : 0;
        return value >>> shift & Operand.mask(sizeBytes);
    }

    void writeMmio(long gpa, int sizeBytes, long value) {
        int offset = (int) gpa & (PAGE - 1);
        if ((offset & 0xf) != 0 || sizeBytes != 4) {
            return;
        }
        int register = offset >> 4;
        switch (register) {
            case ICR_LOW -> {
                command = command & -1L << 32 | value & ICR_WRITABLE;
                send();
            }
            case ICR_HIGH -> command = command & 0xffff_ffffL | (value & 0xff00_0000L) << 32;
            case LDR -> logicalDestination = (int) value & 0xff00_0000;
            case DFR -> destinationFormat = (int) value | 0x0fff_ffff;
            case ESR -> latchErrors();
            default -> write(register, (int) value);
        }
    }

    /** RDMSR in x2APIC mode. */
    long readMsr(int register) {
        boolean none =
                !isX2()
                        || register == DFR
                        || register == ICR_HIGH
                        || register == EOI
                        || register == SELF_IPI
                        || !exists(register);
        if (none) {
            throw cpu.generalProtection();
        }
        return register == ICR_LOW ? command : Integer.toUnsignedLong(read(register));
    }

    /** WRMSR in x2APIC mode. */
    void writeMsr(int register, long value) {
        boolean readOnly =
                register == ID
                        || register == VERSION
                        || register == PPR
                        || register == LDR
                        || register >= ISR && register < ESR
                        || register == TIMER_CURRENT;
        boolean none =
                !isX2() || readOnly || register == DFR || register == ICR_HIGH || !exists(register);
        if (none || register != ICR_LOW && value >>> 32 != 0) {
            throw cpu.generalProtection();
        }
        switch (register) {
            case ICR_LOW -> {
                command = value & (-1L << 32 | ICR_WRITABLE);
                send();
            }
            case SELF_IPI -> accept(FIXED, (int) value & 0xff, false);
            case EOI, ESR -> {
                if (value != 0) {
                    throw cpu.generalProtection();
                }
                if (register == ESR) {
                    latchErrors();
                } else {
                    endOfInterrupt();
                }
            }
            default -> write(register, (int) value);
        }
    }

    private static boolean exists(int register) {
        return switch (register) {
            case ID, VERSION, TPR, PPR, EOI, LDR, DFR, SVR, ESR, ICR_LOW, ICR_HIGH -> true;
            case TIMER_INITIAL, TIMER_CURRENT, TIMER_DIVIDE, SELF_IPI -> true;
            default ->
                    register >= ISR && register < ESR
                            || register >= LVT_TIMER && register <= LVT_ERROR;
        };
    }

    private synchronized int read(int register) {
        return switch (register) {
            case ID -> isX2() ? id : id << 24;
            case VERSION -> VERSION_VALUE;
            case TPR -> taskPriority;
            case PPR -> processorPriority();
            case LDR -> isX2() ? logicalX2() : logicalDestination;
            case DFR -> destinationFormat;
            case SVR -> spurious;
            case ESR -> errorsRead;
            case ICR_LOW -> (int) command;
            case ICR_HIGH -> (int) (command >>> 32);
            case TIMER_INITIAL -> initialCount;
            case TIMER_CURRENT -> currentCount();
            case TIMER_DIVIDE -> divide;
            default -> {
                if (register >= ISR && register < ESR) {
                    long[] set = register < TMR ? inService : register < IRR ? level : requested;
                    int word = register & 7;
                    yield (int) (set[word >> 1] >>> (32 * (word & 1)));
                }
                yield register >= LVT_TIMER && register <= LVT_ERROR
                        ? lvt[register - LVT_TIMER]
                        : 0;
            }
        };
    }

    private void write(int register, int value) {
        switch (register) {
            case TPR -> setTaskPriority(value & 0xff);
            case EOI -> endOfInterrupt();
            case SVR -> setSpurious(value & SVR_WRITABLE);
            case LVT_TIMER -> setTimerEntry(value & LVT_TIMER_WRITABLE);
            case TIMER_INITIAL -> setInitialCount(value);
            case TIMER_DIVIDE -> divide = value & 0xb;
            case LVT_ERROR -> setEntry(register, value & LVT_ERROR_WRITABLE);
            default -> {
                if (register > LVT_TIMER && register < LVT_ERROR) {
                    setEntry(register, value & LVT_WRITABLE);
                }
            }
        }
    }

    private void setSpurious(int value) {
        spurious = value;
        if ((value & SVR_ENABLE) == 0) {
            for (int i = 0; i < lvt.length; i++) {
                lvt[i] |= LVT_MASKED;
            }
        }
    }

    private void setEntry(int register, int value) {
        boolean enabled = (spurious & SVR_ENABLE) != 0;
        lvt[register - LVT_TIMER] = enabled ? value : value | LVT_MASKED;
    }

    private void latchErrors() {
        errorsRead = errors;
        errors = 0;
    }

    private void error(int bit) {
        errors |= bit;
        int entry = lvt[LVT_ERROR - LVT_TIMER];
        if ((entry & LVT_MASKED) == 0 && (entry & 0xff) >= FIRST_LEGAL_VECTOR) {
            accept(FIXED, entry & 0xff, false);
        }
    }

    int taskPriority() {
        return taskPriority;
    }

    void setTaskPriority(int value) {
        synchronized (this) {
            taskPriority = value;
            request();
        }
        cpu.checkInterrupts();
    }

    /** §11.8.3.1. */
    private int processorPriority() {
        int serviced = Math.max(highest(inService), 0);
        return (taskPriority & 0xf0) >= (serviced & 0xf0) ? taskPriority : serviced & 0xf0;
    }

    private static int highest(long[] set) {
        for (int word = set.length - 1; word >= 0; word--) {
            if (set[word] != 0) {
                return 64 * word + 63 - Long.numberOfLeadingZeros(set[word]);
            }
        }
        return -1;
    }

    /**
     * Takes an interrupt.
     *
     * @param mode {@link #FIXED}, {@link #LOWEST_PRIORITY} or {@link #NMI}; others do nothing
     */
    void accept(int mode, int vector, boolean levelTriggered) {
        synchronized (this) {
            if (mode == NMI) {
                nmiPending = true;
            } else if (mode > LOWEST_PRIORITY || (spurious & SVR_ENABLE) == 0) {
                return;
            } else if (vector < FIRST_LEGAL_VECTOR) {
                errors |= ESR_RECEIVE_ILLEGAL_VECTOR;
                return;
            } else {
                set(requested, vector, true);
                set(level, vector, levelTriggered);
            }
            request();
        }
        cpu.wake();
    }

    private static void set(long[] set, int vector, boolean value) {
        long bit = 1L << vector;
        set[vector >> 6] = value ? set[vector >> 6] | bit : set[vector >> 6] & ~bit;
    }

    private static boolean isSet(long[] set, int vector) {
        return (set[vector >> 6] >>> vector & 1) != 0;
    }

    /** Drives the processor's inputs. */
    private void request() {
        cpu.nmiRequested = nmiPending;
        int vector = highest(requested);
        cpu.interruptRequested =
                nmiPending || vector >= 0 && vector >> 4 > processorPriority() >> 4;
    }

    /** The processor takes the NMI. */
    synchronized void acknowledgeNmi() {
        nmiPending = false;
        request();
    }

    /** The processor takes an interrupt: its vector, spurious if there is none any more. */
    synchronized int acknowledge() {
        int vector = highest(requested);
        if (vector < 0 || vector >> 4 <= processorPriority() >> 4) {
            request();
            return spurious & 0xff;
        }
        set(requested, vector, false);
        set(inService, vector, true);
        request();
        return vector;
    }

    private void endOfInterrupt() {
        int vector;
        boolean broadcast;
        synchronized (this) {
            vector = highest(inService);
            if (vector < 0) {
                return;
            }
            set(inService, vector, false);
            broadcast = isSet(level, vector);
            request();
        }
        if (broadcast) {
            endOfInterrupt.accept(vector);
        }
        cpu.checkInterrupts();
    }

    /** §11.12.9: cluster and bit follow from the ID. */
    private int logicalX2() {
        return id >>> 4 << 16 | 1 << (id & 0xf);
    }

    /** Whether a message's destination names this APIC (§11.6.2, §11.12.9). */
    boolean matches(int destination, boolean logical) {
        boolean x2 = isX2();
        if (destination == -1 || !x2 && (destination & 0xff) == 0xff) {
            return true;
        }
        if (!logical) {
            return destination == id;
        }
        if (x2) {
            int own = logicalX2();
            return destination >>> 16 == own >>> 16 && (destination & own & 0xffff) != 0;
        }
        int own = logicalDestination >>> 24;
        if (destinationFormat >>> 28 == 0xf) {
            return (destination & own) != 0;
        }
        return (destination & 0xf0) == (own & 0xf0) && (destination & own & 0xf) != 0;
    }

    /** ICR was written (§11.6.1). */
    private void send() {
        int low = (int) command;
        int vector = low & 0xff;
        int mode = low >>> 8 & 7;
        boolean logical = (low & 1 << 11) != 0;
        int shorthand = low >>> 18 & 3;
        int destination = isX2() ? (int) (command >>> 32) : (int) (command >>> 56) & 0xff;
        if (mode <= LOWEST_PRIORITY && vector < FIRST_LEGAL_VECTOR) {
            error(ESR_SEND_ILLEGAL_VECTOR);
            return;
        }
        switch (shorthand) {
            case 1 -> accept(mode, vector, false);
            case 2 -> cpu.cluster.broadcast(this, true, mode, vector);
            case 3 -> cpu.cluster.broadcast(this, false, mode, vector);
            default -> cpu.cluster.route(destination, logical, mode, vector, false);
        }
    }

    private int timerMode() {
        return lvt[0] >>> TIMER_MODE_SHIFT & 3;
    }

    private void setTimerEntry(int value) {
        int before = timerMode();
        setEntry(LVT_TIMER, value);
        if ((before == TSC_DEADLINE_MODE) != (timerMode() == TSC_DEADLINE_MODE)) {
            strikes = NEVER;
            initialCount = 0;
            tscDeadline = 0;
        }
    }

    private void setInitialCount(int value) {
        if (timerMode() != TSC_DEADLINE_MODE) {
            initialCount = value;
            strikes = value == 0 ? NEVER : now() + periodNanos();
        }
    }

    private long now() {
        return cpu.clock.nanos();
    }

    /** Divide configuration (§11.5.4): 1 to 128. */
    private long periodNanos() {
        int shift = (divide & 3 | divide >> 1 & 4) + 1 & 7;
        return (Integer.toUnsignedLong(initialCount) << shift) * (NANOS_PER_SECOND / Msrs.TSC_HZ);
    }

    private int currentCount() {
        if (strikes == NEVER || timerMode() == TSC_DEADLINE_MODE) {
            return 0;
        }
        long left = Math.max(0, strikes - now());
        int shift = (divide & 3 | divide >> 1 & 4) + 1 & 7;
        return (int) (left >>> shift);
    }

    /** IA32_TSC_DEADLINE. */
    long deadline() {
        return timerMode() == TSC_DEADLINE_MODE ? tscDeadline : 0;
    }

    void setDeadline(long value) {
        if (timerMode() == TSC_DEADLINE_MODE) {
            tscDeadline = value;
            strikes = value == 0 ? NEVER : Math.max(0, cpu.msrs.nanosAt(value));
            poll();
        }
    }

    /** Machine time at which {@link #poll} has something to do, or NEVER. */
    long strikesAtNanos() {
        return strikes;
    }

    /** Has the timer strike if it is time. */
    void poll() {
        if (strikes == NEVER || now() < strikes) {
            return;
        }
        int mode = timerMode();
        if (mode == PERIODIC && initialCount != 0) {
            long period = periodNanos();
            strikes += ((now() - strikes) / period + 1) * period;
        } else {
            strikes = NEVER;
            tscDeadline = 0;
        }
        if ((lvt[0] & LVT_MASKED) == 0 && mode <= TSC_DEADLINE_MODE && mode >= ONE_SHOT) {
            accept(FIXED, lvt[0] & 0xff, false);
        }
    }
}
