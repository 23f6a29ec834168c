package nestor.endpoints;

import nestor.atc.Atc;
import nestor.atc.AtcOptions;
import nestor.atc.PageRequests;
import nestor.pci.AtsEndpoint;
import nestor.pci.AtsOptions;
import nestor.pci.AtsPort;
import nestor.pci.BarKind;
import nestor.pci.CompletionStatus;
import nestor.pci.InvalidateRequest;
import nestor.pci.PageResponse;
import nestor.pci.PasidOptions;
import nestor.pci.PciFunction;
import nestor.pci.PciFunctionBuilder;
import nestor.pci.PriOptions;
import nestor.pci.Requester;
import nestor.pci.StalledTransaction;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.mmio.MmioRegion;
import org.jspecify.annotations.Nullable;

/**
 * The demo device of in-guest shared virtual memory, {@code 1234:0b11}: it writes a pattern to, or
 * checks the CRC of, a buffer given by its address in a process, through PASID, ATS and PRI.
 * Sections cite {@code docs/devices/svm-demo.md}.
 *
 * <p>With {@link PageFaults#STALL} there is no ATS and no PRI: requests are untranslated, and one
 * whose page is missing waits for its SMMU.
 *
 * <p>PASID and commands are posted to the device's loop; everything that follows happens there. A
 * command that is written while another runs is ignored. What ends a command early: its PASID is
 * written, ATS is disabled or page requests stop (both fail it, with result and MSI), or a reset.
 */
public final class SvmDemo {
    /** Translations the device caches unless told otherwise. */
    public static final int DEFAULT_ATC_ENTRIES = 1024;

    /** Where the published driver's device has its PCI Express capability. */
    private static final int EXPRESS_OFFSET = 0x80;

    private static final int VENDOR = 0x1234;
    private static final int DEVICE = 0x0b11;
    private static final int REVISION = 0x10;
    private static final int CLASS_OTHER = 0x00ff00;
    private static final int BAR_BYTES = 1 << 20;

    private static final int PASID_BITS = 20;
    private static final int INVALIDATE_QUEUE_DEPTH = 32;
    private static final int STU_BITS = 4;
    private static final int PAGE_REQUEST_CAPACITY = 2048;
    private static final int ATC_WAYS = 8;

    /** Registers, §2. Below {@link #PASID}, 8-byte accesses only. */
    private static final int COMMAND = 0x00;

    private static final int ADDRESS = 0x08;
    private static final int EXPECTED_CRC = 0x10;
    private static final int LENGTH = 0x18;
    private static final int OPTIONS = 0x20;

    /** 4-byte writes only. */
    private static final int PASID = 0x50;

    private static final long MAGIC = 0x0b1c_5111L;
    private static final long DMA_WRITE = 1;
    private static final long DMA_READ = 2;
    private static final long PRIVILEGED = 1;
    private static final int PASID_DISABLED = 1 << PASID_BITS;

    private static final long SUCCESS = 0;
    private static final long FAILURE = 1;

    private final DeviceLoop loop;
    private final PciFunction function;
    private final Atc atc;

    /** Guards the registers; a leaf. */
    private final Object lock = new Object();

    private long address;
    private long expectedCrc;
    private long length;
    private long options;
    private long result;
    private int generation;

    /** On the loop only from here on. */
    private int pasid = PASID_DISABLED;

    private AtsPort.@Nullable Registration registration;
    private PageRequests pageRequests;

    /** The command under way; written on the loop only. */
    private volatile @Nullable SvmTransfer transfer;

    /**
     * A demo device, to be plugged.
     *
     * @param name for messages
     * @param loop where commands run
     * @param atcEntries translations that are cached: any number up to 8, or 8 times a power of two
     *     up to 2^20; 0 caches none
     * @param faults how the device comes by a page that is not there
     */
    public SvmDemo(String name, DeviceLoop loop, int atcEntries, PageFaults faults) {
        this.loop = loop;
        PciFunctionBuilder builder =
                PciFunction.builder(name)
                        .ids(VENDOR, DEVICE)
                        .revision(REVISION)
                        .classCode(CLASS_OTHER)
                        .bar(0, BAR_BYTES, BarKind.MEM32, new Bar0())
                        .expressAt(EXPRESS_OFFSET)
                        .msiWithoutMasking()
                        .pasid(PasidOptions.ofWidth(PASID_BITS).withPrivileged())
                        .pending(() -> transfer != null)
                        .onReset(this::reset);
        AtsOptions ats = AtsOptions.ofQueueDepth(INVALIDATE_QUEUE_DEPTH).withStuBits(STU_BITS);
        this.function =
                switch (faults) {
                    case PRI ->
                            builder.ats(ats)
                                    .pri(PriOptions.ofCapacity(PAGE_REQUEST_CAPACITY))
                                    .build();
                    case STALL -> builder.canStall().build();
                };
        this.pageRequests = PageRequests.on(function.ats(), loop);
        AtcOptions cache =
                atcEntries <= ATC_WAYS
                        ? AtcOptions.fullyAssociative(atcEntries)
                        : AtcOptions.setAssociative(atcEntries, ATC_WAYS);
        this.atc = Atc.on(function.ats(), cache.withoutGlobalInvalidate());
    }

    /** Whether {@code entries} is a number of translations that the device can be made with. */
    public static boolean isAtcSize(long entries) {
        return entries >= 0 && entries <= ATC_WAYS
                || entries <= 1 << 20
                        && entries % ATC_WAYS == 0
                        && Long.bitCount(entries / ATC_WAYS) == 1;
    }

    /** What to plug. */
    public PciFunction function() {
        return function;
    }

