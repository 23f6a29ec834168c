package nestor.machine.gic;

import java.util.Arrays;

/**
 * State of consecutive interrupts, in words of 32, and the registers that show it, which have the
 * same offsets in the Distributor (SPIs) and in a Redistributor's SGI frame (SGIs and PPIs): GICD_*
 * §12.9, GICR_* §12.11. INTIDs of a frame outside the bank are RAZ/WI.
 *
 * <p>Called with the GIC's lock held.
 */
final class InterruptBank {
    /** Who delivers a bank's interrupts. */
    interface Delivery {
        /**
         * The state of {@code intid} changed.
         *
         * @param eligible whether it is pending, enabled and not active
         */
        void update(int intid, boolean eligible, int group, int level);
    }

    static final long IGROUPR = 0x080;
    static final long ISENABLER = 0x100;
    static final long ICENABLER = 0x180;
    static final long ISPENDR = 0x200;
    static final long ICPENDR = 0x280;
    static final long ISACTIVER = 0x300;
    static final long ICACTIVER = 0x380;
    static final long IPRIORITYR = 0x400;
    static final long ITARGETSR = 0x800;
    static final long ICFGR = 0xc00;
    static final long END = 0xd00;

    private static final int BITMAP_BYTES = 0x80;
    private static final int SGIS = 16;

    /** Implemented bits of a priority byte. */
    static final int PRIORITY_MASK = 0xf8;

    private static final int PRIORITY_SHIFT = 3;

    private final int first;
    private final Delivery delivery;
    private final int[] group;
    private final int[] enabled;

    /** Pending by an edge, a message or a write of ISPENDR, until acknowledged. */
    private final int[] latched;

    /** What the wires say; survives a reset, because devices drive it. */
    private final int[] wires;

    private final int[] active;
    private final int[] edge;
    private final byte[] priority;

    /**
     * A bank in its reset state.
     *
     * @param first INTID, a multiple of 32
     * @param count of interrupts, a multiple of 32
     */
    InterruptBank(int first, int count, Delivery delivery) {
        this.first = first;
        this.delivery = delivery;
        int words = count / Integer.SIZE;
        group = new int[words];
        enabled = new int[words];
        latched = new int[words];
        wires = new int[words];
        active = new int[words];
        edge = new int[words];
        priority = new byte[count];
        reset();
    }

    void reset() {
        for (int[] state : new int[][] {group, enabled, latched, active, edge}) {
            Arrays.fill(state, 0);
        }
        Arrays.fill(priority, (byte) 0);
        if (first == 0) {
            edge[0] = (1 << SGIS) - 1;
        }
        updateAll();
    }

    /** Drives the wire of {@code intid}. */
    void wire(int intid, boolean asserted) {
        int word = word(intid);
        int bit = bit(intid);
        boolean was = (wires[word] & bit) != 0;
        if (was == asserted) {
            return;
        }
        wires[word] ^= bit;
        if (asserted && (edge[word] & bit) != 0) {
            latched[word] |= bit;
        }
        update(intid);
    }

    /** Makes {@code intid} pending, as a message or SGI does. */
    void pend(int intid) {
        latched[word(intid)] |= bit(intid);
        update(intid);
    }

    /** Acknowledge: pending becomes active; a wire that is still high stays pending as well. */
    void acknowledge(int intid) {
        latched[word(intid)] &= ~bit(intid);
        active[word(intid)] |= bit(intid);
        update(intid);
    }

    void deactivate(int intid) {
        active[word(intid)] &= ~bit(intid);
        update(intid);
    }

    boolean contains(int intid) {
        return intid >= first && intid < first + priority.length;
    }

    int groupOf(int intid) {
        return (group[word(intid)] & bit(intid)) != 0 ? 1 : 0;
    }

    /** Tells the delivery about every interrupt anew. */
    void updateAll() {
        for (int intid = first; intid < first + priority.length; intid++) {
            update(intid);
        }
    }

    /** Tells the delivery about {@code intid} anew. */
    void update(int intid) {
        int word = word(intid);
        boolean eligible = (pending(word) & enabled[word] & ~active[word] & bit(intid)) != 0;
        int level = (priority[intid - first] & PRIORITY_MASK) >>> PRIORITY_SHIFT;
        delivery.update(intid, eligible, groupOf(intid), level);
    }

