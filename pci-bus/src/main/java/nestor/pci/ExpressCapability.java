package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/**
 * The PCI Express Capability, version 2 (PCIe Base §7.5.3). Links are one lane at 5 GT/s, without
 * active-state power management.
 */
final class ExpressCapability {
    private static final int SIZE_BYTES = 0x3c;
    private static final int VERSION = 2;

    private static final long SPEED_5_GT = 2;
    private static final long WIDTH_X1 = 1L << 4;

    /** Device/Port Type, PCI Express Capabilities register [7:4]. */
    private static final BitField TYPE = bits(7, 4);

    private static final BitField SLOT_IMPLEMENTED = bit(8);

    private static final int ENDPOINT = 0b0000;
    private static final int ROOT_PORT = 0b0100;
    private static final int INTEGRATED_ENDPOINT = 0b1001;

    private static final BitField ROLE_BASED_ERRORS = bit(15);
    private static final BitField FLR_CAPABLE = bit(28);

    /** Device Control: writing one resets the function; reads as zero. */
    static final BitField INITIATE_FLR = bit(15);

    static final BitField LINK_DISABLE = bit(4);
    private static final BitField LINK_ACTIVE_REPORTING = bit(20);
    private static final BitField PORT_NUMBER = bits(31, 24);
    private static final BitField LINK_ACTIVE = bit(13);

    /** Device Capabilities 2. */
    private static final BitField EXTENDED_FMT_FIELD = bit(20);

    private static final BitField END_END_PREFIX = bit(21);
    private static final BitField MAX_PREFIXES = bits(23, 22);

    /**
     * Device Control 2: End-End TLP Prefix Blocking concerns requests that leave through the port.
     * None does with a prefix: requests from one port to another pass the IOMMU, which takes it.
     */
    private static final BitField PREFIX_BLOCKING = bit(15);

    /** Error reporting, relaxed ordering, payload size, no snoop, read request size. */
    private static final long DEVICE_CONTROL_RW = 0x78ff;

    private static final long DEVICE_CONTROL_RESET = 0x2810;

    static final Register DEVICE_CONTROL_FLR =
            readWrite(
                            "Device Control",
                            0x08,
                            2,
                            DEVICE_CONTROL_RW | INITIATE_FLR.mask(),
                            "§7.5.3.4")
                    .withReset(DEVICE_CONTROL_RESET);
    private static final Register DEVICE_CONTROL =
            readWrite("Device Control", 0x08, 2, DEVICE_CONTROL_RW, "§7.5.3.4")
                    .withReset(DEVICE_CONTROL_RESET);

    private static final Register DEVICE_STATUS =
            new Register("Device Status", 0x0a, 2, 0, 0, 0x000f, "§7.5.3.5");

    /** Device Status: requests have been issued that are not complete. */
    private static final BitField TRANSACTIONS_PENDING = bit(5);

    /** Common Clock Configuration, Extended Synch; Retrain Link [5] always reads as zero. */
    private static final Register LINK_CONTROL =
            readWrite("Link Control", 0x10, 2, 0x00cb, "§7.5.3.7");

    static final Register LINK_CONTROL_PORT =
            readWrite("Link Control", 0x10, 2, 0x00c3 | LINK_DISABLE.mask(), "§7.5.3.7");

    private static final Register LINK_STATUS =
            readOnly("Link Status", 0x12, 2, SPEED_5_GT | WIDTH_X1, "§7.5.3.8");

    private ExpressCapability() {}

    /** Of a function that is part of the root complex: no link. */
    static Capability integratedEndpoint(boolean resettable, boolean prefixes) {
        List<Register> body = device(INTEGRATED_ENDPOINT, resettable);
        addDevice2(body, prefixes);
        return new Capability(Capability.EXPRESS, SIZE_BYTES, body);
    }

