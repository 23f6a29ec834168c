package nestor.paging;

import nestor.paging.TableFormat.DescriptorKind;
import nestor.vmm.memory.GuestAccessException;
import org.jspecify.annotations.Nullable;

/** The walk itself, the same for every format. Holds no state; any thread. */
public final class Walker {
    private static final int DESCRIPTOR_LOG2 = 3;

    /**
     * How often one walk may find that a descriptor changed before its update. Each honest race
     * sets a bit or two and is then over; only a guest that rewrites a descriptor in a loop gets
     * here.
     */
    static final int MAX_LOST_RACES = 64;

    private static final Access ANY = Access.upTo(0);

    private final TableMemory tables;
    private final TableMemory probing;

    /**
     * A walker over one kind of table memory.
     *
     * @param tables where descriptors are read
     */
    public Walker(TableMemory tables) {
        this.tables = tables;
        this.probing = tables.probing();
    }

    /**
     * Finds the leaf that maps {@code input}; permissions are the caller's business, and nothing is
     * marked dirty.
     *
     * @return a mapping, or a fault other than {@link WalkResult.Kind#PERMISSION}
     */
    public WalkResult walk(TableFormat format, long input) {
        return walk(format, input, ANY);
    }

    /**
     * As {@link #walk(TableFormat, long, Access)} for an access that happens if granted.
     *
     * @param needed a set of {@link Permissions}
     */
    public WalkResult translate(TableFormat format, long input, int needed) {
        return walk(format, input, Access.of(needed));
    }

    /**
     * Finds the leaf that maps {@code input}, checks that it grants what {@code access} needs, and
     * leaves accessed and dirty bits as the format's hardware does: in the entries above the leaf
     * as they are used, in the leaf once the access is known to be allowed. A descriptor that
     * changes before its update is judged again.
     */
    public WalkResult walk(TableFormat format, long input, Access access) {
        if (!format.inRange(input)) {
            return fault(format, format.outOfRange(), format.rootLevel(), input);
        }
        long table = format.root();
        if (!format.fitsOutput(table)) {
            return fault(format, WalkResult.Kind.ADDRESS_SIZE, format.rootLevel(), input);
        }
        TableMemory memory = access.updates() ? tables : probing;
        int level = format.startLevel();
        WalkResult.Kind failure = WalkResult.Kind.EXTERNAL_ABORT;
        try {
            long restrictions = 0;
            int lostRaces = 0;
            long address = address(format, table, input, level);
            long descriptor = memory.descriptor(address);
            while (true) {
                DescriptorKind kind = format.kind(descriptor, level);
                WalkResult.Fault refusal =
                        refusal(format, input, level, kind, descriptor, restrictions, access);
                if (refusal != null) {
                    return refusal;
                }
                long updated = updated(format, kind, descriptor, restrictions, access);
                if (updated != descriptor) {
                    failure = WalkResult.Kind.UPDATE_FAILED;
                    long seen = memory.compareAndExchange(address, descriptor, updated);
                    if (seen != descriptor) {
                        if (++lostRaces > MAX_LOST_RACES) {
                            throw new GuestAccessException(address);
                        }
                        descriptor = seen;
                        continue;
                    }
                    failure = WalkResult.Kind.EXTERNAL_ABORT;
                }
                if (kind == DescriptorKind.LEAF) {
                    return mapping(format, level, updated, restrictions);
                }
                restrictions = format.restrict(restrictions, descriptor);
                table = format.nextTable(descriptor);
                level = format.nextLevel(level);
                address = address(format, table, input, level);
                descriptor = memory.descriptor(address);
            }
        } catch (GuestAccessException e) {
            return WalkResult.Fault.onDescriptor(failure, format.stage(), level, input, e.gpa());
        } catch (TableFaultException e) {
            return e.fault().about(e.fault().subject(), input);
        }
    }

    private static long address(TableFormat format, long table, long input, int level) {
        long index = (input >>> format.shift(level)) & ((1L << format.indexBits(level)) - 1);
        return table + (index << DESCRIPTOR_LOG2);
    }

    /** Why the walk cannot go on from this descriptor, in the order the architectures check. */
    private static WalkResult.@Nullable Fault refusal(
            TableFormat format,
            long input,
            int level,
            DescriptorKind kind,
            long descriptor,
            long restrictions,
            Access access) {
        return switch (kind) {
            case INVALID -> fault(format, WalkResult.Kind.TRANSLATION, level, input);
            case RESERVED -> fault(format, WalkResult.Kind.RESERVED, level, input);
            case TABLE ->
                    format.fitsOutput(format.nextTable(descriptor))
                            ? null
                            : fault(format, WalkResult.Kind.ADDRESS_SIZE, level, input);
            case LEAF -> leafRefusal(format, input, level, descriptor, restrictions, access);
        };
    }

    private static WalkResult.@Nullable Fault leafRefusal(
            TableFormat format,
            long input,
            int level,
            long leaf,
            long restrictions,
            Access access) {
        if (!format.fitsOutput(format.output(leaf, level))) {
            return fault(format, WalkResult.Kind.ADDRESS_SIZE, level, input);
        }
        if (format.accessFlagFault(leaf)) {
            return fault(format, WalkResult.Kind.ACCESS_FLAG, level, input);
        }
        int granted = format.permissions(leaf, restrictions);
        return Permissions.allow(granted, access.needed())
                ? null
                : WalkResult.Fault.permission(format.stage(), level, input, granted);
    }

    /** The descriptor as this walk must leave it in memory; for a probe, as it is. */
    private static long updated(
            TableFormat format,
            DescriptorKind kind,
            long descriptor,
            long restrictions,
            Access access) {
        if (!access.updates()) {
            return descriptor;
        }
        long accessed = format.accessed(descriptor, kind);
        boolean written =
                kind == DescriptorKind.LEAF
                        && (access.wanted() & Permissions.WRITE) != 0
                        && (access.wanted()
                                        & format.permissions(descriptor, restrictions)
                                        & Permissions.WRITE)
                                != 0;
        return written ? format.dirtied(accessed) : accessed;
    }

    private static WalkResult.Mapping mapping(
            TableFormat format, int level, long leaf, long restrictions) {
        int permissions = format.permissions(leaf, restrictions);
        boolean clean = format.dirtied(leaf) != leaf;
        return new WalkResult.Mapping(
                format.output(leaf, level),
                format.shift(level),
                format.contiguousLog2(leaf, level),
                level,
                clean ? permissions & ~Permissions.WRITE : permissions,
                format.global(leaf),
                leaf);
    }

    private static WalkResult.Fault fault(
            TableFormat format, WalkResult.Kind kind, int level, long input) {
        return WalkResult.Fault.of(kind, format.stage(), level, input);
    }
}
