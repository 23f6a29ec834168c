package nestor.machine.gic;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import java.lang.foreign.MemorySegment;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.BitField;

/**
 * The LPIs of one Redistributor (§5.1). Priority and enable of a pending LPI are what the guest's
 * property table said when it became pending, or at the last INV, INVALL or enabling since; the
 * pending state lives here and is moved from and to the guest's pending table when LPIs are turned
 * on and off.
 *
 * <p>Called with the GIC's lock held.
 */
final class Lpis {
    /** The lowest LPI INTID. */
    static final int FIRST = 8192;

    private static final int COUNT = (1 << GicV3.INTID_BITS) - FIRST;

    /** A byte of the property table (§5.1.1). */
    private static final BitField PRIORITY_LEVEL = bits(7, 3);

    private static final BitField ENABLE = bit(0);

    private final GuestMemory memory;
    private PendingSet pending = new PendingSet(COUNT);
    private boolean enabled;
    private boolean stale;
    private long propertyTable;
    private long pendingTable;
    private int count;

    Lpis(GuestMemory memory) {
        this.memory = memory;
    }

    boolean enabled() {
        return enabled;
    }

    void reset() {
        enabled = false;
        stale = false;
        pending = new PendingSet(COUNT);
    }

    /**
     * GICR_CTLR.EnableLPIs becomes 1.
     *
     * @param intidBits how many INTIDs the property table covers, as a power of two
     * @param load whether the pending table may hold ones
     */
    void enable(long propertyTable, int intidBits, long pendingTable, boolean load) {
        this.propertyTable = propertyTable;
        this.pendingTable = pendingTable;
        int intids = 1 << Math.min(intidBits, GicV3.INTID_BITS);
        count = Math.max(0, intids - FIRST);
        enabled = true;
        if (load && count > 0) {
            loadPending();
        }
    }

    private void loadPending() {
        byte[] table = new byte[count / Byte.SIZE];
        try {
            memory.copyOut(pendingTable + FIRST / Byte.SIZE, MemorySegment.ofArray(table));
        } catch (GuestAccessException e) {
            return; // a table that is not RAM: §5.1.2 leaves it open; nothing is pending
        }
        for (int i = 0; i < count; i++) {
            if ((table[i / Byte.SIZE] >> i % Byte.SIZE & 1) != 0) {
                pending.add(i, level(i));
            }
        }
    }

    /** EnableLPIs becomes 0: the pending state goes back to the guest's table. */
    void disable() {
        byte[] table = new byte[count / Byte.SIZE];
        while (!pending.isEmpty()) {
            int i = pending.removeAny();
            table[i / Byte.SIZE] |= (byte) (1 << i % Byte.SIZE);
        }
        try {
            memory.copyIn(MemorySegment.ofArray(table), pendingTable + FIRST / Byte.SIZE);
        } catch (GuestAccessException e) {
            return; // a table that is not RAM: what was pending is lost
        } finally {
            enabled = false;
        }
    }

    /** Makes {@code intid} pending; ignored unless LPIs are on and the property table covers it. */
    void set(int intid) {
        int i = intid - FIRST;
        if (enabled && i >= 0 && i < count) {
            pending.remove(i);
            pending.add(i, level(i));
        }
    }

    /** Makes {@code intid} not pending; says whether it was. */
    boolean clear(int intid) {
        int i = intid - FIRST;
        return i >= 0 && i < count && pending.remove(i);
    }

    /** INV: the property table's byte of {@code intid} counts anew. */
    void reload(int intid) {
        if (clear(intid)) {
            set(intid);
        }
    }

    /** INVALL: the whole property table counts anew, at the next {@link #settle}. */
    void reloadAll() {
        stale = true;
    }

    /** After a batch of ITS commands: does what {@link #reloadAll} asked for, once. */
    void settle() {
        if (!stale) {
            return;
        }
        stale = false;
        PendingSet before = pending;
        pending = new PendingSet(COUNT);
        while (!before.isEmpty()) {
            set(before.removeAny() + FIRST);
        }
    }

    /** MOVALL: everything that is pending here becomes pending there. */
    void moveAllTo(Lpis target) {
        if (target == this || !target.enabled) {
            return;
        }
        if (pending.members() > target.pending.members()) { // move the smaller set
            PendingSet fewer = target.pending;
            target.pending = pending;
            pending = fewer;
            target.stale |= stale || !hasTableOf(target);
        }
        while (!pending.isEmpty()) {
            target.set(pending.removeAny() + FIRST);
        }
    }

    private boolean hasTableOf(Lpis other) {
        return propertyTable == other.propertyTable && count == other.count;
    }

    /** The best priority level of a pending and enabled LPI, or {@link PendingSet#MASKED}. */
    int bestLevel() {
        return enabled ? pending.bestLevel() : PendingSet.MASKED;
    }

    /** The INTID to deliver at {@code level}. */
    int first(int level) {
        return pending.first(level) + FIRST;
    }

    private int level(int i) {
        try {
            byte properties = memory.getByte(propertyTable + i);
            return ENABLE.isSet(properties) ? PRIORITY_LEVEL.getInt(properties) : PendingSet.MASKED;
        } catch (GuestAccessException e) {
            return PendingSet.MASKED;
        }
    }
}
