package nestor.machine;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import nestor.vmm.chardev.CharBackend;

/** A computer: made from a {@link MachineConfig}, run once, closed. */
public final class Machine implements AutoCloseable {
    /** Key of the first serial port among the backends of {@link #create}. */
    public static final String SERIAL0 = "serial0";

    private Machine() {}

    /**
     * Checks everything and builds the machine; nothing runs yet.
     *
     * @param backends character backends by id; {@link #SERIAL0} is the board's UART, whose output
     *     is dropped if there is none
     * @throws ConfigException if the user asked for something that cannot be
     * @throws IOException if the host refuses memory
     */
    public static Machine create(MachineConfig config, Map<String, CharBackend> backends)
            throws ConfigException, IOException {
        if (!config.type().equals("virt")) {
            throw new ConfigException("-machine " + config.type() + ": unknown; known: virt");
        }
        return new Machine();
    }

    /** Runs the guest until it powers off; the calling thread waits. Called once. */
    public MachineOutcome run() {
        return new MachineOutcome.Stopped();
    }

    /** Makes {@link #run} return {@code Stopped} soon, disks flushed. Any thread, any time. */
    public void stop() {}

    /** Instructions the guest has retired so far, all vCPUs together. Any thread. */
    public long retiredInstructions() {
        return 0;
    }

    /** Every device model that {@link MachineConfig#devices} may name. */
    public static DeviceCatalog catalog() {
        return new DeviceCatalog();
    }

    /** Every machine type. */
    public static List<MachineType> types() {
        return List.of();
    }

    @Override
    public void close() {}
}
