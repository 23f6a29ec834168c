package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.List;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/**
 * The ACS Extended Capability of a root port (PCIe Base §7.7.11).
 *
 * <p>Source Validation, P2P Request Redirect, P2P Completion Redirect and Upstream Forwarding hold
 * always, enabled or not: the bus puts a function's own RID on its requests, and nothing goes from
 * below a port anywhere but up. Translation Blocking and Direct Translated P2P do what they say
 * when enabled; with both, requests are blocked. P2P Egress Control is not offered: without
 * sideways routing there is nothing for it to control.
 */
final class AcsCapability {
    private static final int SIZE_BYTES = 8;

    private static final BitField SOURCE_VALIDATION = bit(0);
    private static final BitField TRANSLATION_BLOCKING = bit(1);
    private static final BitField REQUEST_REDIRECT = bit(2);
    private static final BitField COMPLETION_REDIRECT = bit(3);
    private static final BitField UPSTREAM_FORWARDING = bit(4);
    private static final BitField DIRECT_TRANSLATED = bit(6);

    private static final long OFFERED =
            SOURCE_VALIDATION.mask()
                    | TRANSLATION_BLOCKING.mask()
                    | REQUEST_REDIRECT.mask()
                    | COMPLETION_REDIRECT.mask()
                    | UPSTREAM_FORWARDING.mask()
                    | DIRECT_TRANSLATED.mask();

    private static final Register CONTROL = readWrite("ACS Control", 0x06, 2, OFFERED, "§7.7.11.3");

    private final Capability capability =
            Capability.extended(
                    Capability.EXTENDED_ACS,
                    1,
                    SIZE_BYTES,
                    List.of(readOnly("ACS Capability", 0x04, 2, OFFERED, "§7.7.11.2"), CONTROL));

    Capability capability() {
        return capability;
    }

    AccessControl accessControl() {
        long control = capability.get(CONTROL);
        return new AccessControl(
                TRANSLATION_BLOCKING.isSet(control), DIRECT_TRANSLATED.isSet(control));
    }

    void onControl(Runnable effect) {
        capability.onWrite(CONTROL, _ -> effect.run());
    }
}
