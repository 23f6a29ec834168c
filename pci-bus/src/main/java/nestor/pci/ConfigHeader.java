package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.List;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/** The configuration space headers (PCIe Base §7.5.1), in offset order. */
final class ConfigHeader {
    static final int CONFIG_BYTES = 4096;

    /** Command register (§7.5.1.1.3). */
    static final class Command {
        static final BitField MEMORY_SPACE = bit(1);
        static final BitField BUS_MASTER = bit(2);

        private Command() {}
    }

    /** Status register (§7.5.1.1.4). */
    static final class Status {
        static final BitField CAPABILITIES_LIST = bit(4);
        static final BitField RECEIVED_TARGET_ABORT = bit(12);
        static final BitField RECEIVED_MASTER_ABORT = bit(13);

        /** Master Data Parity Error [8], the abort and system error bits [15:11]. */
        static final long W1C = 0xf900;

        private Status() {}
    }

    /** Header Type register (§7.5.1.1.9). */
    static final class HeaderType {
        static final BitField MULTI_FUNCTION = bit(7);
        static final int TYPE0 = 0;
        static final int TYPE1 = 1;

        private HeaderType() {}
    }

    /** Bridge Control register (§7.5.1.3.13). */
    static final class BridgeControl {
        static final BitField SECONDARY_BUS_RESET = bit(6);

        private BridgeControl() {}
    }

    /** Address bits of Memory Base and Limit, and of their prefetchable twins: [31:20]. */
    static final BitField WINDOW_ADDRESS = bits(15, 4);

    /** Memory Space, Bus Master, Parity Error Response, SERR# Enable, Interrupt Disable. */
    static final Register COMMAND = readWrite("Command", 0x04, 2, 0x0546, "§7.5.1.1.3");

    static final Register CACHE_LINE = readWrite("Cache Line Size", 0x0c, 1, 0xff, "§7.5.1.1.7");
    static final Register INTERRUPT_LINE =
            readWrite("Interrupt Line", 0x3c, 1, 0xff, "§7.5.1.1.12");

    static final Register PRIMARY_BUS =
            readWrite("Primary Bus Number", 0x18, 1, 0xff, "§7.5.1.3.2");
    static final Register SECONDARY_BUS =
            readWrite("Secondary Bus Number", 0x19, 1, 0xff, "§7.5.1.3.3");
    static final Register SUBORDINATE_BUS =
            readWrite("Subordinate Bus Number", 0x1a, 1, 0xff, "§7.5.1.3.4");
    static final Register SECONDARY_STATUS =
            new Register("Secondary Status", 0x1e, 2, 0, 0, Status.W1C, "§7.5.1.3.7");
    static final Register MEMORY_BASE = readWrite("Memory Base", 0x20, 2, 0xfff0, "§7.5.1.3.8");
    static final Register MEMORY_LIMIT = readWrite("Memory Limit", 0x22, 2, 0xfff0, "§7.5.1.3.8");

    /** Bits [3:0] = 1: the window takes 64-bit addresses. */
    static final Register PREFETCHABLE_BASE =
            readWrite("Prefetchable Memory Base", 0x24, 2, 0xfff0, "§7.5.1.3.9").withReset(1);

    static final Register PREFETCHABLE_LIMIT =
            readWrite("Prefetchable Memory Limit", 0x26, 2, 0xfff0, "§7.5.1.3.9").withReset(1);
    static final Register PREFETCHABLE_BASE_UPPER =
            readWrite("Prefetchable Base Upper", 0x28, 4, 0xffff_ffffL, "§7.5.1.3.10");
    static final Register PREFETCHABLE_LIMIT_UPPER =
            readWrite("Prefetchable Limit Upper", 0x2c, 4, 0xffff_ffffL, "§7.5.1.3.10");

    /** Parity Error Response Enable, SERR# Enable, Secondary Bus Reset. */
    static final Register BRIDGE_CONTROL =
            readWrite("Bridge Control", 0x3e, 2, 0x0043, "§7.5.1.3.13");

    private ConfigHeader() {}

    static Register status(boolean capabilities) {
        long fixed = capabilities ? Status.CAPABILITIES_LIST.mask() : 0;
        return new Register("Status", 0x06, 2, fixed, 0, Status.W1C, "§7.5.1.1.4");
    }

    static Register headerType(int type) {
        return readOnly("Header Type", 0x0e, 1, type, "§7.5.1.1.9");
    }

    /** What both header types have; {@code first} is the offset of the first capability or 0. */
    static List<Register> common(PciFunction.Identity id, int type, int first) {
        return List.of(
                readOnly("Vendor ID", 0x00, 2, id.vendor(), "§7.5.1.1.1"),
                readOnly("Device ID", 0x02, 2, id.device(), "§7.5.1.1.2"),
                COMMAND,
                status(first != 0),
                readOnly(
                        "Revision ID, Class Code",
                        0x08,
                        4,
                        id.revision() | (long) id.classCode() << 8,
                        "§7.5.1.1.5"),
                CACHE_LINE,
                headerType(type),
                readOnly("Capabilities Pointer", 0x34, 1, first, "§7.5.1.1.11"),
                INTERRUPT_LINE);
    }

    static List<Register> type0(PciFunction.Identity id) {
        return List.of(
                readOnly("Subsystem Vendor ID", 0x2c, 2, id.subsystemVendor(), "§7.5.1.2.3"),
                readOnly("Subsystem ID", 0x2e, 2, id.subsystem(), "§7.5.1.2.3"));
    }

    /** No I/O window: I/O Base and Limit are hardwired to zero. */
    static List<Register> type1() {
        return List.of(
                PRIMARY_BUS,
                SECONDARY_BUS,
                SUBORDINATE_BUS,
                SECONDARY_STATUS,
                MEMORY_BASE,
                MEMORY_LIMIT,
                PREFETCHABLE_BASE,
                PREFETCHABLE_LIMIT,
                PREFETCHABLE_BASE_UPPER,
                PREFETCHABLE_LIMIT_UPPER,
                BRIDGE_CONTROL);
    }
}
