package nestor.endpoints;

import nestor.pci.BarKind;
import nestor.pci.PciFunction;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.mmio.MmioRegion;

/**
 * The SMMUv3 test engine as a PCI function, {@code 13b5:ff80}: 512 frames in BAR 0, each of which
 * copies, fills or sums memory by DMA when a command is written to it. See {@code
 * docs/devices/smmu-test-engine.md}.
 *
 * <p>Commands run on the device's loop, a slice at a time, so that frames progress together.
 * Accesses are non-secure. The function's own BARs are no target of its DMA, as the bus has it
 * ({@code P2P} of the engine's own driver therefore ends in ERROR); a peer's DMA does reach them.
 */
public final class SmmuTestEngine {
    private static final int VENDOR = 0x13b5;
    private static final int DEVICE = 0xff80;
    private static final int CLASS_OTHER = 0x00ff00;
    private static final int VECTORS = 64;
    private static final int INTERRUPT_BAR = 2;
    private static final int INTERRUPT_BAR_BYTES = 0x1000;
    private static final int PBA_OFFSET = 0x800;

    /** Accesses of a frame before the next frame has its turn: at most 256 KiB. */
    private static final int SLICE_UNITS = 64;

    private final DeviceLoop loop;
    private final PciFunction function;
    private final SmmuTestFrames frames = new SmmuTestFrames(VECTORS);

    /**
     * A test engine, to be plugged.
     *
     * @param name for messages
     * @param loop where commands run
     */
    public SmmuTestEngine(String name, DeviceLoop loop) {
        this.loop = loop;
        this.function =
                PciFunction.builder(name)
                        .ids(VENDOR, DEVICE)
                        .classCode(CLASS_OTHER)
                        .bar(0, SmmuTestFrames.BYTES, BarKind.MEM64, new Bar0())
                        .bar(INTERRUPT_BAR, INTERRUPT_BAR_BYTES, BarKind.MEM64)
                        .msix(VECTORS, INTERRUPT_BAR, 0, PBA_OFFSET)
                        .express()
                        .onReset(frames::reset)
                        .build();
    }

    /** What to plug. */
    public PciFunction function() {
        return function;
    }

    private void runSlice(SmmuTestJob job) {
        if (!frames.isRunning(job)) {
            return;
        }
        if (job.advance(SLICE_UNITS, function.dma(), function.rid())) {
            frames.finish(job).ifPresent(function::signalMsix);
        } else {
            frames.progress(job);
            loop.post(() -> runSlice(job));
        }
    }

    private final class Bar0 implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            return frames.read(offset, sizeBytes);
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            frames.write(offset, sizeBytes, value).ifPresent(job -> loop.post(() -> runSlice(job)));
        }
    }
}
