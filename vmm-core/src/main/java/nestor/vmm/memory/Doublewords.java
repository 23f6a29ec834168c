package nestor.vmm.memory;

/** Where structures of a guest are read: its memory, or what stands in for it. */
@FunctionalInterface
public interface Doublewords {
    /**
     * Reads a naturally aligned doubleword, in one piece.
     *
     * @throws GuestAccessException if nothing backs it
     */
    long getLongLe(long gpa) throws GuestAccessException;
}
