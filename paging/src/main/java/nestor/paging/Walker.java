package nestor.paging;

import nestor.vmm.memory.GuestAccessException;

/** The walk itself, the same for every format. Holds no state; any thread. */
public final class Walker {
    private static final int DESCRIPTOR_LOG2 = 3;

    private final TableMemory tables;

    /**
     * A walker over one kind of table memory.
     *
     * @param tables where descriptors are read
     */
    public Walker(TableMemory tables) {
        this.tables = tables;
    }

    /**
     * Finds the leaf that maps {@code input}; permissions are the caller's business.
     *
     * @return a mapping, or a fault other than {@link WalkResult.Kind#PERMISSION}
     */
    public WalkResult walk(TableFormat format, long input) {
        if (!format.inRange(input)) {
            return fault(WalkResult.Kind.TRANSLATION, 0, input);
        }
        long table = format.root();
        if (!format.fitsOutput(table)) {
            return fault(WalkResult.Kind.ADDRESS_SIZE, 0, input);
        }
        long restrictions = 0;
        for (int level = format.startLevel(); ; level++) {
            int shift = format.shift(level);
            long index = (input >>> shift) & ((1L << format.indexBits(level)) - 1);
            long address = table + (index << DESCRIPTOR_LOG2);
            long descriptor;
            try {
                descriptor = tables.descriptor(address);
            } catch (GuestAccessException e) {
                return new WalkResult.Fault(WalkResult.Kind.EXTERNAL_ABORT, level, address, true);
            }
            switch (format.kind(descriptor, level)) {
                case INVALID -> {
                    return fault(WalkResult.Kind.TRANSLATION, level, input);
                }
                case TABLE -> {
                    table = format.nextTable(descriptor);
                    if (!format.fitsOutput(table)) {
                        return fault(WalkResult.Kind.ADDRESS_SIZE, level, input);
                    }
                    restrictions = format.restrict(restrictions, descriptor);
                }
                case LEAF -> {
                    return leaf(format, input, descriptor, level, restrictions);
                }
            }
        }
    }

    /**
     * As {@link #walk}, and checks that the mapping grants {@code needed}.
     *
     * @param needed a set of {@link Permissions}
     */
    public WalkResult translate(TableFormat format, long input, int needed) {
        WalkResult result = walk(format, input);
        if (result instanceof WalkResult.Mapping mapping
                && !Permissions.allow(mapping.permissions(), needed)) {
            return fault(WalkResult.Kind.PERMISSION, mapping.level(), input);
        }
        return result;
    }

    private static WalkResult leaf(
            TableFormat format, long input, long leaf, int level, long restrictions) {
        long output = format.output(leaf, level);
        if (!format.fitsOutput(output)) {
            return fault(WalkResult.Kind.ADDRESS_SIZE, level, input);
        }
        if (format.accessFlagFault(leaf)) {
            return fault(WalkResult.Kind.ACCESS_FLAG, level, input);
        }
        return new WalkResult.Mapping(
                output, format.shift(level), level, format.permissions(leaf, restrictions), leaf);
    }

    private static WalkResult.Fault fault(WalkResult.Kind kind, int level, long input) {
        return new WalkResult.Fault(kind, level, input, false);
    }
}
