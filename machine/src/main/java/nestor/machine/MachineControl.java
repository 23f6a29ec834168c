package nestor.machine;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.function.Supplier;
import nestor.iommu.walk.WalkReport;
import nestor.pci.FunctionInfo;
import nestor.pci.Requester;
import nestor.virtio.VirtqueueState;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.vcpu.DebugStop;
import nestor.vmm.vcpu.Vcpu;
import nestor.vmm.vcpu.VcpuExit;

/**
 * What a person or a program does to a machine from outside: monitors, debuggers, a web view. Made
 * with its {@link Machine}, good until that is closed.
 *
 * <p>A stopped machine has every vCPU out of the guest, its clock standing still, and nothing
 * unfinished on the loops of its devices. Methods that wait for that may be called on any thread
 * but those of a vCPU or a device's loop.
 */
public final class MachineControl {
    /** What the machine does, with the names of QMP's {@code RunState}. */
    public enum RunState {
        PRELAUNCH("prelaunch"),
        RUNNING("running"),
        PAUSED("paused"),
        SHUTDOWN("shutdown");

        private final String title;

        RunState(String title) {
            this.title = title;
        }

        /** QMP's name. */
        public String title() {
            return title;
        }
    }

    private final Board board;
    private final VcpuGate gate;
    private final Consumer<MachineEvent.Cause> reset;
    private final Consumer<MachineEvent.Cause> quit;
    private final List<Consumer<MachineEvent>> listeners = new CopyOnWriteArrayList<>();

    /** Stop and cont, one after the other; never taken by the threads that they wait for. */
    private final ReentrantLock transition = new ReentrantLock();

    /** The guest has been let run once. */
    private volatile boolean begun;

    private volatile boolean ended;

    private final CountDownLatch launch = new CountDownLatch(1);

    /**
     * @param reset has the machine's thread reset it soon
     * @param quit has the machine's thread end it soon
     */
    MachineControl(
            Board board,
            VcpuGate gate,
            Consumer<MachineEvent.Cause> reset,
            Consumer<MachineEvent.Cause> quit) {
        this.board = board;
        this.gate = gate;
        this.reset = reset;
        this.quit = quit;
        board.hotPlug().onDeleted(id -> tell(new MachineEvent.DeviceDeleted(id)));
    }

    /** What the machine does now. Any thread. */
    public RunState state() {
        if (ended) {
            return RunState.SHUTDOWN;
        }
        if (!gate.isClosed()) {
            return RunState.RUNNING;
        }
        return begun ? RunState.PAUSED : RunState.PRELAUNCH;
    }

    /**
     * Adds a listener.
     *
     * @param listener called on any thread, vCPUs' included, with no lock held; must not wait
     */
    public void listen(Consumer<MachineEvent> listener) {
        listeners.add(listener);
    }

    /** Has {@link Machine#run} begin with the machine stopped; before it is called. */
    public void startStopped() {
        gate.close();
        board.pauseClock();
    }

    /**
     * Stops the machine; when this returns, it is. Nothing happens if it is stopped already.
     *
     * @throws InterruptedException if the caller is interrupted; the machine stops all the same
     */
    public void stop() throws InterruptedException {
        transition.lockInterruptibly();
        try {
            boolean closed = gate.close();
            settle();
            if (closed) {
                tell(new MachineEvent.Stop());
            }
        } finally {
            transition.unlock();
        }
    }

    /** Begins what {@link #stop} does and does not wait: for vCPUs' threads and devices' loops. */
    public void requestStop() {
        if (gate.close()) {
            kick();
            tell(new MachineEvent.Stop());
        }
    }

    /** A vCPU has returned to its debugger; on its thread. */
    void debugged(int cpu, DebugStop stop) {
        tell(new MachineEvent.Debugged(cpu, stop));
        requestStop();
    }

    /** Waits until the guest has been loaded, or the machine has ended. */
    public void awaitLaunch() throws InterruptedException {
        launch.await();
    }

    /** Lets a stopped machine go on. Nothing happens if it runs. */
    public void cont() throws InterruptedException {
        transition.lockInterruptibly();
        try {
            board.resumeClock();
            begun = true;
            if (gate.open()) {
                tell(new MachineEvent.Resume());
            }
        } finally {
            transition.unlock();
        }
    }

    /**
     * Looks at the machine while it is stopped; one that runs is held for as long, without events,
     * and counts as running.
     */
    public <T> T inspect(Supplier<T> look) throws InterruptedException {
        transition.lockInterruptibly();
        try {
            gate.closeForLook();
            try {
                settle();
                return look.get();
            } finally {
                if (!gate.isClosed()) {
                    board.resumeClock();
                    gate.openAfterLook();
                }
            }
        } finally {
            transition.unlock();
        }
    }

