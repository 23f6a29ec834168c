package nestor.pci;

/**
 * What a function's PASID Extended Capability offers (PCIe Base §7.8.9.2).
 *
 * @param maxWidth Max PASID Width in bits, 0..20
 * @param execute Execute Permission Supported: requests may ask for execute permission
 * @param privileged Privileged Mode Supported: requests may ask for Privileged Mode
 * @param translatedRequests Translated Requests with PASID Supported
 */
public record PasidOptions(
        int maxWidth, boolean execute, boolean privileged, boolean translatedRequests) {
    static final int MAX_WIDTH = 20;

    public PasidOptions {
        if (maxWidth < 0 || maxWidth > MAX_WIDTH) {
            throw new IllegalArgumentException("a PASID has 0..20 bits, not " + maxWidth);
        }
    }

    /** PASIDs of up to {@code maxWidth} bits and nothing optional. */
    public static PasidOptions ofWidth(int maxWidth) {
        return new PasidOptions(maxWidth, false, false, false);
    }

    public PasidOptions withExecute() {
        return new PasidOptions(maxWidth, true, privileged, translatedRequests);
    }

    public PasidOptions withPrivileged() {
        return new PasidOptions(maxWidth, execute, true, translatedRequests);
    }

    public PasidOptions withTranslatedRequests() {
        return new PasidOptions(maxWidth, execute, privileged, true);
    }
}
