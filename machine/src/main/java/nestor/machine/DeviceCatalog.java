package nestor.machine;

import static nestor.machine.DeviceProperty.choice;
import static nestor.machine.DeviceProperty.number;
import static nestor.machine.DeviceProperty.onOff;
import static nestor.machine.DeviceProperty.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nestor.pci.ChaosKey;
import nestor.virtio.iommu.TableProfile;

/** Every device model and its properties, as data. */
public final class DeviceCatalog {
    private static final DeviceProperty ID = text("id", "name of the device, unique");

    private static final DeviceProperty STALL =
            onOff("stall", "off", "page faults stall in the SMMU (dma-can-stall); no ATS, no PRI");

    /** What {@code -object iommufd} takes. */
    static final List<DeviceProperty> IOMMUFD =
            List.of(text("id", "name of the object, unique (required)"));

    private static final List<DeviceProperty> PCI_PLACE =
            List.of(
                    ID,
                    text(
                            "bus",
                            "pcie.0, or the id of a pcie-root-port or a pxb-pcie (default pcie.0)"),
                    new DeviceProperty(
                            "addr",
                            DeviceProperty.Kind.PCI_ADDRESS,
                            List.of(),
                            "",
                            "slot[.function] on the bus, hexadecimal (default: next free slot)"),
                    new DeviceProperty(
                            "romfile",
                            DeviceProperty.Kind.EMPTY,
                            List.of(),
                            "",
                            "no option ROM: only the empty value"));

    private static final List<DeviceProperty> VIRTIO_PCI =
            with(
                    PCI_PLACE,
                    onOff(
                            "iommu_platform",
                            "off",
                            "offer VIRTIO_F_ACCESS_PLATFORM: DMA goes through the IOMMU"),
                    onOff(
                            "ats",
                            "off",
                            "ATS capability, and a cache of translations; needs iommu_platform=on"),
                    choice(
                            "disable-legacy",
                            "on",
                            "devices are modern only: any value means on",
                            "on",
                            "auto"),
                    choice("disable-modern", "off", "devices are modern only", "off"));

    /** What a PCI function takes that may misbehave. */
    private static final List<DeviceProperty> CHAOS_PLACE =
            withChaos(PCI_PLACE, ChaosKey.Side.FUNCTION);

    private static final List<DeviceProperty> CHAOS_VIRTIO =
            withChaos(VIRTIO_PCI, ChaosKey.Side.FUNCTION);

