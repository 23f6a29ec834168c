package nestor.virtio.iommu;

import java.util.function.IntPredicate;
import nestor.iommu.AtcInvalidator;
import nestor.iommu.AtsRoute;
import nestor.iommu.host.HostBinding;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.time.Clock;

/**
 * What a virtio-iommu needs to let drivers attach tables of their own.
 *
 * @param profile the revision it speaks, other than {@link TableProfile#NONE}
 * @param outputBits bits of a guest-physical address, 32..48
 * @param pasidBits bits of a PASID, 1..20
 * @param memory where the tables lie
 * @param route to the endpoints, for invalidations and page responses
 * @param invalidator sends the invalidations
 * @param supports whether an endpoint may be attached to tables; asked on the device's loop
 * @param host keeps assigned endpoints as they are attached here
 */
public record TableSupport(
        TableProfile profile,
        int outputBits,
        int pasidBits,
        GuestMemory memory,
        AtsRoute route,
        AtcInvalidator invalidator,
        IntPredicate supports,
        HostBinding host) {
    /** As many as leave room for the other properties of a PROBE request. */
    public static final int MAX_RESERVED_REGIONS =
            (VirtioIommuConfig.PROBE_BYTES - TableProperties.MAX_BYTES) / Properties.RESV_MEM_BYTES;

    public TableSupport {
        if (profile == TableProfile.NONE) {
            throw new IllegalArgumentException("a profile without tables");
        }
    }

    /** 48-bit addresses, 20-bit PASIDs, every endpoint; none is assigned yet. */
    public static TableSupport of(
            TableProfile profile, GuestMemory memory, AtsRoute route, Clock clock) {
        var host = new HostBinding(clock);
        AtsRoute functions = host.route(route);
        var invalidator = new AtcInvalidator(functions, clock, AtcInvalidator.TIMEOUT_NANOS);
        return new TableSupport(profile, 48, 20, memory, functions, invalidator, _ -> true, host);
    }

    /** The same with PASIDs of that many bits, if it has more. */
    public TableSupport withPasidBits(int bits) {
        int fewer = Math.min(pasidBits, bits);
        return new TableSupport(
                profile, outputBits, fewer, memory, route, invalidator, supports, host);
    }
}