    /** Of a function behind a root port. */
    static Capability endpoint(boolean resettable, boolean prefixes) {
        List<Register> body = device(ENDPOINT, resettable);
        addDevice2(body, prefixes);
        body.add(readOnly("Link Capabilities", 0x0c, 4, linkCapabilities(), "§7.5.3.6"));
        body.add(LINK_CONTROL);
        body.add(LINK_STATUS);
        addLink2(body);
        return new Capability(Capability.EXPRESS, SIZE_BYTES, body);
    }

    /** Has Device Status say whether the function waits for requests of its own (§7.5.3.5). */
    static void showPending(Capability express, BooleanSupplier pending) {
        express.onRead(
                DEVICE_STATUS,
                () -> {
                    long status = express.get(DEVICE_STATUS);
                    return pending.getAsBoolean() ? TRANSACTIONS_PENDING.setAll(status) : status;
                });
    }

    /** Of a root port with one slot, which is also its port and slot number. */
    static Capability rootPort(RootPort port, int slot) {
        List<Register> body = device(ROOT_PORT, false);
        addDevice2(body, true);
        body.add(readWrite("Device Control 2", 0x28, 2, PREFIX_BLOCKING.mask(), "§7.5.3.16"));
        long link = LINK_ACTIVE_REPORTING.setAll(PORT_NUMBER.set(linkCapabilities(), slot));
        body.add(readOnly("Link Capabilities", 0x0c, 4, link, "§7.5.3.6"));
        body.add(LINK_CONTROL_PORT);
        body.add(LINK_STATUS);
        body.addAll(Slot.registers(slot));
        body.addAll(RootPme.registers());
        addLink2(body);
        Capability express =
                new Capability(Capability.EXPRESS, SIZE_BYTES, body)
                        .onRead(
                                LINK_STATUS,
                                () ->
                                        port.linkActive()
                                                ? LINK_ACTIVE.setAll(LINK_STATUS.reset())
                                                : LINK_STATUS.reset())
                        .onWrite(LINK_CONTROL_PORT, _ -> port.linkStateWritten());
        port.slot(Slot.of(port, express), RootPme.of(port, express));
        return express;
    }

    private static List<Register> device(int type, boolean resettable) {
        long capabilities = TYPE.set(VERSION, type);
        if (type == ROOT_PORT) {
            capabilities = SLOT_IMPLEMENTED.setAll(capabilities);
        }
        long deviceCapabilities = ROLE_BASED_ERRORS.mask();
        if (resettable) {
            deviceCapabilities = FLR_CAPABLE.setAll(deviceCapabilities);
        }
        List<Register> body = new ArrayList<>();
        body.add(readOnly("PCI Express Capabilities", 0x02, 2, capabilities, "§7.5.3.2"));
        body.add(readOnly("Device Capabilities", 0x04, 4, deviceCapabilities, "§7.5.3.3"));
        body.add(resettable ? DEVICE_CONTROL_FLR : DEVICE_CONTROL);
        body.add(DEVICE_STATUS);
        return body;
    }

    /** A function that sends or forwards PASID prefixes says so, one prefix per request. */
    private static void addDevice2(List<Register> body, boolean prefixes) {
        long supported = MAX_PREFIXES.set(EXTENDED_FMT_FIELD.mask() | END_END_PREFIX.mask(), 1);
        body.add(readOnly("Device Capabilities 2", 0x24, 4, prefixes ? supported : 0, "§7.5.3.15"));
    }

    /** Maximum speed and width; ASPM is optional [22] and absent. */
    private static long linkCapabilities() {
        return SPEED_5_GT | WIDTH_X1 | bit(22).mask();
    }

    private static void addLink2(List<Register> body) {
        body.add(readOnly("Link Capabilities 2", 0x2c, 4, 0b110, "§7.5.3.18"));
        body.add(readWrite("Link Control 2", 0x30, 2, 0x000f, "§7.5.3.19").withReset(SPEED_5_GT));
    }
}
