package nestor.machine;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;
import nestor.atc.AtcStatistics;
import nestor.host.iommufd.LinuxHostSystem;
import nestor.iommu.host.HostException;
import nestor.iommu.oracle.StaleTranslationOracle;
import nestor.iommufd.HostSystem;
import nestor.machine.boot.PvhKernel;
import nestor.pci.FunctionInfo;
import nestor.virtio.iommu.VirtioIommuStatistics;
import nestor.vmm.chardev.CharBackend;
import nestor.vmm.vcpu.DebugStop;
import nestor.vmm.vcpu.Vcpu;
import nestor.vmm.vcpu.VcpuExit;

/**
 * A computer: made from a {@link MachineConfig}, run once, closed.
 *
 * <p>{@link #run} starts a platform thread for each vCPU and waits for one of the things that end
 * or restart a machine: the guest's power-off or reset, {@link #stop}, or an exception that escaped
 * somewhere. It then stops the vCPUs, lets device work under way end, and writes disks back.
 */
public final class Machine implements AutoCloseable {
    /** Key of the board's UART among the backends of {@link #create}. */
    public static final String SERIAL0 = "serial0";

    /** How long a vCPU may take to notice that it is to stop. */
    private static final long STOP_MILLIS = 10_000;

    /** What {@link #run} waits for. */
    private sealed interface Event {
        record PowerOff() implements Event {}

        record Reset(MachineEvent.Cause cause) implements Event {}

        record Exit(int status) implements Event {}

        record Stop(MachineEvent.Cause cause) implements Event {}

        record HostFailed(String reason) implements Event {}

        record Escaped(Throwable cause) implements Event {}
    }

    private final MachineConfig config;
    private final Board board;
    private final BlockingQueue<Event> events = new LinkedBlockingQueue<>();
    private final VcpuGate gate = new VcpuGate();
    private final MachineControl control;
    private volatile boolean stopping;
    private List<Thread> threads = List.of();

