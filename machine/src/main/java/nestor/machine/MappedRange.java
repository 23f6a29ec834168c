package nestor.machine;

/**
 * A piece of the guest-physical address space and what answers there: for people.
 *
 * @param name of the memory or device
 */
public record MappedRange(String name, long gpa, long sizeBytes) {}
