package nestor.endpoints;

import nestor.atc.Atc;
import nestor.atc.AtcOptions;
import nestor.pci.AtsOptions;
import nestor.pci.BarKind;
import nestor.pci.CompletionStatus;
import nestor.pci.InvalidateRequest;
import nestor.pci.PasidOptions;
import nestor.pci.PciFunction;
import nestor.pci.PciFunctionBuilder;
import nestor.pci.PriOptions;
import nestor.pci.StalledTransaction;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.mmio.MmioRegion;

/**
 * The SMMUv3 test engine as a PCI function, {@code 13b5:ff80}: 512 frames in BAR 0, each of which
 * copies, fills or sums memory by DMA when a command is written to it. See {@code
 * docs/devices/smmu-test-engine.md}.
 *
 * <p>Commands run on the device's loop, a slice at a time, so that frames progress together.
 * Accesses are non-secure. While ATS is enabled, and in frames with {@code pctrl} bit 8, they go
 * through the function's cache; a page that is missing there is requested while PRI is enabled. An
 * engine that stalls has neither ATS nor PRI: it sends untranslated requests and waits for them.
 * The function's own BARs are no target of its DMA, as the bus has it ({@code P2P} of the engine's
 * own driver therefore ends in ERROR); a peer's DMA does reach them.
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

    private static final int PASID_BITS = 20;
    private static final int ATC_ENTRIES = 256;
    private static final int ATC_WAYS = 8;

    private final DeviceLoop loop;
    private final PciFunction function;
    private final Atc atc;
    private final DmaPath untranslated;
    private final DmaPath cached;
    private final SmmuTestPages pages;
    private final SmmuTestFrames frames = new SmmuTestFrames(VECTORS);

    /**
     * A test engine, to be plugged.
     *
     * @param name for messages
     * @param loop where commands run
     * @param faults how the engine comes by a page that is not there
     */
    public SmmuTestEngine(String name, DeviceLoop loop, PageFaults faults) {
        this.loop = loop;
        PciFunctionBuilder builder =
                PciFunction.builder(name)
                        .ids(VENDOR, DEVICE)
                        .classCode(CLASS_OTHER)
                        .bar(0, SmmuTestFrames.BYTES, BarKind.MEM64, new Bar0())
                        .bar(INTERRUPT_BAR, INTERRUPT_BAR_BYTES, BarKind.MEM64)
                        .msix(VECTORS, INTERRUPT_BAR, 0, PBA_OFFSET)
                        .express()
                        .pasid(PasidOptions.ofWidth(PASID_BITS).withExecute().withPrivileged())
                        .pending(frames::isBusy)
                        .onReset(this::reset);
        this.function =
                switch (faults) {
                    case PRI ->
                            builder.ats(AtsOptions.ofQueueDepth(InvalidateRequest.ITAGS))
                                    .pri(PriOptions.ofCapacity(SmmuTestFrames.FRAMES))
                                    .build();
                    case STALL -> builder.canStall().build();
                };
        this.atc =
                Atc.on(
                        function.ats(),
                        AtcOptions.setAssociative(ATC_ENTRIES, ATC_WAYS).withoutGlobalInvalidate());
        this.untranslated = DmaPath.untranslated(function);
        this.cached = new CachedDma(function, atc);
        this.pages = SmmuTestPages.on(function.ats(), loop, this::wake);
    }

    /** What to plug. */
    public PciFunction function() {
        return function;
    }

    private void runSlice(SmmuTestJob job) {
        if (!frames.isRunning(job)) {
            return;
        }
        boolean ats = job.command().ats() || function.ats().atsEnabled();
        SmmuTestJob.Sender sender =
                function.canStall() ? stalling(job) : ats ? cached::move : untranslated::move;
        if (!job.advance(SLICE_UNITS, sender, function.rid())) {
            frames.progress(job);
            if (!job.stalled()) {
                loop.post(() -> runSlice(job));
            }
        } else if (!job.failed() || !ats || !pages.request(job)) {
            frames.finish(job).ifPresent(function::signalMsix);
        }
    }

    private SmmuTestJob.Sender stalling(SmmuTestJob job) {
        Waiting waiting = new Waiting(job);
        return (requester, iova, data, access) ->
                DmaPath.writes(access)
                        ? function.dma().write(requester, iova, data, waiting)
                        : function.dma().read(requester, iova, data, waiting);
    }

    /** What becomes of a job's stalled access. */
    private final class Waiting implements StalledTransaction {
        private final SmmuTestJob job;

        Waiting(SmmuTestJob job) {
            this.job = job;
        }

        @Override
        public void retry() {
            loop.post(() -> {
                job.resume();
                runSlice(job);
            });
        }

        @Override
        public void terminate(CompletionStatus status) {
            loop.post(() -> {
                job.resume(status);
                runSlice(job);
            });
        }
    }

    /** A page that {@code job} waits for is there, or will not be. */
    private void wake(SmmuTestJob job, boolean present) {
        if (present) {
            job.retry();
            runSlice(job);
        } else {
            frames.finish(job).ifPresent(function::signalMsix);
        }
    }

    private void reset() {
        frames.reset();
        atc.reset();
        loop.post(pages::forget);
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
