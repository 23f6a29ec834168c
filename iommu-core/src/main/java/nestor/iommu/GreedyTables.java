package nestor.iommu;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nestor.paging.Access;
import nestor.paging.TableFaultException;
import nestor.paging.TableFormat;
import nestor.paging.TableMemory;
import nestor.paging.WalkResult;
import nestor.paging.Walker;
import nestor.pci.Chaos;
import nestor.pci.ChaosKey;
import nestor.vmm.memory.GuestAccessException;

/**
 * Walks that remember the table descriptors above a leaf until they are invalidated, as
 * paging-structure caches may (VT-d §6.2.5; IHI 0070 §3.17). What was not present is not
 * remembered. For {@link ChaosKey#CACHE_GREEDY}; any thread.
 */
public final class GreedyTables {
    private static final int MAX_DESCRIPTORS = 1 << 14;

    private record Place(long tag, long address) {}

    private record Read(long address, long descriptor) {}

    private final Chaos chaos;
    private final TableMemory memory;
    private final Object lock = new Object();
    private final Map<Place, Long> kept = new LinkedHashMap<>();
    private long epoch;

    /** Remembers nothing yet. */
    public GreedyTables(Chaos chaos, TableMemory memory) {
        this.chaos = chaos;
        this.memory = memory;
    }

    /** Table descriptors of these tags are read again. */
    public void invalidate(Tags tags) {
        synchronized (lock) {
            epoch++;
            kept.keySet().removeIf(place -> tags.matches(place.tag));
        }
    }

    /**
     * As {@link Walker#walk(TableFormat, long, Access)}.
     *
     * @param tag of the tables, as {@link #invalidate} calls them
     */
    public WalkResult walk(TableFormat format, long tag, long input, Access access) {
        View view = new View(tag, epoch());
        WalkResult result = new Walker(view).walk(format, input, access);
        if (result instanceof WalkResult.Mapping) {
            keep(view);
        }
        return result;
    }

    /**
     * What may be cached of {@code input} though nobody asked for it: a translation whose accessed
     * flag is set already. Leaves no trace in the tables.
     */
    public Optional<WalkResult.Mapping> ahead(TableFormat format, long tag, long input) {
        return walk(format, tag, input, Access.probe(0)) instanceof WalkResult.Mapping mapping
                        && format.accessed(mapping.leaf(), TableFormat.DescriptorKind.LEAF)
                                == mapping.leaf()
                ? Optional.of(mapping)
                : Optional.empty();
    }

    private long epoch() {
        synchronized (lock) {
            return epoch;
        }
    }

    /** All that was read but the leaf, unless something was invalidated since. */
    private void keep(View view) {
        synchronized (lock) {
            if (view.epoch != epoch) {
                return;
            }
            view.reads.removeLast();
            for (Read read : view.reads) {
                kept.put(new Place(view.tag, read.address), read.descriptor);
            }
            Iterator<Place> oldest = kept.keySet().iterator();
            while (kept.size() > MAX_DESCRIPTORS) {
                oldest.next();
                oldest.remove();
            }
        }
    }

    /** The tables as one walk sees them. */
    private final class View implements TableMemory {
        final long tag;
        final long epoch;
        final List<Read> reads = new ArrayList<>();

        View(long tag, long epoch) {
            this.tag = tag;
            this.epoch = epoch;
        }

        @Override
        public long descriptor(long address) throws GuestAccessException, TableFaultException {
            Long remembered;
            synchronized (lock) {
                remembered = kept.get(new Place(tag, address));
            }
            if (remembered != null) {
                chaos.strikes(ChaosKey.CACHE_GREEDY, 1);
            }
            long descriptor = remembered == null ? memory.descriptor(address) : remembered;
            reads.add(new Read(address, descriptor));
            return descriptor;
        }

        @Override
        public long compareAndExchange(long address, long expected, long value)
                throws GuestAccessException, TableFaultException {
            long seen = memory.compareAndExchange(address, expected, value);
            reads.removeLast();
            reads.add(new Read(address, seen == expected ? value : seen));
            return seen;
        }
    }
}
