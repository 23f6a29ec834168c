package nestor.virtio.pci;

import static nestor.vmm.register.Register.readOnly;

import java.util.ArrayList;
import java.util.List;
import nestor.pci.Capability;
import nestor.vmm.register.Register;

/** What a virtio capability points to: {@code cfg_type} (virtio 1.3 §4.1.4). */
enum StructureType {
    COMMON_CFG(1),
    NOTIFY_CFG(2),
    ISR_CFG(3),
    DEVICE_CFG(4),
    PCI_CFG(5);

    private static final int BYTES = 16;

    private final int value;

    StructureType(int value) {
        this.value = value;
    }

    int value() {
        return value;
    }

    /** The capability that says where this structure lies. */
    Capability capability(int bar, int offset, int lengthBytes) {
        return new Capability(
                Capability.VENDOR_SPECIFIC, BYTES, registers(BYTES, bar, offset, lengthBytes));
    }

    /** The capability of the notification structure (§4.1.4.4). */
    static Capability notify(int bar, int offset, int lengthBytes, int notifyOffMultiplier) {
        int capBytes = BYTES + 4;
        List<Register> registers =
                new ArrayList<>(NOTIFY_CFG.registers(capBytes, bar, offset, lengthBytes));
        registers.add(readOnly("notify_off_multiplier", 16, 4, notifyOffMultiplier, "§4.1.4.4"));
        return new Capability(Capability.VENDOR_SPECIFIC, capBytes, registers);
    }

    private List<Register> registers(int capBytes, int bar, int offset, int lengthBytes) {
        return List.of(
                readOnly("cap_len", 2, 1, capBytes, "§4.1.4"),
                readOnly("cfg_type", 3, 1, value, "§4.1.4"),
                readOnly("bar", 4, 1, bar, "§4.1.4"),
                readOnly("id", 5, 1, 0, "§4.1.4"),
                readOnly("offset", 8, 4, offset, "§4.1.4"),
                readOnly("length", 12, 4, lengthBytes, "§4.1.4"));
    }
}
