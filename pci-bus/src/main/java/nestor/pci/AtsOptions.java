package nestor.pci;

/**
 * What a function's ATS Extended Capability offers (PCIe Base §10.5.1.2).
 *
 * @param queueDepth Invalidate Queue Depth: how many Invalidate Requests it takes at a time, 1..32
 * @param pageAligned Page Aligned Request: untranslated addresses in its Translation Requests are 4
 *     KiB aligned
 * @param globalInvalidate Global Invalidate Supported: it honours that bit of Invalidate Requests
 * @param stuBits how many bits of the Smallest Translation Unit software can write: 5, or fewer as
 *     some devices have it
 */
public record AtsOptions(
        int queueDepth, boolean pageAligned, boolean globalInvalidate, int stuBits) {
    private static final int STU_BITS = 5;

    public AtsOptions {
        if (queueDepth < 1 || queueDepth > InvalidateRequest.ITAGS) {
            throw new IllegalArgumentException("invalidate queue depth 1..32, not " + queueDepth);
        }
        if (stuBits < 0 || stuBits > STU_BITS) {
            throw new IllegalArgumentException("STU has up to 5 bits, not " + stuBits);
        }
    }

    /** Page aligned requests, no Global Invalidate. */
    public static AtsOptions ofQueueDepth(int queueDepth) {
        return new AtsOptions(queueDepth, true, false, STU_BITS);
    }

    public AtsOptions withGlobalInvalidate() {
        return new AtsOptions(queueDepth, pageAligned, true, stuBits);
    }

    public AtsOptions withoutPageAlignment() {
        return new AtsOptions(queueDepth, false, globalInvalidate, stuBits);
    }

    public AtsOptions withStuBits(int bits) {
        return new AtsOptions(queueDepth, pageAligned, globalInvalidate, bits);
    }
}
