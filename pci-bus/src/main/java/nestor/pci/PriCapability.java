package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.List;
import java.util.function.BooleanSupplier;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/**
 * The Page Request Extended Capability's registers (PCIe Base §10.5.2); what they mean is {@link
 * PageRequestInterface}'s.
 */
final class PriCapability {
    private static final int SIZE_BYTES = 16;

    private static final BitField ENABLE = bit(0);
    private static final BitField RESET = bit(1);

    private static final BitField RESPONSE_FAILURE = bit(0);
    private static final BitField UNEXPECTED_INDEX = bit(1);
    private static final BitField STOPPED = bit(8);
    private static final BitField RESPONSE_PASID_REQUIRED = bit(15);

    private static final Register CONTROL =
            readWrite("PRI Control", 0x04, 2, ENABLE.mask() | RESET.mask(), "§10.5.2.2");
    private static final Register ALLOCATION =
            readWrite("Outstanding Page Request Allocation", 0x0c, 4, 0xffff_ffffL, "§10.5.2.5");

    private final PriOptions options;
    private final Register status;
    private final Capability capability;

    PriCapability(PriOptions options) {
        this.options = options;
        long fresh = STOPPED.mask();
        fresh |= options.responsePasidRequired() ? RESPONSE_PASID_REQUIRED.mask() : 0;
        this.status =
                new Register(
                        "PRI Status",
                        0x06,
                        2,
                        fresh,
                        0,
                        RESPONSE_FAILURE.mask() | UNEXPECTED_INDEX.mask(),
                        "§10.5.2.3");
        Register capacity =
                readOnly(
                        "Outstanding Page Request Capacity",
                        0x08,
                        4,
                        options.capacity(),
                        "§10.5.2.4");
        this.capability =
                Capability.extended(
                        Capability.EXTENDED_PRI,
                        1,
                        SIZE_BYTES,
                        List.of(CONTROL, status, capacity, ALLOCATION));
    }

    Capability capability() {
        return capability;
    }

    PriOptions options() {
        return options;
    }

    /** Hangs {@code written} on Control and Allocation, and {@code stopped} on Status. */
    void onAccess(Runnable written, BooleanSupplier stopped) {
        capability.onWrite(CONTROL, _ -> written.run());
        capability.onWrite(ALLOCATION, _ -> written.run());
        capability.onRead(
                status,
                () -> {
                    long stored = STOPPED.clear(capability.get(status));
                    return stopped.getAsBoolean() ? STOPPED.setAll(stored) : stored;
                });
    }

    boolean enable() {
        return ENABLE.isSet(capability.get(CONTROL));
    }

    /** Whether Reset was written; it reads as zero afterwards. */
    boolean takeReset() {
        boolean written = RESET.isSet(capability.get(CONTROL));
        if (written) {
            capability.update(CONTROL, RESET::clear);
        }
        return written;
    }

    /** For people. */
    String detail() {
        return "%d of %d requests".formatted(allocation(), options.capacity());
    }

    long allocation() {
        return capability.get(ALLOCATION);
    }

    void allocation(long value) {
        capability.set(ALLOCATION, value);
    }

    boolean responseFailed() {
        return RESPONSE_FAILURE.isSet(capability.get(status));
    }

    void setResponseFailure() {
        capability.update(status, RESPONSE_FAILURE::setAll);
    }

    void setUnexpectedIndex() {
        capability.update(status, UNEXPECTED_INDEX::setAll);
    }
}
