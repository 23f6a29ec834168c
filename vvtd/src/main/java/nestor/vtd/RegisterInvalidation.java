package nestor.vtd;

import nestor.iommu.IovaRange;
import nestor.iommu.oracle.CommandObserver;
import nestor.pci.Quiescence;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.register.RegisterFile;
import nestor.vtd.Registers.ContextCommand;
import nestor.vtd.Registers.IotlbInvalidate;
import nestor.vtd.command.InvalidationDescriptor;
import org.jspecify.annotations.Nullable;

/**
 * Register-based invalidation (§6.5.1): done when the command bit reads as zero again, with the
 * granularity beside it. A reserved granularity does nothing, and says so.
 */
final class RegisterInvalidation {
    private final RegisterFile registers;
    private final Invalidations invalidations;
    private final Quiescence quiescence;
    private final DeviceLoop loop;
    private @Nullable CommandObserver observer;

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

    /** Before the machine runs. */
    void observe(CommandObserver commandObserver) {
        observer = commandObserver;
    }

    private void tell(String register, InvalidationDescriptor command) {
        if (observer != null) {
            observer.command(DescriptorText.ofRegister(register, command));
        }
    }

    private void completed() {
        if (observer != null) {
            observer.completed();
        }
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
            var command =
                    new InvalidationDescriptor.ContextCache(
                            granularity,
                            ContextCommand.DID.getInt(value),
                            ContextCommand.SID.getInt(value),
                            ContextCommand.FM.getInt(value));
            tell("CCMD_REG", command);
            invalidations.invalidate(command);
        }
        quiescence.whenQuiescent(() -> {
            completed();
            registers.update(
                    Registers.CCMD,
                    now -> ContextCommand.CAIG.set(ContextCommand.ICC.clear(now), granularity));
        });
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
            var command =
                    new InvalidationDescriptor.Iotlb(
                            granularity, IotlbInvalidate.DID.getInt(value), mask, range);
            tell("IOTLB_REG", command);
            invalidations.invalidate(command);
        }
        quiescence.whenQuiescent(() -> {
            completed();
            registers.update(
                    Registers.IOTLB,
                    now -> IotlbInvalidate.IAIG.set(IotlbInvalidate.IVT.clear(now), granularity));
        });
    }
}
