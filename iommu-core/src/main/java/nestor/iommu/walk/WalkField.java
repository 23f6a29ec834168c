package nestor.iommu.walk;

/**
 * A field of a structure or descriptor.
 *
 * @param name as the specification has it
 * @param value of an address, the address; of any other field, shifted down
 */
public record WalkField(String name, long value) {}
