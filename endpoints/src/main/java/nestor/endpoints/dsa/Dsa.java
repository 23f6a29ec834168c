package nestor.endpoints.dsa;

import java.util.List;
import java.util.function.Consumer;
import nestor.atc.Atc;
import nestor.atc.AtcOptions;
import nestor.atc.PageRequests;
import nestor.endpoints.dsa.Configuration.Acceptance;
import nestor.endpoints.dsa.DsaRegisters.Cmd;
import nestor.endpoints.dsa.DsaRegisters.Cmdsts;
import nestor.endpoints.dsa.DsaRegisters.Genctrl;
import nestor.endpoints.dsa.DsaRegisters.Gensts;
import nestor.endpoints.dsa.DsaRegisters.Intcause;
import nestor.pci.AtsOptions;
import nestor.pci.BarKind;
import nestor.pci.PasidOptions;
import nestor.pci.PciFunction;
import nestor.pci.PciFunctionBuilder;
import nestor.pci.PriOptions;
import nestor.pci.Requester;
import nestor.vmm.loop.DeviceLoop;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.RegisterFile;

/**
 * An Intel Data Streaming Accelerator, {@code 8086:0b25}: work queues of descriptors that move,
 * compare and check memory of processes, by PASID, ATS and PRI. Sections cite {@code
 * docs/devices/dsa.md}.
 *
 * <p>Descriptors are accepted or not on the writing vCPU's thread. All the rest happens in turns on
 * the device's loop, of which at most one is posted at a time: interrupts that are due, a command,
 * new descriptors for the engines, and a slice of work for one of them.
 */
public final class Dsa {
    private static final int VENDOR = 0x8086;
    private static final int DEVICE = 0x0b25;

    /** Base system peripheral, other. */
    private static final int CLASS = 0x088000;

    private static final int BAR0_BYTES = 1 << 16;
    private static final int PORTAL_BYTES = 4096;
    private static final int PASID_BITS = 20;
    private static final int INVALIDATE_QUEUE_DEPTH = 32;
    private static final int PAGE_REQUEST_CAPACITY = 512;
    private static final int RESET_TYPE_FLR = 1;
    private static final int RESET_TYPE_SOFTWARE = 0;

    private final DeviceLoop loop;
    private final DsaRegisters registers;
    private final RegisterFile file;
    private final Configuration configuration;
    private final SoftwareErrors softwareErrors;
    private final PciFunction function;
    private final Atc atc;
    private final PageRequests pageRequests;
    private final Dispatcher dispatcher;
    private final CommandUnit commands;
    private final OperandMemory.Buffers buffers = new OperandMemory.Buffers();
    private final Services services = new Services();

    /** Guards what vCPUs leave for the loop; a leaf. */
    private final Object lock = new Object();

    private boolean scheduled;
    private boolean errorToSignal;
    private boolean commandWritten;
    private long command;
    private int resetType = RESET_TYPE_SOFTWARE;

    /** A DSA, to be plugged into a root bus. */
    public Dsa(String name, DeviceLoop loop, DsaOptions options) {
        this.loop = loop;
        this.registers = new DsaRegisters(options);
        this.file = new RegisterFile(DsaRegisters.FRAME_BYTES, Integer.BYTES, registers.table());
        this.configuration = new Configuration(options);
        this.softwareErrors = new SoftwareErrors(registers, file);
        this.function = function(name, options);
        AtcOptions cache =
                options.atcEntries() == 0
                        ? AtcOptions.fullyAssociative(0)
                        : AtcOptions.setAssociative(options.atcEntries(), options.atcWays());
        this.atc = Atc.on(function.ats(), cache.withoutGlobalInvalidate());
        this.pageRequests = PageRequests.on(function.ats(), loop);
        this.dispatcher = new Dispatcher(configuration, this::execution);
        this.commands =
                new CommandUnit(options, function, configuration, dispatcher, this::clearRegisters);
        file.onRead(registers.gensts, this::generalStatus);
        file.onWrite(registers.cmd, this::commandWritten);
    }

