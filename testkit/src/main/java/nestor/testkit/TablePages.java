package nestor.testkit;

import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

/**
 * RAM set aside for page tables, handed out from its start and never taken back. Tables may know it
 * under another address than the GPA: stage-1 tables behind a second stage.
 */
public final class TablePages {
    private final GuestMemory memory;
    private final long gpa;
    private final long address;
    private final long sizeBytes;
    private long used;

    /**
     * Tables that know RAM by its GPA.
     *
     * @param gpa where the tables begin
     * @param sizeBytes how much they may take, all zero
     */
    public TablePages(GuestMemory memory, long gpa, long sizeBytes) {
        this(memory, gpa, sizeBytes, gpa);
    }

    /**
     * Tables that know {@code gpa} as {@code address}; the second stage must map it so.
     *
     * @param sizeBytes how much they may take, all zero
     */
    public TablePages(GuestMemory memory, long gpa, long sizeBytes, long address) {
        this.memory = memory;
        this.gpa = gpa;
        this.sizeBytes = sizeBytes;
        this.address = address;
    }

    /** The address, in the tables' space, of a new table, aligned to its size. */
    long allocate(int sizeLog2) {
        long aligned = (address + used + (1L << sizeLog2) - 1) & -1L << sizeLog2;
        used = aligned - address + (1L << sizeLog2);
        if (used > sizeBytes) {
            throw new IllegalStateException("the pages set aside for tables are used up");
        }
        return aligned;
    }

    /** The GPA of an address in the tables' space. */
    public long gpa(long tableAddress) {
        return tableAddress - address + gpa;
    }

    long read(long tableAddress) {
        try {
            return memory.getLongLe(gpa(tableAddress));
        } catch (GuestAccessException e) {
            throw new IllegalStateException("tables are in RAM", e);
        }
    }

    void write(long tableAddress, long descriptor) {
        try {
            memory.setLongLe(gpa(tableAddress), descriptor);
        } catch (GuestAccessException e) {
            throw new IllegalStateException("tables are in RAM", e);
        }
    }
}
