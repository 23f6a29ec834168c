package nestor.paging;

import nestor.vmm.memory.GuestAccessException;

/**
 * Stage-1 tables whose addresses pass a second stage: IPAs, or the GPAs of VT-d nested translation.
 * A fetch needs read permission there, a hardware update read and write (DDI 0487, §D8.4.5; VT-d,
 * §3.8). Immutable, any thread.
 */
public final class TranslatedTables implements TableMemory {
    private static final Access READ = Access.of(Permissions.PRIVILEGED_READ);
    private static final Access UPDATE =
            Access.of(Permissions.PRIVILEGED_READ | Permissions.PRIVILEGED_WRITE);
    private static final Access PROBE = Access.probe(Permissions.PRIVILEGED_READ);

    private final TableMemory physical;
    private final Walker walker;
    private final TableFormat stage2;
    private final Access read;

    /**
     * Tables behind one second stage.
     *
     * @param physical where the second stage's own tables and its output lie
     * @param stage2 the second stage
     */
    public TranslatedTables(TableMemory physical, TableFormat stage2) {
        this(physical, stage2, READ);
    }

    private TranslatedTables(TableMemory physical, TableFormat stage2, Access read) {
        this.physical = physical;
        this.walker = new Walker(physical);
        this.stage2 = stage2;
        this.read = read;
    }

    @Override
    public TableMemory probing() {
        return new TranslatedTables(physical, stage2, PROBE);
    }

    @Override
    public long descriptor(long address) throws GuestAccessException, TableFaultException {
        return physical.descriptor(translate(address, read, WalkResult.Subject.TABLE_READ));
    }

    @Override
    public long compareAndExchange(long address, long expected, long value)
            throws GuestAccessException, TableFaultException {
        long output = translate(address, UPDATE, WalkResult.Subject.TABLE_UPDATE);
        return physical.compareAndExchange(output, expected, value);
    }

    private long translate(long address, Access access, WalkResult.Subject subject)
            throws TableFaultException {
        switch (walker.walk(stage2, address, access)) {
            case WalkResult.Mapping mapping -> {
                if (stage2.forbidsTables(mapping.leaf())) {
                    throw new TableFaultException(
                            WalkResult.Fault.permission(
                                            stage2.stage(),
                                            mapping.level(),
                                            address,
                                            mapping.permissions())
                                    .about(subject, address));
                }
                return mapping.translate(address);
            }
            case WalkResult.Fault fault ->
                    throw new TableFaultException(fault.about(subject, address));
        }
    }
}
