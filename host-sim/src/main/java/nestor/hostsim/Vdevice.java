package nestor.hostsim;

import nestor.iommufd.Errno;

/** A device under the number that the guest knows it by. */
final class Vdevice extends HostObject {
    private final Viommu viommu;
    private final BoundDevice device;
    private final long virtId;

    Vdevice(Viommu viommu, BoundDevice device, long virtId) throws Refusal {
        this.viommu = viommu;
        this.device = device;
        this.virtId = virtId;
        Refusal.when(device.vdevice() != null, Errno.EEXIST);
        viommu.add(this);
        device.vdevice(this);
    }

    Viommu viommu() {
        return viommu;
    }

    BoundDevice device() {
        return device;
    }

    long virtId() {
        return virtId;
    }

    /** The device went first. */
    void bury() {
        viommu.remove(this);
    }

    @Override
    void destroy() throws Refusal {
        super.destroy();
        viommu.remove(this);
        device.vdevice(null);
    }
}
