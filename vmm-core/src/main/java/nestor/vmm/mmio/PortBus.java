package nestor.vmm.mmio;

/**
 * The x86 I/O address space (Intel SDM volume 1, chapter 19): 65536 byte-wide ports, routed to
 * regions as {@link MmioBus} routes memory, by the same rules for widths and splitting. A region
 * sees offsets from its own first port.
 *
 * <p>Ports that nobody claims read as all ones and drop writes; so does the part of an access that
 * runs past port FFFFh. Any thread; lookups take no lock and allocate nothing.
 */
public final class PortBus {
    /** How many ports there are. */
    public static final int PORTS = 1 << 16;

    private final MmioBus bus = new MmioBus();

    /**
     * Routes {@code ports} ports from {@code port} on to {@code region}.
     *
     * @throws IllegalArgumentException if the range is empty, leaves the I/O space, or overlaps a
     *     mapped one
     */
    public void map(int port, int ports, MmioRegion region) {
        if (port < 0 || ports <= 0 || ports > PORTS - port) {
            throw new IllegalArgumentException("no such range of I/O ports");
        }
        bus.map(port, ports, region);
    }

    /** Removes the range mapped at exactly {@code port}; nothing happens if there is none. */
    public void unmap(int port) {
        bus.unmap(port);
    }

    /** Whether a region claims {@code port}. */
    public boolean claims(int port) {
        return bus.claims(port);
    }

    /**
     * IN: reads {@code sizeBytes} (1, 2 or 4) at {@code port}.
     *
     * @param port 0 to FFFFh
     * @return the value, zero-extended
     */
    public int read(int port, int sizeBytes) {
        return (int) bus.read(port, sizeBytes);
    }

    /**
     * OUT: writes the low {@code sizeBytes} (1, 2 or 4) of {@code value} at {@code port}.
     *
     * @param port 0 to FFFFh
     */
    public void write(int port, int sizeBytes, int value) {
        bus.write(port, sizeBytes, Integer.toUnsignedLong(value));
    }
}
