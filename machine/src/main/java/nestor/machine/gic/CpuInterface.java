package nestor.machine.gic;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.cpu.arm64.SystemRegisterPort;
import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.register.BitField;

/**
 * One vCPU's CPU interface, ICC_* (§4, §12.2), with 5 priority bits: chooses the highest priority
 * pending interrupt, drives the vCPU's wires, acknowledges and ends interrupts.
 *
 * <p>System registers are accessed on the vCPU's thread; the rest is called with the GIC's lock
 * held.
 */
final class CpuInterface implements SystemRegisterPort {
    /** No pending interrupt (§2.2.1). */
    static final int SPURIOUS = 1023;

    private static final int FIRST_SPECIAL = 1020;
    private static final int INTIDS = 1024;

    /** Where the fields of an encoding lie (see {@link SystemRegisterPort}); op0 is 3, op1 0. */
    private static final int CRN = 7;

    private static final int CRM = 3;
    private static final int OP0 = 3 << 14;

    private static final int PMR = OP0 | 4 << CRN | 6 << CRM | 0;
    private static final int IAR0 = OP0 | 12 << CRN | 8 << CRM | 0;
    private static final int EOIR0 = OP0 | 12 << CRN | 8 << CRM | 1;
    private static final int HPPIR0 = OP0 | 12 << CRN | 8 << CRM | 2;
    private static final int BPR0 = OP0 | 12 << CRN | 8 << CRM | 3;
    private static final int AP0R0 = OP0 | 12 << CRN | 8 << CRM | 4;
    private static final int AP1R0 = OP0 | 12 << CRN | 9 << CRM | 0;
    private static final int DIR = OP0 | 12 << CRN | 11 << CRM | 1;
    private static final int RPR = OP0 | 12 << CRN | 11 << CRM | 3;
    private static final int SGI1R = OP0 | 12 << CRN | 11 << CRM | 5;
    private static final int ASGI1R = OP0 | 12 << CRN | 11 << CRM | 6;
    private static final int SGI0R = OP0 | 12 << CRN | 11 << CRM | 7;
    private static final int IAR1 = OP0 | 12 << CRN | 12 << CRM | 0;
    private static final int EOIR1 = OP0 | 12 << CRN | 12 << CRM | 1;
    private static final int HPPIR1 = OP0 | 12 << CRN | 12 << CRM | 2;
    private static final int BPR1 = OP0 | 12 << CRN | 12 << CRM | 3;
    private static final int CTLR = OP0 | 12 << CRN | 12 << CRM | 4;
    private static final int SRE = OP0 | 12 << CRN | 12 << CRM | 5;
    private static final int IGRPEN0 = OP0 | 12 << CRN | 12 << CRM | 6;
    private static final int IGRPEN1 = OP0 | 12 << CRN | 12 << CRM | 7;

    private static final BitField PRIORITY = bits(7, 3);
    private static final BitField BINARY_POINT = bits(2, 0);
    private static final BitField CBPR = bit(0);
    private static final BitField EOI_MODE = bit(1);
    private static final BitField PRI_BITS = bits(10, 8);
    private static final BitField INTID = bits(23, 0);
    private static final BitField GROUP_ENABLE = bit(0);
    private static final long CTLR_FIXED = PRI_BITS.set(0, 4);

    /** ICC_SRE_EL1: SRE, DFB and DIB are all fixed to 1. */
    private static final long SYSTEM_REGISTERS_ONLY = 7;

    /** Idle priority; a running priority of this masks nothing. */
    private static final int IDLE = 0xff;

    /** Smallest binary points that 5 priority bits allow, per group (§4.8.2). */
    private static final int[] MIN_BINARY_POINT = {2, 3};

    private final GicV3 gic;
    private final int number;

    /** SGIs, PPIs and SPIs that are forwarded here, per group. */
    private final PendingSet[] forwarded = {new PendingSet(INTIDS), new PendingSet(INTIDS)};

    private long pmr;
    private long ctlr;
    private final int[] binaryPoint = new int[2];
    private final int[] activePriorities = new int[2];
    private final boolean[] groupEnabled = new boolean[2];

    /** The wire of group 0 is FIQ, that of group 1 IRQ. */
    private final IrqLine[] wires = {_ -> {}, _ -> {}};

    private volatile boolean fiq;
    private volatile boolean irq;