    long read(long offset, int sizeBytes) {
        if (offset >= IPRIORITYR && offset < ITARGETSR) {
            long value = 0;
            for (int i = sizeBytes - 1; i >= 0; i--) {
                int intid = (int) (offset - IPRIORITYR) + i;
                value = value << Byte.SIZE | (contains(intid) ? priority[intid - first] & 0xff : 0);
            }
            return value;
        }
        long word = Integer.toUnsignedLong(readWord(offset & -4));
        if (sizeBytes == 8) {
            return word | Integer.toUnsignedLong(readWord(offset + 4)) << Integer.SIZE;
        }
        return word >>> Byte.SIZE * (int) (offset & 3);
    }

    /** Bytes count in IPRIORITYR only, whole words elsewhere. */
    void write(long offset, int sizeBytes, long value) {
        if (offset >= IPRIORITYR && offset < ITARGETSR) {
            for (int i = 0; i < sizeBytes; i++) {
                int intid = (int) (offset - IPRIORITYR) + i;
                if (contains(intid)) {
                    priority[intid - first] = (byte) (value >>> Byte.SIZE * i & PRIORITY_MASK);
                    update(intid);
                }
            }
        } else if (sizeBytes >= 4) {
            writeWord(offset, (int) value);
            if (sizeBytes == 8) {
                writeWord(offset + 4, (int) (value >>> Integer.SIZE));
            }
        }
    }

    private int readWord(long offset) {
        if (offset >= ICFGR) {
            return offset < END ? readConfiguration((int) (offset - ICFGR) / 4) : 0;
        }
        int word = word((int) (offset % BITMAP_BYTES) * Byte.SIZE);
        if (offset < IGROUPR || offset >= IPRIORITYR || word < 0 || word >= group.length) {
            return 0;
        }
        return switch ((int) (offset & -BITMAP_BYTES)) {
            case (int) IGROUPR -> group[word];
            case (int) ISENABLER, (int) ICENABLER -> enabled[word];
            case (int) ISPENDR, (int) ICPENDR -> pending(word);
            default -> active[word];
        };
    }

    private void writeWord(long offset, int value) {
        if (offset >= ICFGR) {
            if (offset < END) {
                writeConfiguration((int) (offset - ICFGR) / 4, value);
            }
            return;
        }
        int word = word((int) (offset % BITMAP_BYTES) * Byte.SIZE);
        if (offset < IGROUPR || offset >= IPRIORITYR || word < 0 || word >= group.length) {
            return;
        }
        switch ((int) (offset & -BITMAP_BYTES)) {
            case (int) IGROUPR -> group[word] = value;
            case (int) ISENABLER -> enabled[word] |= value;
            case (int) ICENABLER -> enabled[word] &= ~value;
            case (int) ISPENDR -> latched[word] |= value;
            case (int) ICPENDR -> latched[word] &= ~value;
            case (int) ISACTIVER -> active[word] |= value;
            default -> active[word] &= ~value;
        }
        updateWord(word);
    }

    /** Two bits an interrupt, of which the upper says edge; SGIs always are (§12.9.9). */
    private int readConfiguration(int register) {
        int base = register * SGIS;
        int value = 0;
        for (int i = 0; i < SGIS; i++) {
            if (contains(base + i) && (edge[word(base + i)] & bit(base + i)) != 0) {
                value |= 2 << 2 * i;
            }
        }
        return value;
    }

    private void writeConfiguration(int register, int value) {
        int base = register * SGIS;
        for (int i = 0; i < SGIS; i++) {
            if (base + i < SGIS || !contains(base + i)) {
                continue;
            }
            if ((value & 2 << 2 * i) != 0) {
                edge[word(base + i)] |= bit(base + i);
            } else {
                edge[word(base + i)] &= ~bit(base + i);
            }
            update(base + i);
        }
    }

    private void updateWord(int word) {
        int base = first + word * Integer.SIZE;
        for (int intid = base; intid < base + Integer.SIZE; intid++) {
            update(intid);
        }
    }

    private int pending(int word) {
        return latched[word] | wires[word] & ~edge[word];
    }

    private int word(int intid) {
        return intid < first ? -1 : (intid - first) / Integer.SIZE;
    }

    private static int bit(int intid) {
        return 1 << (intid % Integer.SIZE);
    }
}