    private PciFunction function(String name, DsaOptions options) {
        long portals = (long) options.workQueues() * Submission.Portal.values().length;
        PciFunctionBuilder builder =
                PciFunction.builder(name)
                        .ids(VENDOR, DEVICE)
                        .classCode(CLASS)
                        .subsystem(VENDOR, 0)
                        .bar(0, BAR0_BYTES, BarKind.MEM64_PREFETCHABLE, new Bar0())
                        .bar(
                                2,
                                Long.highestOneBit(2 * portals * PORTAL_BYTES - 1),
                                BarKind.MEM64_PREFETCHABLE,
                                new Portals(options))
                        .express()
                        .msix(options.vectors(), 0, DsaRegisters.MSIX_TABLE, DsaRegisters.MSIX_PBA)
                        .pasid(PasidOptions.ofWidth(PASID_BITS).withPrivileged())
                        .pending(this::isPending)
                        .onReset(this::reset);
        if (options.translation().ats()) {
            builder.ats(AtsOptions.ofQueueDepth(INVALIDATE_QUEUE_DEPTH));
        }
        if (options.translation().pri()) {
            builder.pri(PriOptions.ofCapacity(PAGE_REQUEST_CAPACITY));
        }
        return builder.build();
    }

    /** What to plug. */
    public PciFunction function() {
        return function;
    }

    private boolean isPending() {
        return dispatcher.isBusy();
    }

    private Execution execution(Dispatcher.Job job) {
        Requester requester = job.submission.requester();
        if (requester.hasPasid()) {
            atc.start(requester.pasid());
        }
        int generation = job.submission.generation();
        OperandMemory memory =
                new OperandMemory(
                        function,
                        atc,
                        buffers,
                        requester,
                        job.submission.config().atsDisabled(),
                        () -> job.isLive() && generation == configuration.generation());
        return new Execution(
                services,
                job.submission,
                job.submission.descriptor(),
                SoftwareErrors.Report.NO_BATCH,
                memory,
                () -> {
                    dispatcher.wake(job);
                    schedule();
                });
    }

    /** Sees to it that a turn comes. Any thread. */
    private void schedule() {
        synchronized (lock) {
            if (scheduled) {
                return;
            }
            scheduled = true;
        }
        loop.post(this::turn);
    }

    private void turn() {
        boolean signal;
        boolean begins;
        long written;
        int generation;
        synchronized (lock) {
            generation = configuration.serve();
            scheduled = false;
            signal = errorToSignal;
            errorToSignal = false;
            begins = commandWritten;
            commandWritten = false;
            written = command;
        }
        if (signal) {
            signalError();
        }
        if (begins) {
            commands.execute(written).ifPresent(outcome -> finish(outcome, generation));
        }
        dispatcher.dispatch();
        dispatcher.turn();
        commands.poll().ifPresent(outcome -> finish(outcome, generation));
        dispatcher.dispatch();
        if (dispatcher.hasRunnable()) {
            schedule();
        }
    }

    private void signalError() {
        if (Genctrl.SOFTWARE_ERROR.isSet(file.get(registers.genctrl))) {
            file.update(registers.intcause, Intcause.SOFTWARE_ERROR::setAll);
            function.signalMsix(0);
        }
    }

    /** CMDSTS is final before the interrupt. */
    private void finish(CommandUnit.Outcome outcome, int generation) {
        boolean interrupts;
        synchronized (lock) {
            if (generation != configuration.generation()) {
                return;
            }
            interrupts = Cmd.INTERRUPT.isSet(command);
            long status = Cmdsts.ERROR.set(0, outcome.error());
            file.set(registers.cmdsts, Cmdsts.RESULT.set(status, outcome.result()));
            if (interrupts) {
                file.update(registers.intcause, Intcause.COMMAND::setAll);
            }
        }
        if (interrupts) {
            function.signalMsix(0);
        }
    }

    private void commandWritten(long value) {
        synchronized (lock) {
            if (Cmdsts.ACTIVE.isSet(file.get(registers.cmdsts))) {
                return; // §4: dropped
            }
            file.set(registers.cmdsts, Cmdsts.ACTIVE.mask());
            command = value;
            commandWritten = true;
        }
        schedule();
    }

    private long generalStatus() {
        synchronized (lock) {
            return Gensts.RESET_TYPE.set(configuration.state().code, resetType);
        }
    }

    private void clearRegisters() {
        file.set(registers.gencfg, 0);
        file.set(registers.genctrl, 0);
        synchronized (lock) {
            resetType = RESET_TYPE_SOFTWARE;
        }
    }

