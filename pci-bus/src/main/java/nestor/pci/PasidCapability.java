package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.List;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/**
 * The PASID Extended Capability (PCIe Base §7.8.9). Execute and Privileged Mode Enable can be
 * written whether supported or not, which the specification leaves open, and mean nothing if not.
 */
final class PasidCapability {
    private static final int SIZE_BYTES = 8;

    private static final BitField EXECUTE_SUPPORTED = bit(1);
    private static final BitField PRIVILEGED_SUPPORTED = bit(2);
    private static final BitField TRANSLATED_SUPPORTED = bit(3);
    private static final BitField MAX_WIDTH = bits(12, 8);

    private static final BitField ENABLE = bit(0);
    private static final BitField EXECUTE_ENABLE = bit(1);
    private static final BitField PRIVILEGED_ENABLE = bit(2);
    private static final BitField TRANSLATED_ENABLE = bit(3);

    private final PasidOptions options;
    private final Register control;
    private final Capability capability;

    PasidCapability(PasidOptions options) {
        this.options = options;
        long offered = MAX_WIDTH.set(0, options.maxWidth());
        offered = options.execute() ? EXECUTE_SUPPORTED.setAll(offered) : offered;
        offered = options.privileged() ? PRIVILEGED_SUPPORTED.setAll(offered) : offered;
        offered = options.translatedRequests() ? TRANSLATED_SUPPORTED.setAll(offered) : offered;
        long writable = ENABLE.mask() | EXECUTE_ENABLE.mask() | PRIVILEGED_ENABLE.mask();
        writable |= options.translatedRequests() ? TRANSLATED_ENABLE.mask() : 0;
        this.control = readWrite("PASID Control", 0x06, 2, writable, "§7.8.9.3");
        this.capability =
                Capability.extended(
                        Capability.EXTENDED_PASID,
                        1,
                        SIZE_BYTES,
                        List.of(
                                readOnly("PASID Capability", 0x04, 2, offered, "§7.8.9.2"),
                                control));
    }

    Capability capability() {
        return capability;
    }

    void onControl(Runnable effect) {
        capability.onWrite(control, _ -> effect.run());
    }

    /** What software has enabled. */
    long enables() {
        return capability.get(control);
    }

    /** First PASID that requests cannot carry; 0 while none may be sent. */
    int limit() {
        return ENABLE.isSet(capability.get(control)) ? 1 << options.maxWidth() : 0;
    }

    /** For people. */
    String detail() {
        return "%d bits".formatted(options.maxWidth());
    }

    boolean executeEnabled() {
        return options.execute() && EXECUTE_ENABLE.isSet(capability.get(control));
    }

    boolean privilegedEnabled() {
        return options.privileged() && PRIVILEGED_ENABLE.isSet(capability.get(control));
    }

    boolean translatedEnabled() {
        return TRANSLATED_ENABLE.isSet(capability.get(control));
    }
}
