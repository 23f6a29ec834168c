package nestor.virtio.pci;

import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.List;
import nestor.pci.Capability;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.Register;

/**
 * The PCI configuration access capability (virtio 1.3 §4.1.4.9): a window of 1, 2 or 4 bytes
 * through which software without access to BARs reaches the device's registers. vCPU threads.
 */
final class PciConfigAccess {
    static final Register BAR = readWrite("cap.bar", 4, 1, 0xff, "§4.1.4.9");
    static final Register OFFSET = readWrite("cap.offset", 8, 4, 0xffff_ffffL, "§4.1.4.9");
    static final Register LENGTH = readWrite("cap.length", 12, 4, 0xffff_ffffL, "§4.1.4.9");
    static final Register DATA = readWrite("pci_cfg_data", 16, 4, 0xffff_ffffL, "§4.1.4.9");

    private static final int BYTES = 20;

    private final Capability capability;
    private final int bar;
    private final long barBytes;
    private final MmioRegion region;

    /**
     * @param bar index of the BAR that holds the device's registers
     * @param region what answers in it
     */
    PciConfigAccess(int bar, long barBytes, MmioRegion region) {
        this.bar = bar;
        this.barBytes = barBytes;
        this.region = region;
        this.capability =
                new Capability(
                                Capability.VENDOR_SPECIFIC,
                                BYTES,
                                List.of(
                                        readOnly("cap_len", 2, 1, BYTES, "§4.1.4"),
                                        readOnly(
                                                "cfg_type",
                                                3,
                                                1,
                                                StructureType.PCI_CFG.value(),
                                                "§4.1.4"),
                                        BAR,
                                        OFFSET,
                                        LENGTH,
                                        DATA))
                        .onRead(DATA, this::read)
                        .onWrite(DATA, this::write);
    }

    Capability capability() {
        return capability;
    }

    private long read() {
        return isAccess() ? region.read(offset(), (int) capability.get(LENGTH)) : 0;
    }

    private void write(long value) {
        if (isAccess()) {
            int sizeBytes = (int) capability.get(LENGTH);
            region.write(offset(), sizeBytes, value & -1L >>> (64 - 8 * sizeBytes));
        }
    }

    private long offset() {
        return capability.get(OFFSET);
    }

    /** §4.1.4.9.2: length is 1, 2 or 4, and offset a multiple of it, inside the BAR. */
    private boolean isAccess() {
        long length = capability.get(LENGTH);
        return capability.get(BAR) == bar
                && (length == 1 || length == 2 || length == 4)
                && offset() % length == 0
                && offset() + length <= barBytes;
    }
}
