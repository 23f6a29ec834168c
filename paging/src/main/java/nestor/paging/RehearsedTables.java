package nestor.paging;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.memory.GuestAccessException;

/**
 * Tables for a walk that is only looked at: updates of descriptors are judged and not done, and
 * what was read is remembered. One thread.
 */
public final class RehearsedTables implements TableMemory {
    /**
     * A descriptor that was fetched.
     *
     * @param backed whether there is memory at the address
     * @param descriptor 0 if there is not
     */
    public record Fetch(long address, boolean backed, long descriptor) {}

    private final TableMemory behind;
    private final List<Fetch> fetches = new ArrayList<>();

    /** Nothing has been read yet. */
    public RehearsedTables(TableMemory behind) {
        this.behind = behind;
    }

    @Override
    public long descriptor(long address) throws GuestAccessException, TableFaultException {
        try {
            long descriptor = behind.descriptor(address);
            fetches.add(new Fetch(address, true, descriptor));
            return descriptor;
        } catch (GuestAccessException e) {
            fetches.add(new Fetch(address, false, 0));
            throw e;
        }
    }

    /** Nobody else has changed it since it was read, as far as this walk goes. */
    @Override
    public long compareAndExchange(long address, long expected, long value) {
        return expected;
    }

    /** What was fetched since this was last called. */
    public List<Fetch> take() {
        List<Fetch> taken = List.copyOf(fetches);
        fetches.clear();
        return taken;
    }

    /** Forgets what was fetched after the first {@code count}. */
    void forgetAfter(int count) {
        fetches.subList(count, fetches.size()).clear();
    }

    int count() {
        return fetches.size();
    }
}
