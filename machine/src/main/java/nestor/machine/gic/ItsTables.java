package nestor.machine.gic;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;

import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.BitField;

/**
 * The ITS's tables, all in guest memory (§5.2), so that nothing a guest maps makes the host grow:
 * the device table (flat or two-level) and the collection table that GITS_BASER0 and 1 point to,
 * and the devices' interrupt translation tables that MAPD points to. Entries have 8 bytes; their
 * format is ours (the architecture leaves it open), and each is judged anew when it is read.
 *
 * <p>A missing table, or one that is not RAM, reads as entries that are not valid and cannot be
 * written. Called with the GIC's lock held.
 */
final class ItsTables {
    static final int ENTRY_BYTES = 8;

    /** In every entry: it maps something. */
    static final BitField VALID = bit(63);

    /** Device table entry: the device's interrupt translation table … */
    static final BitField ITT = bits(51, 8);

    /** … and how many bits its EventIDs have, minus 1. */
    static final BitField EVENT_BITS = bits(4, 0);

    /** Collection table entry: the vCPU. */
    static final BitField TARGET = bits(15, 0);

    /** Interrupt translation entry: the LPI … */
    static final BitField INTID = bits(31, 0);

    /** … and its collection. */
    static final BitField COLLECTION = bits(47, 32);

    private static final BitField INDIRECT = bit(62);
    private static final BitField PAGE_SIZE = bits(9, 8);
    private static final BitField SIZE = bits(7, 0);
    private static final BitField PHYSICAL_ADDRESS = bits(47, 12);
    private static final BitField LEVEL_1_ADDRESS = bits(51, 12);

    private final GuestMemory memory;

    ItsTables(GuestMemory memory) {
        this.memory = memory;
    }

    /** The entry of {@code index} in the table that {@code baser} describes. */
    long read(long baser, long index) {
        try {
            long gpa = locate(baser, index);
            return gpa == 0 ? 0 : memory.getLongLe(gpa);
        } catch (GuestAccessException e) {
            return 0;
        }
    }

    /** Stores an entry; says whether there is a place for it. */
    boolean write(long baser, long index, long entry) {
        try {
            long gpa = locate(baser, index);
            if (gpa == 0) {
                return false;
            }
            memory.setLongLe(gpa, entry);
            return true;
        } catch (GuestAccessException e) {
            return false;
        }
    }

    /** The interrupt translation entry of an event below the device's limit. */
    long readItt(long deviceEntry, long eventId) {
        try {
            return memory.getLongLe(ITT.getInPlace(deviceEntry) + eventId * ENTRY_BYTES);
        } catch (GuestAccessException e) {
            return 0;
        }
    }

    /** Stores an interrupt translation entry; says whether there is a place for it. */
    boolean writeItt(long deviceEntry, long eventId, long entry) {
        try {
            memory.setLongLe(ITT.getInPlace(deviceEntry) + eventId * ENTRY_BYTES, entry);
            return true;
        } catch (GuestAccessException e) {
            return false;
        }
    }

    /** How many entries the table's pages hold. */
    long capacity(long baser) {
        if (!VALID.isSet(baser)) {
            return 0;
        }
        long bytes = (SIZE.get(baser) + 1) << pageLog2(baser);
        long entries = bytes / ENTRY_BYTES;
        return INDIRECT.isSet(baser) ? entries << pageLog2(baser) - 3 : entries;
    }

    /** Where the entry is; 0, which is never RAM here, if it has no place. */
    private long locate(long baser, long index) throws GuestAccessException {
        if (index < 0 || index >= capacity(baser)) {
            return 0;
        }
        long base = PHYSICAL_ADDRESS.getInPlace(baser) & -(1L << pageLog2(baser));
        if (!INDIRECT.isSet(baser)) {
            return base + index * ENTRY_BYTES;
        }
        long perPage = (1L << pageLog2(baser)) / ENTRY_BYTES;
        long level1 = memory.getLongLe(base + index / perPage * ENTRY_BYTES);
        if (!VALID.isSet(level1)) {
            return 0;
        }
        long page = LEVEL_1_ADDRESS.getInPlace(level1) & -(1L << pageLog2(baser));
        return page + index % perPage * ENTRY_BYTES;
    }

    /** 4 KiB, 16 KiB, or 64 KiB; the reserved encoding means 64 KiB as well. */
    private static int pageLog2(long baser) {
        return 12 + 2 * Math.min(2, PAGE_SIZE.getInt(baser));
    }
}