    private void start(SvmCommand command, int started) {
        if (transfer != null || !isCurrent(started)) {
            return;
        }
        if (pasid == PASID_DISABLED) {
            finish(FAILURE, started);
            return;
        }
        Waiting waiting = function.canStall() ? new Waiting(started) : null;
        SvmTransfer begun =
                new SvmTransfer(
                        function,
                        atc,
                        command,
                        command.requester(function.rid(), pasid),
                        pageRequests,
                        (asleep, step) -> awake(asleep, step, started),
                        waiting);
        if (waiting != null) {
            waiting.owner = begun;
        }
        transfer = begun;
        advance(begun, begun.step(), started);
    }

    private void resume(SvmTransfer resumed, int started) {
        if (resumed == transfer && isCurrent(started)) {
            advance(resumed, resumed.step(), started);
        }
    }

    private void awake(SvmTransfer asleep, SvmTransfer.Step step, int started) {
        if (asleep == transfer && isCurrent(started)) {
            advance(asleep, step, started);
        }
    }

    private void advance(SvmTransfer now, SvmTransfer.Step step, int started) {
        switch (step) {
            case RUNNABLE -> loop.post(() -> resume(now, started));
            case SLEEPING -> {}
            case DONE -> finish(now.command().toMemory() ? SUCCESS : verdict(now), started);
            case FAILED -> finish(FAILURE, started);
        }
    }

    private long verdict(SvmTransfer read) {
        synchronized (lock) {
            return read.crc() == expectedCrc ? SUCCESS : FAILURE;
        }
    }

    /** Completes the command: result, then MSI (§3.5). */
    private void finish(long value, int started) {
        transfer = null;
        synchronized (lock) {
            if (started != generation) {
                return;
            }
            result = value;
        }
        function.signalMsi(0);
    }

    private boolean isCurrent(int started) {
        synchronized (lock) {
            return started == generation;
        }
    }

    /** §2, the state machine of the PASID register. */
    private void writePasid(int value, int started) {
        if (!isCurrent(started) || Integer.compareUnsigned(value, PASID_DISABLED) > 0) {
            return;
        }
        fail(started);
        disable();
        if (value != PASID_DISABLED
                && function.ats().admits(new Requester(function.rid(), value, false))) {
            pasid = value;
            if (function.canStall()) {
                return;
            }
            atc.start(value);
            registration = function.ats().register(value, new Messages(started));
        }
    }

    /** Fails the command under way, if there is one: what it waits for will not come. */
    private void fail(int started) {
        if (transfer != null) {
            finish(FAILURE, started);
        }
    }

    private void disable() {
        if (registration != null) {
            registration.close();
            registration = null;
        }
        if (pasid != PASID_DISABLED) {
            atc.stop(pasid);
        }
        pasid = PASID_DISABLED;
    }

    private void reset() {
        synchronized (lock) {
            generation++;
            address = 0;
            expectedCrc = 0;
            length = 0;
            options = 0;
            result = 0;
        }
        loop.post(() -> {
            transfer = null;
            disable();
            pageRequests.close();
            pageRequests = PageRequests.on(function.ats(), loop); // PRG indices from 0 on
        });
    }

    /** What becomes of the transfer's stalled request. */
    private final class Waiting implements StalledTransaction {
        private final int started;

        /** On the loop only. */
        private @Nullable SvmTransfer owner;

        Waiting(int started) {
            this.started = started;
        }

        @Override
        public void retry() {
            loop.post(() -> wake(null));
        }

        @Override
        public void terminate(CompletionStatus status) {
            loop.post(() -> wake(status));
        }

        private void wake(@Nullable CompletionStatus ended) {
            SvmTransfer asleep = owner;
            if (asleep != null && asleep == transfer && isCurrent(started)) {
                advance(asleep, asleep.resume(ended), started);
            }
        }
    }

    /** Messages to the enabled PASID; cache and page requests get theirs for themselves. */
    private final class Messages implements AtsEndpoint {
        private final int started;

        Messages(int started) {
            this.started = started;
        }

        @Override
        public void invalidate(InvalidateRequest request, Runnable complete) {
            complete.run();
        }

        /** {@link PageRequests} takes the responses. */
        @Override
        public void pageResponse(PageResponse response) {}

        @Override
        public void disabled() {
            loop.post(() -> fail(started));
        }
    }

    private final class Bar0 implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            if (sizeBytes != Long.BYTES) {
                return -1L;
            }
            synchronized (lock) {
                return switch ((int) offset) {
                    case COMMAND -> MAGIC;
                    case ADDRESS -> result;
                    default -> -1L;
                };
            }
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            if (sizeBytes == Integer.BYTES && offset == PASID) {
                int started = generation();
                loop.post(() -> writePasid((int) value, started));
            } else if (sizeBytes == Long.BYTES && offset == COMMAND) {
                command(value);
            } else if (sizeBytes == Long.BYTES) {
                synchronized (lock) {
                    switch ((int) offset) {
                        case ADDRESS -> address = value;
                        case EXPECTED_CRC -> expectedCrc = value;
                        case LENGTH -> length = value;
                        case OPTIONS -> options = value;
                        default -> {}
                    }
                }
            }
        }

        private int generation() {
            synchronized (lock) {
                return generation;
            }
        }

        private void command(long value) {
            if (value != DMA_WRITE && value != DMA_READ) {
                return;
            }
            SvmCommand command;
            int started;
            synchronized (lock) {
                boolean privileged = (options & PRIVILEGED) != 0;
                command = new SvmCommand(value == DMA_WRITE, address, length, privileged);
                started = generation;
            }
            loop.post(() -> start(command, started));
        }
    }
}