    CpuInterface(GicV3 gic, int number) {
        this.gic = gic;
        this.number = number;
        clear();
    }

    void connect(IrqLine irqWire, IrqLine fiqWire) {
        wires[1] = irqWire;
        wires[0] = fiqWire;
    }

    void reset() {
        clear();
        evaluate();
    }

    private void clear() {
        pmr = 0;
        ctlr = 0;
        for (int group = 0; group < 2; group++) {
            binaryPoint[group] = MIN_BINARY_POINT[group];
            activePriorities[group] = 0;
            groupEnabled[group] = false;
        }
    }

    /** What the Distributor or Redistributor says of {@code intid} now. */
    void offer(int intid, boolean pending, int group, int level) {
        boolean was = forwarded[0].remove(intid) || forwarded[1].remove(intid);
        if (pending) {
            forwarded[group].add(intid, level);
        }
        if (was || pending) {
            evaluate();
        }
    }

    /** Recomputes the wires from everything that is pending. */
    void evaluate() {
        int candidate = highestPending();
        boolean signal = candidate != SPURIOUS && preempts(candidate);
        boolean nextIrq = signal && groupOf(candidate) == 1;
        boolean nextFiq = signal && !nextIrq;
        if (nextFiq != fiq || nextIrq != irq) {
            fiq = nextFiq;
            irq = nextIrq;
            gic.wiresChanged(number);
        }
    }

    /** Drives the wires; the GIC's lock is not held. Concurrent calls settle on the last state. */
    void publish() {
        boolean driven;
        do {
            driven = irq;
            wires[1].set(driven);
        } while (driven != irq);
        do {
            driven = fiq;
            wires[0].set(driven);
        } while (driven != fiq);
    }

    private int levelOf(int group) {
        if (!groupEnabled[group] || gic.redistributor(number).asleep()) {
            return PendingSet.MASKED;
        }
        int level = forwarded[group].bestLevel();
        return group == 1 && gic.forwards(1) ? Math.min(level, lpis().bestLevel()) : level;
    }

    private int highestPending() {
        int level0 = levelOf(0);
        int level1 = levelOf(1);
        if (level0 == PendingSet.MASKED && level1 == PendingSet.MASKED) {
            return SPURIOUS;
        }
        int first0 = level0 <= level1 ? forwarded[0].first(level0) : Integer.MAX_VALUE;
        int first1 = level1 <= level0 ? firstOfGroup1(level1) : Integer.MAX_VALUE;
        return Math.min(first0, first1);
    }

    private int firstOfGroup1(int level) {
        return forwarded[1].bestLevel() == level ? forwarded[1].first(level) : lpis().first(level);
    }

    /**
     * The group that {@code intid}, the highest pending, was forwarded with: what its register says
     * may be newer, while the interrupts of one word are updated one after the other.
     */
    private int groupOf(int intid) {
        return intid < Lpis.FIRST && forwarded[0].contains(intid) ? 0 : 1;
    }

    private int priorityOf(int intid) {
        return (int) PRIORITY.set(0, levelOf(groupOf(intid)));
    }

    /** Whether {@code intid}, the highest pending, passes the mask and the running priority. */
    private boolean preempts(int intid) {
        int priority = priorityOf(intid);
        return priority < pmr && (priority & groupPriorityMask(groupOf(intid))) < runningPriority();
    }

    /** The bits of a priority that count for preemption (§4.8.2). */
    private int groupPriorityMask(int group) {
        if (group == 0 || CBPR.isSet(ctlr)) {
            return -1 << (binaryPoint[0] + 1);
        }
        return -1 << binaryPoint[1];
    }

    private int runningPriority() {
        int active = activePriorities[0] | activePriorities[1];
        return active == 0 ? IDLE : (int) PRIORITY.set(0, Integer.numberOfTrailingZeros(active));
    }

    private Lpis lpis() {
        return gic.redistributor(number).lpis();
    }

    @Override
    public boolean implemented(int encoding) {
        return encoding == PMR
                || (encoding >= IAR0 && encoding <= AP0R0)
                || encoding == AP1R0
                || encoding == DIR
                || encoding == RPR
                || (encoding >= SGI1R && encoding <= SGI0R)
                || (encoding >= IAR1 && encoding <= IGRPEN1);
    }

    @Override
    public long read(int encoding) {
        long value;
        long changed;
        synchronized (gic.lock) {
            value = readLocked(encoding);
            changed = gic.takeChanged();
        }
        gic.publish(changed);
        return value;
    }