    private static final List<DeviceType> TYPES =
            List.of(
                    new DeviceType(
                            "virtio-blk-pci",
                            DeviceType.PCI,
                            "virtio block device over a raw image",
                            with(
                                    CHAOS_VIRTIO,
                                    text("drive", "id of a -drive (required)"),
                                    text("serial", "serial number the guest sees, 20 bytes"))),
                    new DeviceType(
                            "virtio-rng-pci",
                            DeviceType.PCI,
                            "virtio entropy source fed by the host's generator",
                            CHAOS_VIRTIO),
                    new DeviceType(
                            "virtio-serial-pci",
                            DeviceType.PCI,
                            "virtio console controller; a virtconsole plugs into it",
                            CHAOS_VIRTIO),
                    new DeviceType(
                            "virtconsole",
                            DeviceType.VIRTIO_SERIAL_BUS,
                            "console port (hvc0) of a virtio-serial-pci",
                            List.of(
                                    ID,
                                    text(
                                            "bus",
                                            "<id of a virtio-serial-pci>.0 (default: the first)"),
                                    text("chardev", "id of a character backend (required)"))),
                    new DeviceType(
                            "virtio-iommu-pci",
                            DeviceType.PCI,
                            "paravirtual IOMMU in front of all other PCI functions",
                            with(
                                    withChaos(PCI_PLACE, ChaosKey.Side.VIRTIO_IOMMU),
                                    onOff(
                                            "boot-bypass",
                                            "on",
                                            "endpoints reach memory before a driver is active"),
                                    choice(
                                            "granule",
                                            "4k",
                                            "smallest page size",
                                            "4k",
                                            "16k",
                                            "64k",
                                            "host"),
                                    number("aw-bits", "64", "bits of an IOVA, 32..64"),
                                    choice(
                                            "table-profile",
                                            TableProfile.NONE.title(),
                                            "revision of the proposal by which drivers attach"
                                                    + " page tables of their own",
                                            TableProfile.titles()),
                                    new DeviceProperty(
                                            ReservedRegions.NAME + DeviceProperty.ANY_ELEMENT,
                                            DeviceProperty.Kind.REGION,
                                            List.of(),
                                            "",
                                            "IOVAs no driver maps: low:high:type, hexadecimal;"
                                                    + " type 0 reserved, 1 MSI"),
                                    number(
                                            ReservedRegions.LENGTH,
                                            "",
                                            "how many there are; accepted for compatibility"),
                                    choice(
                                            "disable-legacy",
                                            "on",
                                            "devices are modern only: any value means on",
                                            "on",
                                            "auto"),
                                    choice(
                                            "disable-modern",
                                            "off",
                                            "devices are modern only",
                                            "off"))),
                    new DeviceType(
                            "edu",
                            DeviceType.PCI,
                            "teaching device with a DMA engine (1234:11e8)",
                            with(
                                    PCI_PLACE,
                                    number("dma_mask", "0xfffffff", "address bits DMA drives"))),
                    new DeviceType(
                            "iommu-testdev",
                            DeviceType.PCI,
                            "test function: one DMA for each register read (1b36:0005)",
                            with(
                                    CHAOS_PLACE,
                                    number("atc-entries", "16", "translations cached, 0..64"))),
                    new DeviceType(
                            "smmu-test-engine",
                            DeviceType.PCI,
                            "SMMUv3 test engine: 512 frames that move memory (13b5:ff80)",
                            with(CHAOS_PLACE, STALL)),
                    new DeviceType(
                            "svm-demo",
                            DeviceType.PCI,
                            "demo device of shared virtual memory, PASID and PRI (1234:0b11)",
                            with(
                                    CHAOS_PLACE,
                                    number(
                                            "atc-entries",
                                            "1024",
                                            "translations cached: 0..8, or 8 times a power of"
                                                    + " two"),
                                    STALL)),
                    new DeviceType(
                            DsaProperties.DRIVER,
                            DeviceType.PCI,
                            "Intel Data Streaming Accelerator: work queues with PASID and PRI"
                                    + " (8086:0b25)",
                            with(
                                    CHAOS_PLACE,
                                    DsaProperties.PROPERTIES.toArray(DeviceProperty[]::new))),
                    new DeviceType(
                            AssignedDevices.DRIVER,
                            DeviceType.PCI,
                            "a PCI function of the host's, by its VFIO driver and an iommufd",
                            with(
                                    PCI_PLACE,
                                    text("host", "its address, such as 0000:01:00.0"),
                                    text("sysfsdev", "its directory in sysfs, instead of host="),
                                    text("iommufd", "id of an -object iommufd (required)"),
                                    inherited("ats", "Address Translation Services"),
                                    inherited("pri", "Page Request Interface; needs ats"),
                                    inherited("pasid", "PASIDs"))),
                    new DeviceType(
                            SmmuUnits.DRIVER,
                            DeviceType.BOARD,
                            "Arm SMMUv3 in front of the functions of one root bus and below",
                            withChaos(SmmuUnits.PROPERTIES, ChaosKey.Side.IOMMU)),
                    new DeviceType(
                            RemappingUnits.DRIVER,
                            DeviceType.BOARD,
                            "Intel VT-d unit in front of all functions, or those of one root bus",
                            withChaos(RemappingUnits.PROPERTIES, ChaosKey.Side.IOMMU)),
                    new DeviceType(
                            PciPlan.EXPANDER,
                            DeviceType.PCI,
                            "a further PCI Express root bus, named by its id; takes root ports and"
                                    + " integrated functions",
                            List.of(
                                    ID,
                                    choice("bus", "pcie.0", "where it hangs", "pcie.0"),
                                    number("bus_nr", "", "number of the bus, 1..255 (required)"))),
                    new DeviceType(
                            "pcie-root-port",
                            DeviceType.PCI,
                            "PCI Express root port: a bus with one hot-plug slot; its id names the"
                                    + " bus",
                            with(
                                    PCI_PLACE,
                                    number("chassis", "0", "accepted for compatibility"),
                                    number("slot", "0", "accepted for compatibility"),
                                    onOff(
                                            "disable-acs",
                                            "off",
                                            "no Access Control Services: port and device are one"
                                                    + " IOMMU group"))));

    /** A capability that is shown if the host has it, or must be there, or is not shown. */
    private static DeviceProperty inherited(String name, String help) {
        return choice(name, "auto", help, "auto", "on", "off");
    }

    private static List<DeviceProperty> withChaos(List<DeviceProperty> base, ChaosKey.Side side) {
        return with(base, ChaosPlan.properties(side).toArray(DeviceProperty[]::new));
    }

    DeviceCatalog() {}

    /** All device models, in the order of a help listing. */
    public List<DeviceType> types() {
        return TYPES;
    }

    /** The model of that name. */
    public Optional<DeviceType> find(String driver) {
        return TYPES.stream().filter(type -> type.driver().equals(driver)).findFirst();
    }

    private static List<DeviceProperty> with(List<DeviceProperty> base, DeviceProperty... more) {
        List<DeviceProperty> all = new ArrayList<>(base);
        all.addAll(List.of(more));
        return all;
    }
}
