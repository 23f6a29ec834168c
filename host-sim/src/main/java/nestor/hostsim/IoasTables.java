package nestor.hostsim;

import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import nestor.iommufd.Struct;
import nestor.paging.TableMemory;
import nestor.vmm.memory.GuestAccessException;

/** A guest's tables behind the host's stage 2. */
record IoasTables(Ioas ioas) implements TableMemory {
    private static final VarHandle DOUBLEWORD = ValueLayout.JAVA_LONG.varHandle();

    private Struct at(long gpa) throws GuestAccessException {
        Ioas.Area area = ioas.area(gpa);
        if (area == null) {
            throw new GuestAccessException(gpa);
        }
        try {
            return ioas.memory().at(area.va(gpa), Long.BYTES);
        } catch (Refusal refusal) {
            throw new GuestAccessException(gpa);
        }
    }

    @Override
    public long descriptor(long address) throws GuestAccessException {
        return at(address).doubleword(0);
    }

    @Override
    public long compareAndExchange(long address, long expected, long value)
            throws GuestAccessException {
        return (long) DOUBLEWORD.compareAndExchange(at(address).bytes(), 0L, expected, value);
    }
}