    @Override
    public void write(int encoding, long value) {
        long changed;
        synchronized (gic.lock) {
            writeLocked(encoding, value);
            changed = gic.takeChanged();
        }
        gic.publish(changed);
    }

    private long readLocked(int encoding) {
        return switch (encoding) {
            case PMR -> pmr;
            case IAR0 -> acknowledge(0);
            case IAR1 -> acknowledge(1);
            case HPPIR0 -> highestPendingOf(0);
            case HPPIR1 -> highestPendingOf(1);
            case BPR0 -> binaryPoint[0];
            case BPR1 -> CBPR.isSet(ctlr) ? Math.min(7, binaryPoint[0] + 1) : binaryPoint[1];
            case AP0R0 -> Integer.toUnsignedLong(activePriorities[0]);
            case AP1R0 -> Integer.toUnsignedLong(activePriorities[1]);
            case RPR -> runningPriority();
            case CTLR -> CTLR_FIXED | ctlr;
            case SRE -> SYSTEM_REGISTERS_ONLY;
            case IGRPEN0 -> groupEnabled[0] ? 1 : 0;
            case IGRPEN1 -> groupEnabled[1] ? 1 : 0;
            default -> 0; // write-only ones
        };
    }

    private void writeLocked(int encoding, long value) {
        switch (encoding) {
            case PMR -> pmr = PRIORITY.getInPlace(value);
            case EOIR0 -> endOfInterrupt(0, INTID.getInt(value));
            case EOIR1 -> endOfInterrupt(1, INTID.getInt(value));
            case DIR -> {
                if (EOI_MODE.isSet(ctlr)) {
                    deactivate(INTID.getInt(value));
                }
            }
            case BPR0 -> setBinaryPoint(0, value);
            case BPR1 -> {
                if (!CBPR.isSet(ctlr)) {
                    setBinaryPoint(1, value);
                }
            }
            case AP0R0 -> activePriorities[0] = (int) value;
            case AP1R0 -> activePriorities[1] = (int) value;
            case CTLR -> ctlr = value & (CBPR.mask() | EOI_MODE.mask());
            case IGRPEN0 -> groupEnabled[0] = GROUP_ENABLE.isSet(value);
            case IGRPEN1 -> groupEnabled[1] = GROUP_ENABLE.isSet(value);
            case SGI0R -> gic.generateSgi(number, value, 0);
            case SGI1R -> gic.generateSgi(number, value, 1);
            case ASGI1R -> {} // for the other security state, which there is not
            default -> {} // read-only ones
        }
        evaluate();
    }

    private void setBinaryPoint(int group, long value) {
        binaryPoint[group] = Math.max(MIN_BINARY_POINT[group], BINARY_POINT.getInt(value));
    }

    private int highestPendingOf(int group) {
        int intid = highestPending();
        return intid != SPURIOUS && groupOf(intid) == group ? intid : SPURIOUS;
    }

    private int acknowledge(int group) {
        int intid = highestPendingOf(group);
        if (intid == SPURIOUS || !preempts(intid)) {
            return SPURIOUS;
        }
        int groupPriority = priorityOf(intid) & groupPriorityMask(group);
        activePriorities[group] |= 1 << PRIORITY.getInt(groupPriority);
        if (intid >= Lpis.FIRST) {
            lpis().clear(intid);
        } else {
            gic.bankOf(number, intid).acknowledge(intid);
        }
        evaluate();
        return intid;
    }

    /** Priority drop, and without EOImode deactivation too (§4.1.1). */
    private void endOfInterrupt(int group, int intid) {
        boolean special = intid >= FIRST_SPECIAL && intid < INTIDS;
        int other = activePriorities[1 - group];
        int own = activePriorities[group];
        boolean highestIsOwn =
                own != 0
                        && Integer.numberOfTrailingZeros(own)
                                <= Integer.numberOfTrailingZeros(other);
        if (special || !highestIsOwn) {
            return;
        }
        activePriorities[group] = own & (own - 1);
        if (!EOI_MODE.isSet(ctlr)) {
            deactivate(intid);
        }
    }

    private void deactivate(int intid) {
        if (intid < FIRST_SPECIAL && gic.exists(intid)) {
            gic.bankOf(number, intid).deactivate(intid);
        }
    }
}
