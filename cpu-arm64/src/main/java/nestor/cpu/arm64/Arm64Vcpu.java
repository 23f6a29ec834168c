package nestor.cpu.arm64;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import nestor.cpu.DebugUnit;
import nestor.vmm.interrupt.IrqLine;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.time.Clock;
import nestor.vmm.vcpu.DebugPort;
import nestor.vmm.vcpu.DebugStop;
import nestor.vmm.vcpu.Vcpu;
import nestor.vmm.vcpu.VcpuExit;
import org.jspecify.annotations.Nullable;

/**
 * A software A64 vCPU at EL0 and EL1. {@link #run} executes guest code in slices; between two of
 * them it looks at interrupts, timers, requests of other threads and the other vCPUs.
 */
public final class Arm64Vcpu implements Vcpu {
    /**
     * Which vCPU this is.
     *
     * @param index counts from 0
     * @param mpidr MPIDR_EL1, RES1 bit 31 included
     */
    public record Config(int index, long mpidr) {}

    /** Instructions between two looks around: the bound on interrupt latency, 10-50 µs. */
    private static final int SLICE_INSTRUCTIONS = 4096;

    private final Config config;
    private final Arm64Cpu cpu;
    private final Interpreter interpreter;
    private final DebugPort debugPort;
    private final Clock.Timer wakeUp;
    private final AtomicReference<@Nullable Start> start = new AtomicReference<>();
    private final AtomicReference<@Nullable VcpuExit> exit = new AtomicReference<>();
    private volatile boolean on;
    private volatile boolean kicked;
    private volatile boolean sleeping;
    private volatile @Nullable Thread thread;
    private long executed;
    private volatile long retired;

    /** A pending power-on: where to, and X0. */
    private record Start(long entry, long x0) {}

    /** The only vCPU of a machine. */
    public Arm64Vcpu(
            Config config,
            GuestMemory memory,
            MmioBus mmio,
            Clock clock,
            SystemRegisterPort gic,
            HypercallPort hypercalls,
            IrqLine virtualTimer,
            IrqLine physicalTimer) {
        this(
                config,
                new Arm64Cluster(memory),
                mmio,
                clock,
                gic,
                hypercalls,
                virtualTimer,
                physicalTimer);
    }

    /**
     * One vCPU of several, off until {@link #start}.
     *
     * @param virtualTimer the EL1 virtual timer's output, level, PPI INTID 27
     * @param physicalTimer the EL1 physical timer's output, level, PPI INTID 30
     */
    public Arm64Vcpu(
            Config config,
            Arm64Cluster cluster,
            MmioBus mmio,
            Clock clock,
            SystemRegisterPort gic,
            HypercallPort hypercalls,
            IrqLine virtualTimer,
            IrqLine physicalTimer) {
        this.config = config;
        GenericTimer timer = new GenericTimer(clock, virtualTimer, physicalTimer);
        cpu =
                new Arm64Cpu(
                        new Arm64Cpu.Wiring(cluster, mmio, timer, gic, hypercalls, config.mpidr()));
        interpreter = new Interpreter(cpu);
        debugPort = Arm64DebugTarget.port(cpu);
        wakeUp = clock.newTimer(this::kick);
        cluster.domain.join(this::kick);
    }

    /** Which vCPU this is. */
    public Config config() {
        return config;
    }

    /** The IRQ input, driven by the GIC CPU interface; any thread. */
    public IrqLine irq() {
        return this::setIrq;
    }

    private void setIrq(boolean asserted) {
        if (cpu.irqAsserted != asserted) {
            cpu.irqAsserted = asserted;
            if (asserted && sleeping) {
                LockSupport.unpark(thread);
            }
        }
    }

    /**
     * Turns the vCPU on at its next opportunity (PSCI CPU_ON, boot): EL1h, MMU off, interrupts
     * masked. Any thread, before or while {@link #run} waits.
     *
     * @param entry physical address of the first instruction
     * @param x0 the argument it finds in X0
     */
    public void start(long entry, long x0) {
        start.set(new Start(entry, x0));
        on = true;
        kick();
    }

    /** Whether {@link #start} was called since the last return of {@link #run}. Any thread. */
    public boolean isOn() {
        return on;
    }

    /** Instructions executed since construction, up to date within one slice. Any thread. */
    public long retiredInstructions() {
        return retired;
    }

    @Override
    public void stop(VcpuExit reason) {
        exit.accumulateAndGet(reason, VcpuExit::first);
        kick();
    }

    @Override
    public void kick() {
        kicked = true;
        LockSupport.unpark(thread);
    }

    @Override
    public Optional<DebugPort> debugPort() {
        if (thread == null) {
            begin(); // so that a debugger sees where it will
        }
        return Optional.of(debugPort);
    }

    @Override
    public VcpuExit run() {
        thread = Thread.currentThread();
        cpu.domain.enter();
        DebugUnit debug = cpu.debug;
        if (debug != null) {
            debug.resume(cpu.pc);
        }
        try {
            while (true) {
                VcpuExit reason = exit.getAndSet(null);
                if (reason != null) {
                    on &= reason instanceof VcpuExit.Paused;
                    return reason;
                }
                begin();
                step();
                DebugStop stop = debug == null ? null : debug.takeStop(cpu.pc);
                if (stop != null) {
                    return new VcpuExit.Debugged(stop);
                }
            }
        } finally {
            cpu.domain.leave();
            thread = null;
        }
    }

    /** Whether it waits, in WFI or to be turned on. Any thread. */
    boolean isAsleep() {
        return sleeping;
    }

    private void begin() {
        Start request = start.getAndSet(null);
        if (request != null) {
            cpu.reset();
            cpu.pc = request.entry;
            cpu.x[0] = request.x0;
        }
    }

    /** One slice, or one sleep. */
    private void step() {
        kicked = false; // before looking around, so that what comes later is not overlooked
        cpu.domain.safepoint();
        cpu.timer.poll();
        if (cpu.irqAsserted) {
            cpu.waiting = false;
        }
        if (!on || cpu.waiting) {
            sleep();
            return;
        }
        DebugUnit debug = cpu.debug;
        boolean interruptible = debug == null || debug.interruptible();
        if (cpu.irqAsserted && (cpu.daif & Pstate.DAIF_I) == 0 && interruptible) {
            Pstate.takeIrq(cpu);
        }
        cpu.beginSlice(SLICE_INSTRUCTIONS);
        if (debug != null && debug.single()) {
            interpreter.step();
            debug.stepped();
        } else {
            interpreter.run();
        }
        executed += cpu.executed();
        retired = executed;
    }

    /** Until an interrupt, a timer of ours, or a request; a spurious return does no harm. */
    private void sleep() {
        cpu.domain.leave();
        long deadline = cpu.timer.deadlineNanos();
        if (deadline != GenericTimer.NEVER) {
            wakeUp.arm(deadline);
        }
        sleeping = true;
        while (!kicked && !cpu.irqAsserted && exit.get() == null && start.get() == null) {
            LockSupport.park(this);
        }
        sleeping = false;
        if (deadline != GenericTimer.NEVER) {
            wakeUp.cancel();
        }
        cpu.domain.enter();
    }
}
