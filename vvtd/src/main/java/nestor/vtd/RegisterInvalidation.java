package nestor.vtd;

import nestor.iommu.IovaRange;
import nestor.pci.Quiescence;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.register.RegisterFile;
import nestor.vtd.Registers.ContextCommand;
import nestor.vtd.Registers.IotlbInvalidate;
import nestor.vtd.command.InvalidationDescriptor;

/**
 * Register-based invalidation (§6.5.1): done when the command bit reads as zero again, with the
 * granularity beside it. A reserved granularity does nothing, and says so.
 */
final class RegisterInvalidation {
    private final RegisterFile registers;
    private final Invalidations invalidations;
    private final Quiescence quiescence;
    private final DeviceLoop loop;

    RegisterInvalidation(
            RegisterFile registers,
            Invalidations invalidations,
            Quiescence quiescence,
            DeviceLoop loop) {
        this.registers = registers;
        this.invalidations = invalidations;
        this.quiescence = quiescence;
        this.loop = loop;
    }

    /** CCMD_REG was written, or half of it. */
    void contextCommand(long value) {
        if (ContextCommand.ICC.isSet(value)) {
            loop.post(() -> invalidateContexts(value));
        }
    }

    private void invalidateContexts(long value) {
        int granularity = ContextCommand.CIRG.getInt(value);
        if (granularity != 0) {
            invalidations.invalidate(
                    new InvalidationDescriptor.ContextCache(
                            granularity,
                            ContextCommand.DID.getInt(value),
                            ContextCommand.SID.getInt(value),
                            ContextCommand.FM.getInt(value)));
        }
        quiescence.whenQuiescent(() ->
                registers.update(
                        Registers.CCMD,
                        now ->
                                ContextCommand.CAIG.set(
                                        ContextCommand.ICC.clear(now), granularity)));
    }

    /** IOTLB_REG was written, or half of it. */
    void iotlbCommand(long value) {
        if (IotlbInvalidate.IVT.isSet(value)) {
            loop.post(() -> invalidateIotlb(value));
        }
    }

    private void invalidateIotlb(long value) {
        int granularity = IotlbInvalidate.IIRG.getInt(value);
        long address = registers.get(Registers.IVA);
        int mask = IotlbInvalidate.AM.getInt(address);
        if (granularity != 0) {
            IovaRange range =
                    InvalidationDescriptor.pages(IotlbInvalidate.ADDR.getInPlace(address), mask);
            invalidations.invalidate(
                    new InvalidationDescriptor.Iotlb(
                            granularity, IotlbInvalidate.DID.getInt(value), mask, range));
        }
        quiescence.whenQuiescent(() ->
                registers.update(
                        Registers.IOTLB,
                        now ->
                                IotlbInvalidate.IAIG.set(
                                        IotlbInvalidate.IVT.clear(now), granularity)));
    }
}
