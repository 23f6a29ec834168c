package nestor.paging;

import nestor.vmm.memory.GuestAccessException;

/** Where the walker reads descriptors from: guest RAM, or a further stage of translation. */
@FunctionalInterface
public interface TableMemory {
    /**
     * Reads one 8-byte little-endian descriptor, single-copy atomically.
     *
     * @param address a multiple of 8, in the address space the tables are written in
     * @throws GuestAccessException if nothing backs the address: an external abort on the fetch
     */
    long descriptor(long address) throws GuestAccessException;
}
