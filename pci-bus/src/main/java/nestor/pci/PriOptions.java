package nestor.pci;

/**
 * What a function's Page Request Extended Capability offers (PCIe Base §10.5.2).
 *
 * @param capacity Outstanding Page Request Capacity, at least 1
 * @param responsePasidRequired PRG Response PASID Required: responses to requests with PASID carry
 *     it too
 */
public record PriOptions(int capacity, boolean responsePasidRequired) {
    public PriOptions {
        if (capacity < 1) {
            throw new IllegalArgumentException("no room for page requests: " + capacity);
        }
    }

    /** Up to {@code capacity} outstanding requests, PRG Response PASID Required. */
    public static PriOptions ofCapacity(int capacity) {
        return new PriOptions(capacity, true);
    }

    public PriOptions withoutResponsePasid() {
        return new PriOptions(capacity, false);
    }
}