    /** Function Level Reset, and what resets the bus. */
    private void reset() {
        synchronized (lock) {
            configuration.resetFunction();
            file.reset();
            commandWritten = false;
            errorToSignal = false;
            resetType = RESET_TYPE_FLR;
        }
        loop.post(() -> {
            dispatcher.discardOlder(configuration.generation());
            atc.reset();
        });
    }

    /** An error that only SWERROR tells. */
    private void report(SoftwareErrors.Report report) {
        if (softwareErrors.report(report)) {
            synchronized (lock) {
                errorToSignal = true;
            }
            schedule();
        }
    }

    /** What executions ask for; on the loop. */
    private final class Services implements Environment {
        @Override
        public int entry(int handle, Submission submission) {
            return configuration.interruptEntry(handle, submission);
        }

        @Override
        public void signal(int entry) {
            function.signalMsix(entry);
        }

        @Override
        public void report(SoftwareErrors.Report report) {
            Dsa.this.report(report);
        }

        @Override
        public boolean mayRequestPages() {
            return function.ats().pageRequestsEnabled();
        }

        @Override
        public void requestPages(
                Requester requester,
                List<PageRequests.Page> pages,
                Consumer<PageRequests.Outcome> answered) {
            pageRequests.request(requester, pages, answered);
        }

        @Override
        public boolean isDrained(Submission drain) {
            return !dispatcher.holds(drain.drained());
        }
    }

    /** The registers, and the tables behind them in dwords. */
    private final class Bar0 implements MmioRegion {
        private static final int TABLES_END = DsaRegisters.MSIX_TABLE;

        @Override
        public long read(long offset, int sizeBytes) {
            if (offset < DsaRegisters.FRAME_BYTES) {
                return file.read(offset, sizeBytes);
            }
            if (offset >= TABLES_END) {
                return 0;
            }
            long low = Integer.toUnsignedLong(configuration.read((int) offset));
            return sizeBytes == Long.BYTES
                    ? low | (long) configuration.read((int) offset + Integer.BYTES) << Integer.SIZE
                    : low;
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            if (offset < DsaRegisters.FRAME_BYTES) {
                file.write(offset, sizeBytes, value);
            } else if (offset < TABLES_END) {
                configuration.write((int) offset, (int) value);
                if (sizeBytes == Long.BYTES) {
                    configuration.write(
                            (int) offset + Integer.BYTES, (int) (value >>> Integer.SIZE));
                }
            }
        }

        @Override
        public int minAccessBytes() {
            return Integer.BYTES;
        }
    }

    /** The portals: four pages for each work queue (§5). */
    private final class Portals implements MmioRegion {
        private final DsaOptions options;

        Portals(DsaOptions options) {
            this.options = options;
        }

        @Override
        public long read(long offset, int sizeBytes) {
            return -1L;
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            int queue = queue(offset);
            if (queue < options.workQueues()) {
                report(SoftwareErrors.Report.portal(Status.PORTAL_WRITE, queue));
            }
        }

        @Override
        public boolean writeBlock(long offset, long[] block) {
            int queue = queue(offset);
            if (queue < options.workQueues()) {
                switch (submit(queue, offset, false, block)) {
                    case ACCEPTED, RETRY -> {}
                    case WRONG_WRITE ->
                            report(SoftwareErrors.Report.portal(Status.PORTAL_WRITE, queue));
                    case NOT_ENABLED ->
                            report(SoftwareErrors.Report.portal(Status.WQ_NOT_ENABLED, queue));
                    case OVERFLOW ->
                            report(SoftwareErrors.Report.portal(Status.WQ_OVERFLOW, queue));
                }
            }
            return true;
        }

        @Override
        public boolean writeDeferrable(long offset, long[] block) {
            int queue = queue(offset);
            return queue < options.workQueues()
                    && submit(queue, offset, true, block) == Acceptance.ACCEPTED;
        }

        private Acceptance submit(int queue, long offset, boolean deferrable, long[] block) {
            Submission.Portal[] pages = Submission.Portal.values();
            Submission.Portal portal = pages[(int) (offset / PORTAL_BYTES % pages.length)];
            Acceptance acceptance =
                    configuration.submit(queue, portal, deferrable, block, function.rid());
            if (acceptance == Acceptance.ACCEPTED) {
                schedule();
            }
            return acceptance;
        }

        private static int queue(long offset) {
            return (int) (offset / PORTAL_BYTES / Submission.Portal.values().length);
        }
    }
}
