package nestor.machine.pc;

import java.util.function.IntConsumer;
import nestor.vmm.mmio.MmioRegion;

/**
 * A port by which a test guest ends the machine, as {@code isa-debug-exit} of other machines: what
 * is written becomes the status {@code value << 1 | 1}. Reads as zero.
 */
public final class DebugExit implements MmioRegion {
    /** Ports it takes. */
    public static final int PORTS = 4;

    /** Exit statuses have eight bits. */
    private static final int STATUS_MASK = 0xff;

    private final IntConsumer exit;

    /**
     * @param exit takes the status, on the thread of the vCPU that wrote
     */
    public DebugExit(IntConsumer exit) {
        this.exit = exit;
    }

    @Override
    public long read(long offset, int sizeBytes) {
        return 0;
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        exit.accept(((int) value << 1 | 1) & STATUS_MASK);
    }

    @Override
    public int maxAccessBytes() {
        return Integer.BYTES;
    }
}
