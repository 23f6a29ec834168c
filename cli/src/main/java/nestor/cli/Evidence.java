package nestor.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import nestor.atc.AtcStatistics;
import nestor.machine.Machine;
import nestor.machine.MachineOutcome;
import nestor.machine.SmmuIdentification;
import nestor.virtio.iommu.VirtioIommuStatistics;

/**
 * What the host has of a run that is over.
 *
 * @param readDisk what the guest read
 * @param writtenDisk what the guest wrote
 * @param faults that the kernel logged
 */
record Evidence(
        Path readDisk,
        Path writtenDisk,
        List<String> faults,
        MachineOutcome outcome,
        Registers registers,
        GuestRequests requests,
        Boots boots) {
    /**
     * What the machine held when it ended.
     *
     * @param smmus what each SMMUv3 advertises
     * @param atc what the translation caches of endpoints counted, by the devices' names
     * @param virtioIommu what the virtio-iommu counted, if there is one
     */
    record Registers(
            List<SmmuIdentification> smmus,
            Map<String, AtcStatistics> atc,
            Optional<VirtioIommuStatistics> virtioIommu) {
        static final Registers NONE = new Registers(List.of(), Map.of(), Optional.empty());

        static Registers of(Machine machine) {
            return new Registers(
                    machine.smmuIdentifications(),
                    machine.atcStatistics(),
                    machine.iommuStatistics());
        }
    }
}
