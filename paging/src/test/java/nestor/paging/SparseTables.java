package nestor.paging;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.LongUnaryOperator;
import nestor.vmm.memory.GuestAccessException;

/** Tables at any address; an absent descriptor is zero. Counts updates, and can lose races. */
final class SparseTables implements TableMemory {
    private final Map<Long, Long> descriptors = new HashMap<>();
    private final Set<Long> holes = new TreeSet<>();
    private final Deque<LongUnaryOperator> races = new ArrayDeque<>();
    private int updates;

    SparseTables with(long address, long descriptor) {
        descriptors.put(address, descriptor);
        return this;
    }

    /** No memory at this descriptor. */
    SparseTables hole(long address) {
        holes.add(address);
        return this;
    }

    /** Somebody changes the descriptor just before the next exchange. */
    SparseTables race(LongUnaryOperator change) {
        races.add(change);
        return this;
    }

    long at(long address) {
        return descriptors.getOrDefault(address, 0L);
    }

    int updates() {
        return updates;
    }

    @Override
    public long descriptor(long address) throws GuestAccessException {
        if (holes.contains(address)) {
            throw new GuestAccessException(address);
        }
        return at(address);
    }

    @Override
    public long compareAndExchange(long address, long expected, long value)
            throws GuestAccessException {
        LongUnaryOperator race = races.poll();
        if (race != null) {
            descriptors.put(address, race.applyAsLong(at(address)));
        }
        long seen = descriptor(address);
        if (seen == expected) {
            descriptors.put(address, value);
            updates++;
        }
        return seen;
    }
}
