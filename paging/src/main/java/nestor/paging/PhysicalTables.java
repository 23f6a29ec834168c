package nestor.paging;

import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

/** Tables whose addresses are guest-physical. */
public record PhysicalTables(GuestMemory memory) implements TableMemory {
    @Override
    public long descriptor(long address) throws GuestAccessException {
        return memory.getLongLe(address);
    }

    @Override
    public long compareAndExchange(long address, long expected, long value)
            throws GuestAccessException {
        return memory.compareAndExchangeLongLe(address, expected, value);
    }
}
