package nestor.pci;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.mmio.MmioRegion;

/** A BAR that notes its accesses, reads as their offset, and may do more on a write. */
final class RecordingRegion implements MmioRegion {
    /** One write. */
    record Write(long offset, int sizeBytes, long value) {}

    final List<Write> writes = new ArrayList<>();
    final List<Long> reads = new ArrayList<>();
    Runnable onWrite = () -> {};

    @Override
    public long read(long offset, int sizeBytes) {
        reads.add(offset);
        return offset;
    }

    @Override
    public void write(long offset, int sizeBytes, long value) {
        writes.add(new Write(offset, sizeBytes, value));
        onWrite.run();
    }
}
