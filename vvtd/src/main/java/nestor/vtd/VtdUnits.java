package nestor.vtd;

import java.util.List;
import java.util.function.IntPredicate;
import nestor.vmm.interrupt.MsiSink;

/**
 * The units under one host bridge, each with its scope (§8.3), as interrupt messages meet them: a
 * message belongs to the first unit whose scope holds its source, as in the DMAR table, where the
 * unit of all others comes last, and passes if there is none. Which unit a memory request belongs
 * to is the bus's business: {@link nestor.pci.PciHost#iommu}. Any thread.
 */
public final class VtdUnits implements MsiSink {
    /**
     * A unit and its scope.
     *
     * @param sids a pure function: which source IDs belong to it
     */
    public record Scoped(IntPredicate sids, VtdUnit unit) {}

    private final List<Scoped> units;
    private final MsiSink apic;

    /**
     * Units in the order in which their scopes are asked.
     *
     * @param apic takes the interrupts of sources that belong to no unit
     */
    public VtdUnits(List<Scoped> units, MsiSink apic) {
        this.units = List.copyOf(units);
        this.apic = apic;
    }

    @Override
    public void signal(int sid, long address, int data) {
        for (Scoped scoped : units) {
            if (scoped.sids().test(sid)) {
                scoped.unit().interrupts().signal(sid, address, data);
                return;
            }
        }
        apic.signal(sid, address, data);
    }
}