    private void settle() throws InterruptedException {
        kick();
        gate.awaitParked();
        board.pauseClock();
        board.quiesce();
    }

    private void kick() {
        board.vcpus().forEach(vcpu -> vcpu.stop(new VcpuExit.Paused()));
    }

    /** Resets the machine soon; one that is stopped stays so. Any thread. */
    public void reset() {
        reset.accept(MachineEvent.Cause.HOST_QMP_SYSTEM_RESET);
    }

    /**
     * Presses the power button: a guest that listens to it powers off. Any thread.
     *
     * @throws ConfigException if the board has no such button
     */
    public void powerdown() throws ConfigException {
        if (!board.pressPowerButton()) {
            throw new ConfigException("system_powerdown: this board has no power button");
        }
        tell(new MachineEvent.Powerdown());
    }

    /** Ends the machine soon, disks flushed. Any thread. */
    public void quit(MachineEvent.Cause cause) {
        quit.accept(cause);
    }

    /** The guest's kernel has said that it is lost. Any thread. */
    public void guestPanicked() {
        tell(new MachineEvent.GuestPanicked());
    }

    /** {@link Machine#deviceAdd}. */
    public void deviceAdd(DeviceConfig device) throws ConfigException {
        board.hotPlug().add(device);
    }

    /** {@link Machine#deviceDel}. */
    public void deviceDel(String id) throws ConfigException {
        board.hotPlug().unplug(id);
    }

    /** The guest's RAM. Any thread; what it holds is at rest while the machine is stopped. */
    public GuestMemory memory() {
        return board.memory();
    }

    /** The vCPUs since the last reset; to be looked into while the machine is stopped. */
    public List<? extends Vcpu> vcpus() {
        return board.vcpus();
    }

    /** Every PCI device with its place, root ports first. Any thread. */
    public List<DeviceNode> devices() {
        return board.devices();
    }

    /** The virtqueues of each virtio device, by its name, as they are at one moment. Any thread. */
    public SequencedMap<String, List<VirtqueueState>> virtqueues() {
        return board.virtqueues();
    }

    /** How software has programmed each IOMMU. Any thread. */
    public List<IommuState> iommus() {
        return board.iommus();
    }

    /** Who misbehaves, or can, and how. Any thread. */
    public List<ChaosState> chaos() {
        return board.chaos().states();
    }

    /**
     * Has a device misbehave from now on, as {@code plan} says and no other way. Any thread.
     *
     * @param origin for messages
     * @param device its name; without, every device that knows some of the keys
     * @throws ConfigException if there is no such device, or it does not know the keys
     */
    public void inject(String origin, Optional<String> device, ChaosPlan plan)
            throws ConfigException {
        if (device.isPresent()) {
            board.chaos().show(origin, device.get(), plan);
        } else {
            board.chaos().showAll(origin, plan);
        }
    }

    /**
     * Has a device behave again. Any thread.
     *
     * @param origin for messages
     * @param device its name; without, all
     * @throws ConfigException if there is no such device
     */
    public void behave(String origin, Optional<String> device) throws ConfigException {
        board.chaos().end(origin, device);
    }

    /**
     * What an untranslated request of a function would meet, without making it; empty if no IOMMU
     * is in front of the function. Any thread; while the machine runs, it may see the guest's
     * changes half done.
     *
     * @param access {@link nestor.pci.Translation#READ} and its like, or'ed; at least one
     */
    public Optional<WalkReport> explore(Requester requester, long iova, int access) {
        return board.explore(requester, iova, access);
    }

    /** Every PCI function as software has programmed it. Any thread. */
    public List<FunctionInfo> pciFunctions() {
        return board.pciFunctions();
    }

    /** What is where in the guest-physical address space, by address. Any thread. */
    public List<MappedRange> addresses() {
        List<MappedRange> all = new ArrayList<>(board.addresses());
        for (FunctionInfo function : board.pciFunctions()) {
            for (FunctionInfo.BarInfo bar : function.bars()) {
                if (bar.decoded()) {
                    all.add(
                            new MappedRange(
                                    "%s BAR%d".formatted(function.name(), bar.index()),
                                    bar.address(),
                                    bar.sizeBytes()));
                }
            }
        }
        all.sort((a, b) -> Long.compareUnsigned(a.gpa(), b.gpa()));
        return all;
    }

    void launched() {
        if (!gate.isClosed()) {
            begun = true;
        }
        launch.countDown();
    }

    void ended() {
        ended = true;
        launch.countDown();
    }

    void tell(MachineEvent event) {
        listeners.forEach(listener -> listener.accept(event));
    }
}
