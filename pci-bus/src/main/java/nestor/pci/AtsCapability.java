package nestor.pci;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.BitField.bits;
import static nestor.vmm.register.Register.readOnly;
import static nestor.vmm.register.Register.readWrite;

import java.util.List;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;

/** The ATS Extended Capability (PCIe Base §10.5.1); used under {@link FunctionAts}'s lock. */
final class AtsCapability {
    private static final int SIZE_BYTES = 8;

    /** 0 says 32. */
    private static final BitField QUEUE_DEPTH = bits(4, 0);

    private static final BitField PAGE_ALIGNED = bit(5);
    private static final BitField GLOBAL_INVALIDATE = bit(6);

    private static final BitField STU = bits(4, 0);
    private static final BitField ENABLE = bit(15);

    private final Register control;
    private final Capability capability;
    private boolean enabled;
    private int stu;

    AtsCapability(AtsOptions options) {
        long offered = QUEUE_DEPTH.set(0, options.queueDepth() % InvalidateRequest.ITAGS);
        offered = options.pageAligned() ? PAGE_ALIGNED.setAll(offered) : offered;
        offered = options.globalInvalidate() ? GLOBAL_INVALIDATE.setAll(offered) : offered;
        long stuMask = (1L << options.stuBits()) - 1;
        this.control = readWrite("ATS Control", 0x06, 2, ENABLE.mask() | stuMask, "§10.5.1.3");
        this.capability =
                Capability.extended(
                        Capability.EXTENDED_ATS,
                        1,
                        SIZE_BYTES,
                        List.of(
                                readOnly("ATS Capability", 0x04, 2, offered, "§10.5.1.2"),
                                control));
    }

    Capability capability() {
        return capability;
    }

    void onControl(Runnable effect) {
        capability.onWrite(control, _ -> effect.run());
    }

    boolean enabled() {
        return enabled;
    }

    int stu() {
        return stu;
    }

    /**
     * Takes over what the register holds now. STU changes only in a write that finds Enable clear:
     * a write that sets both together is how drivers enable ATS.
     *
     * @return false if software tried to change STU all the same
     */
    boolean latch() {
        long value = capability.get(control);
        boolean legal = !enabled || !ENABLE.isSet(value) || STU.getInt(value) == stu;
        if (enabled) {
            capability.update(control, now -> STU.set(now, stu));
        } else {
            stu = STU.getInt(value);
        }
        enabled = ENABLE.isSet(value);
        return legal;
    }

    /** After the register is fresh again. */
    void reset() {
        enabled = false;
        stu = 0;
    }
}
