package nestor.machine;

import java.util.Optional;
import java.util.function.Function;
import java.util.function.Predicate;
import nestor.endpoints.Edu;
import nestor.endpoints.IommuTestDevice;
import nestor.endpoints.PageFaults;
import nestor.endpoints.SmmuTestEngine;
import nestor.endpoints.SvmDemo;
import nestor.endpoints.dsa.Dsa;
import nestor.endpoints.dsa.DsaOptions;
import nestor.pci.PciFunction;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.loop.MailboxLoop;

/**
 * Makes devices that are there for their DMA: teaching and test devices, and accelerators.
 *
 * @param behindPort whether a place is behind a root port
 * @param loops makes the loop of a device
 */
record DmaDevices(Predicate<PciPlan.Placement> behindPort, Function<String, MailboxLoop> loops) {
    /** Makes a device. */
    Endpoint make(PciPlan.Placement place) throws ConfigException {
        return switch (place.driver()) {
            case "edu" -> {
                long mask = place.options().number("dma_mask");
                yield onLoop(place, loop -> new Edu(place.name(), loop, mask).function());
            }
            case "iommu-testdev" -> {
                int entries = testDeviceCache(place.options());
                yield onLoop(place, _ -> new IommuTestDevice(place.name(), entries).function());
            }
            case "smmu-test-engine" -> {
                PageFaults faults = pageFaults(place);
                yield onLoop(
                        place, loop -> new SmmuTestEngine(place.name(), loop, faults).function());
            }
            case "svm-demo" -> svmDemo(place);
            case DsaProperties.DRIVER -> dsa(place);
            default -> throw new IllegalStateException("no maker for " + place.driver());
        };
    }

    private Endpoint onLoop(PciPlan.Placement place, Function<DeviceLoop, PciFunction> device) {
        MailboxLoop loop = loops.apply(place.name());
        return new Endpoint(
                place, device.apply(loop), loop, Optional.empty(), Optional.empty(), loop::post);
    }

    private static int testDeviceCache(DeviceOptions options) throws ConfigException {
        long entries = options.number("atc-entries");
        if (entries < 0 || entries > IommuTestDevice.MAX_ATC_ENTRIES) {
            throw options.wrong(
                    "atc-entries", "must be 0 to %d".formatted(IommuTestDevice.MAX_ATC_ENTRIES));
        }
        return (int) entries;
    }

    private Endpoint svmDemo(PciPlan.Placement place) throws ConfigException {
        DeviceOptions options = place.options();
        long entries = options.number("atc-entries");
        if (!SvmDemo.isAtcSize(entries)) {
            throw options.wrong(
                    "atc-entries", "must be 0 to 8, or 8 times a power of two up to 1048576");
        }
        PageFaults faults = pageFaults(place);
        return onLoop(
                place, loop -> new SvmDemo(place.name(), loop, (int) entries, faults).function());
    }

    private Endpoint dsa(PciPlan.Placement place) throws ConfigException {
        if (behindPort.test(place)) {
            throw place.options().wrong("bus", "must be a root bus: the device is integrated");
        }
        DsaOptions options = DsaProperties.read(place.options());
        return onLoop(place, loop -> new Dsa(place.name(), loop, options).function());
    }

    /** The device tree, which says that a function stalls, knows those of root buses only. */
    private PageFaults pageFaults(PciPlan.Placement place) throws ConfigException {
        if (!place.options().on("stall")) {
            return PageFaults.PRI;
        }
        if (behindPort.test(place)) {
            throw place.options().wrong("stall", "must be off behind a root port");
        }
        return PageFaults.STALL;
    }
}
