package nestor.machine.acpi;

import static nestor.machine.acpi.Aml.and;
import static nestor.machine.acpi.Aml.argument;
import static nestor.machine.acpi.Aml.createDwordField;
import static nestor.machine.acpi.Aml.device;
import static nestor.machine.acpi.Aml.eisaId;
import static nestor.machine.acpi.Aml.equal;
import static nestor.machine.acpi.Aml.integer;
import static nestor.machine.acpi.Aml.method;
import static nestor.machine.acpi.Aml.name;
import static nestor.machine.acpi.Aml.not;
import static nestor.machine.acpi.Aml.or;
import static nestor.machine.acpi.Aml.otherwise;
import static nestor.machine.acpi.Aml.reference;
import static nestor.machine.acpi.Aml.returns;
import static nestor.machine.acpi.Aml.scope;
import static nestor.machine.acpi.Aml.store;
import static nestor.machine.acpi.Aml.when;

import java.util.ArrayList;
import java.util.List;
import nestor.machine.pc.CmosRtc;
import nestor.machine.pc.ConfigPorts;
import nestor.machine.pc.PcMap;
import nestor.machine.pc.PowerManagement;
import nestor.machine.pc.Uart16550;
import nestor.pci.PciHost;

/**
 * The definitions of the board: its PCI root buses with their windows and interrupt routing, what
 * the ECAM takes, COM1, the clock, and the sleep type of soft-off.
 */
record Dsdt(PcMap map, List<AcpiTables.RootBus> roots) {
    /** The PCI Host Bridge Device's UUID (PCI Firmware §4.5), as a buffer has it. */
    private static final byte[] HOST_BRIDGE_UUID = {
        0x5b, 0x4d, (byte) 0xdb, 0x33, (byte) 0xf7, 0x1f, 0x1c, 0x40,
        (byte) 0x96, 0x57, 0x74, 0x41, (byte) 0xc0, 0x3d, (byte) 0xd7, 0x66
    };

    /** Native hot-plug, PME, AER, and the PCI Express capability structure. */
    private static final int GRANTED = 0x1d;

    private static final int UNRECOGNIZED_UUID = 1 << 2;
    private static final int MASKED = 1 << 4;

    private static final int SLOTS = 32;
    private static final int PINS = 4;

    /** Parts of a window begin and end at a multiple of this. */
    private static final long WINDOW_UNIT = 1 << 20;

    byte[] definitions() {
        List<byte[]> buses = new ArrayList<>();
        roots.forEach(root -> buses.add(hostBridge(root)));
        byte[] soft = integer(PowerManagement.SOFT_OFF);
        return Aml.all(
                scope(
                        "_SB_",
                        name("IRQS", routing()),
                        Aml.all(buses),
                        motherboard(),
                        com1(),
                        clock()),
                name("_S5_", Aml.array(List.of(soft, soft, integer(0), integer(0)))));
    }

    private byte[] hostBridge(AcpiTables.RootBus root) {
        return device(
                root.first() == 0 ? "PCI0" : "PC%02X".formatted(root.first()),
                name("_HID", eisaId("PNP0A08")),
                name("_CID", eisaId("PNP0A03")),
                name("_UID", integer(root.first())),
                name("_SEG", integer(0)),
                name("_BBN", integer(root.first())),
                name("_CRS", windows(root)),
                method("_PRT", 0, returns(reference("IRQS"))),
                negotiation());
    }

    /** Root buses share the memory windows in equal parts; ports are bus 0's. */
    private byte[] windows(AcpiTables.RootBus root) {
        PciHost.Layout pci = map.pci();
        int index = roots.indexOf(root);
        long small = part(pci.mem32Bytes());
        long large = part(pci.mem64Bytes());
        Resources resources = new Resources().buses(root.first(), root.last());
        if (root.first() == 0) {
            resources
                    .ports(PcMap.CONFIG, ConfigPorts.PORTS)
                    .portWindow(PcMap.PCI_IO, PcMap.PCI_IO_PORTS);
        }
        return resources
                .window32(pci.mem32Gpa() + index * small, small)
                .window64(pci.mem64Gpa() + index * large, large)
                .toAml();
    }

    private long part(long bytes) {
        return bytes / roots.size() & -WINDOW_UNIT;
    }

    /** §6.2.13: the pins of a slot go to the I/O APIC's last eight but four, turned by one each. */
    private static byte[] routing() {
        List<byte[]> entries = new ArrayList<>();
        for (int slot = 0; slot < SLOTS; slot++) {
            for (int pin = 0; pin < PINS; pin++) {
                entries.add(
                        Aml.array(
                                List.of(
                                        integer((long) slot << 16 | 0xffff),
                                        integer(pin),
                                        integer(0),
                                        integer(PcMap.INTX_PIN + (slot + pin) % PINS))));
            }
        }
        return Aml.array(entries);
    }

    /** PCI Firmware §4.5.1: the operating system gets what the root ports have. */
    private static byte[] negotiation() {
        byte[] status = reference("CDW1");
        byte[] control = reference("CDW3");
        return method(
                "_OSC",
                PINS,
                createDwordField(argument(3), 0, "CDW1"),
                when(
                        equal(argument(0), Aml.buffer(HOST_BRIDGE_UUID)),
                        createDwordField(argument(3), 8, "CDW3"),
                        and(control, integer(GRANTED), Aml.LOCAL0),
                        when(
                                not(equal(control, Aml.LOCAL0)),
                                or(status, integer(MASKED), status)),
                        store(Aml.LOCAL0, control)),
                otherwise(or(status, integer(UNRECOGNIZED_UUID), status)),
                returns(argument(3)));
    }

    /** PCI Firmware §4.1.2: the ECAM is taken, or the operating system does not use it. */
    private static byte[] motherboard() {
        return device(
                "MBRD",
                name("_HID", eisaId("PNP0C02")),
                name("_UID", integer(0)),
                name(
                        "_CRS",
                        new Resources()
                                .memory32(PcMap.ECAM, PcMap.ECAM_BYTES)
                                .ports(PcMap.PM, PowerManagement.PORTS)
                                .toAml()));
    }

    private static byte[] com1() {
        return device(
                "COM1",
                name("_HID", eisaId("PNP0501")),
                name("_UID", integer(1)),
                name(
                        "_CRS",
                        new Resources()
                                .ports(PcMap.COM1, Uart16550.PORTS)
                                .interrupt(PcMap.COM1_IRQ)
                                .toAml()));
    }

    private static byte[] clock() {
        return device(
                "RTC0",
                name("_HID", eisaId("PNP0B00")),
                name(
                        "_CRS",
                        new Resources()
                                .ports(PcMap.RTC, CmosRtc.PORTS)
                                .interrupt(PcMap.RTC_IRQ)
                                .toAml()));
    }
}