    private Machine(
            MachineConfig config,
            Map<String, CharBackend> backends,
            Processors.Maker maker,
            AssignedDevices.Host host)
            throws ConfigException, IOException {
        this.config = config;
        Thread.UncaughtExceptionHandler onEscape =
                (_, cause) -> events.add(new Event.Escaped(cause));
        this.board =
                config.type().equals(VirtBoard.TYPE.name())
                        ? new VirtBoard(config, backends, host, onEscape)
                        : new Q35Board(config, backends, maker, host, onEscape);
        this.control =
                new MachineControl(
                        board,
                        gate,
                        cause -> events.add(new Event.Reset(cause)),
                        cause -> events.add(new Event.Stop(cause)));
        if (config.accelerator() == Accelerator.QTEST) {
            control.startStopped();
        }
    }

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
        return create(config, backends, config.accelerator()::processors, Machine::thisHost);
    }

    /**
     * {@link #create(MachineConfig, Map)} whose assigned devices are {@code host}'s, instead of the
     * machine's that this runs on.
     */
    public static Machine create(
            MachineConfig config, Map<String, CharBackend> backends, HostSystem host)
            throws ConfigException, IOException {
        return create(config, backends, config.accelerator()::processors, () -> host);
    }

    private static HostSystem thisHost() throws HostException {
        return new LinuxHostSystem();
    }

    /** {@link #create(MachineConfig, Map)} with processors of somebody's own, for x86 boards. */
    static Machine create(
            MachineConfig config, Map<String, CharBackend> backends, Processors.Maker maker)
            throws ConfigException, IOException {
        return create(config, backends, maker, Machine::thisHost);
    }

    /** The same, with a host of somebody's own. */
    static Machine create(
            MachineConfig config,
            Map<String, CharBackend> backends,
            Processors.Maker maker,
            AssignedDevices.Host host)
            throws ConfigException, IOException {
        List<String> known = types().stream().map(MachineType::name).toList();
        if (!known.contains(config.type())) {
            throw new ConfigException(
                    "-machine %s: unknown machine; known: %s"
                            .formatted(config.type(), String.join(", ", known)));
        }
        return new Machine(config, Map.copyOf(backends), maker, host);
    }

    /**
     * Runs the guest until it powers off; the calling thread waits. Called once.
     *
     * <p>An interrupt of the calling thread counts as {@link #stop}.
     */
    public MachineOutcome run() {
        try {
            MachineOutcome outcome;
            do {
                outcome = runOnce();
            } while (outcome instanceof MachineOutcome.ResetRequested && !config.noReboot());
            return outcome;
        } finally {
            control.ended();
            gate.ended();
        }
    }

    private MachineOutcome runOnce() {
        try {
            gate.rebuild();
            board.reset();
            board.load();
            startThreads();
            Event event = await();
            gate.rebuild();
            stopThreads();
            board.settle();
            return outcomeOf(event);
        } catch (IOException | RuntimeException | Error e) {
            stopThreads();
            return new MachineOutcome.Failed(e);
        }
    }

    private Event await() {
        try {
            return events.take();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new Event.Stop(MachineEvent.Cause.HOST_SIGNAL);
        }
    }

    /** An escaped exception or a stop that came meanwhile counts more than what came first. */
    private MachineOutcome outcomeOf(Event first) {
        List<Event> all = new ArrayList<>(List.of(first));
        events.drainTo(all);
        for (Event event : all) {
            if (event instanceof Event.Escaped(Throwable cause)) {
                return shutDown(MachineEvent.Cause.HOST_ERROR, new MachineOutcome.Failed(cause));
            }
        }
        for (Event event : all) {
            if (event instanceof Event.Stop(MachineEvent.Cause cause)) {
                return shutDown(cause, new MachineOutcome.Stopped());
            }
        }
        return switch (first) {
            case Event.PowerOff _ ->
                    shutDown(MachineEvent.Cause.GUEST_SHUTDOWN, new MachineOutcome.PoweredOff());
            case Event.Reset(MachineEvent.Cause cause) -> restart(cause);
            case Event.Exit(int status) ->
                    shutDown(MachineEvent.Cause.GUEST_SHUTDOWN, new MachineOutcome.Exited(status));
            case Event.HostFailed(String reason) ->
                    shutDown(MachineEvent.Cause.HOST_ERROR, new MachineOutcome.HostFailed(reason));
            case Event.Stop _, Event.Escaped _ ->
                    throw new IllegalStateException("not taken from the queue: " + first);
        };
    }

    private MachineOutcome shutDown(MachineEvent.Cause cause, MachineOutcome outcome) {
        control.tell(new MachineEvent.Shutdown(cause));
        return outcome;
    }

    private MachineOutcome restart(MachineEvent.Cause cause) {
        control.tell(
                config.noReboot()
                        ? new MachineEvent.Shutdown(cause)
                        : new MachineEvent.Reset(cause));
        return new MachineOutcome.ResetRequested();
    }

    private void startThreads() {
        stopping = false;
        control.launched();
        gate.begin(board.vcpus().size());
        List<Thread> started = new ArrayList<>();
        for (Vcpu vcpu : board.vcpus()) {
            started.add(
                    Thread.ofPlatform()
                            .name("vcpu" + started.size())
                            .daemon()
                            .uncaughtExceptionHandler(
                                    (_, cause) -> events.add(new Event.Escaped(cause)))
                            .start(() -> vcpuThread(vcpu)));
        }
        threads = started;
    }

    private void vcpuThread(Vcpu vcpu) {
        try {
            runVcpu(vcpu);
        } catch (InterruptedException e) {
            throw new IllegalStateException("nobody interrupts a vCPU", e);
        } finally {
            gate.leave();
        }
    }

    /** A vCPU that turns itself off goes on waiting for someone to turn it on again. */
    private void runVcpu(Vcpu vcpu) throws InterruptedException {
        while (!stopping) {
            gate.pass();
            if (stopping) {
                return;
            }
            switch (vcpu.run()) {
                case VcpuExit.Stopped _, VcpuExit.Paused _ -> {}
                case VcpuExit.Debugged(DebugStop stop) ->
                        control.debugged(board.vcpus().indexOf(vcpu), stop);
                case VcpuExit.Shutdown _ -> {
                    events.add(new Event.PowerOff());
                    return;
                }
                case VcpuExit.Reset _ -> {
                    events.add(new Event.Reset(MachineEvent.Cause.GUEST_RESET));
                    return;
                }
                case VcpuExit.DebugExit(int status) -> {
                    events.add(new Event.Exit(status));
                    return;
                }
                case VcpuExit.Failed(String reason) -> {
                    events.add(new Event.HostFailed(reason));
                    return;
                }
            }
        }
    }

    private void stopThreads() {
        stopping = true;
        gate.end();
        for (Vcpu vcpu : board.vcpus()) {
            vcpu.stop(new VcpuExit.Stopped());
        }
        boolean interrupted = false;
        for (Thread thread : threads) {
            try {
                if (!thread.join(java.time.Duration.ofMillis(STOP_MILLIS))) {
                    events.add(
                            new Event.Escaped(
                                    new IllegalStateException(
                                            thread.getName() + " does not stop")));
                }
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        threads = List.of();
        for (Vcpu vcpu : board.vcpus()) {
            // A request that its thread did not take must not meet the next run.
            vcpu.stop(new VcpuExit.Stopped());
            vcpu.run();
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Makes {@link #run} return {@code Stopped} soon, disks flushed. Any thread, any time. */
    public void stop() {
        control.quit(MachineEvent.Cause.HOST_UI);
    }

    /** What drives the board in place of its vCPUs, of a machine on {@link Accelerator#QTEST}. */
    public TestDriver testDriver() {
        return board.testDriver();
    }

    /** What is done to the machine from outside. */
    public MachineControl control() {
        return control;
    }

    /** Instructions the guest has retired so far, all vCPUs together. Any thread. */
    public long retiredInstructions() {
        return board.retiredInstructions();
    }

    /**
     * Plugs a device behind a root port while the guest runs ({@code device_add}); its driver finds
     * it when the guest powers the slot. Any thread.
     *
     * @param device with {@code bus=} a root port; without, the first that has an empty slot
     * @throws ConfigException if there is no such device or place; nothing has changed then
     */
    public void deviceAdd(DeviceConfig device) throws ConfigException {
        board.hotPlug().add(device);
    }

    /**
     * Asks the guest to let a device go ({@code device_del}); {@link #onDeviceDeleted} tells when
     * it has. Any thread.
     *
     * @throws ConfigException if there is no such device or it cannot leave
     */
    public void deviceDel(String id) throws ConfigException {
        board.hotPlug().unplug(id);
    }

    /**
     * Takes a device out without a word to the guest (surprise removal, PCIe Base §6.7). Any
     * thread.
     *
     * @throws ConfigException if there is no such device or it cannot leave
     */
    public void deviceRemoveSurprise(String id) throws ConfigException {
        board.hotPlug().removeSurprise(id);
    }

    /**
     * Who is told the id of each device that has left, its host resources free again; before {@link
     * #run}.
     *
     * @param listener called on any thread, with no lock held; must not wait
     */
    public void onDeviceDeleted(Consumer<String> listener) {
        control.listen(event -> {
            if (event instanceof MachineEvent.DeviceDeleted(String id)) {
                listener.accept(id);
            }
        });
    }

    /** Has {@code oracle} look on at every IOMMU of the machine; before {@link #run}. */
    public void watch(StaleTranslationOracle oracle) {
        board.watch(oracle);
    }

    /** Every PCI function, as software has programmed it. Any thread. */
    public List<FunctionInfo> pciFunctions() {
        return board.pciFunctions();
    }

    /**
     * What the translation caches of endpoints have counted, by the name of the device; of virtio
     * devices with {@code ats=on}. Any thread.
     */
    public Map<String, AtcStatistics> atcStatistics() {
        return board.atcStatistics();
    }

    /** What the virtio-iommu has counted; empty if the machine has none. */
    public Optional<VirtioIommuStatistics> iommuStatistics() {
        return board.iommuStatistics();
    }

    /** What each SMMUv3 advertises, in the order of their addresses. Any thread. */
    public List<SmmuIdentification> smmuIdentifications() {
        return board.smmuIdentifications();
    }

    /**
     * An x86-64 kernel as the ELF file that PVH enters, inflated if it is a bzImage.
     *
     * @throws ConfigException if it is no such kernel
     */
    public static byte[] pvhKernel(Path kernel) throws ConfigException {
        return BoardFiles.open("-kernel", kernel, PvhKernel::unpack);
    }

    /** Every device model that {@link MachineConfig#devices} may name. */
    public static DeviceCatalog catalog() {
        return new DeviceCatalog();
    }

    /** Every machine type. */
    public static List<MachineType> types() {
        return List.of(VirtBoard.TYPE, Q35Board.TYPE);
    }

    /** Releases host resources; {@link #run} has returned or was never called. */
    @Override
    public void close() throws IOException {
        board.close();
    }
}
