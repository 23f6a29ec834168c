package nestor.paging;

import nestor.vmm.memory.GuestAccessException;

/**
 * Where the walker reads and updates descriptors: guest RAM, or a further stage of translation.
 * Descriptors are 8 bytes, little-endian, and accessed single-copy atomically; addresses are
 * multiples of 8 in the address space the tables are written in.
 */
public interface TableMemory {
    /**
     * Reads one descriptor.
     *
     * @throws GuestAccessException if nothing backs the address: an external abort on the fetch
     * @throws TableFaultException if the further stage does not let the walk read there
     */
    long descriptor(long address) throws GuestAccessException, TableFaultException;

    /**
     * Replaces one descriptor if it still is {@code expected}.
     *
     * @return the descriptor found, equal to {@code expected} exactly if it was replaced
     * @throws GuestAccessException if nothing backs the address
     * @throws TableFaultException if the further stage does not let the walk write there
     */
    long compareAndExchange(long address, long expected, long value)
            throws GuestAccessException, TableFaultException;

    /** The same tables for a walk that leaves no trace; nothing is ever exchanged in them. */
    default TableMemory probing() {
        return this;
    }
}
