package nestor.cpu.x86;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;
import nestor.cpu.DebugUnit;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.time.Clock;
import nestor.vmm.vcpu.DebugPort;
import nestor.vmm.vcpu.DebugStop;
import nestor.vmm.vcpu.Vcpu;
import nestor.vmm.vcpu.VcpuExit;
import org.jspecify.annotations.Nullable;

/**
 * A software x86-64 vCPU with its local APIC. {@link #run} executes guest code in slices; between
 * two of them it looks at interrupts, the APIC's timer and requests of other threads. A triple
 * fault is a reset.
 */
public final class X86Vcpu implements Vcpu {
    /** Instructions between two looks around: the bound on interrupt latency. */
    private static final int SLICE_INSTRUCTIONS = 4096;

    private final X86Cpu cpu;
    private final Interpreter interpreter;
    private final InterruptTable interrupts;
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

    /** A pending start: where to, and EBX. */
    private record Start(int eip, int ebx) {}

    /**
     * One vCPU, off until {@link #start}.
     *
     * @param apicId of its local APIC; 0 is the boot processor
     * @param endOfInterrupt takes the vector of a level-triggered interrupt that the APIC has
     *     ended; on the vCPU's thread
     */
    public X86Vcpu(
            int apicId,
            X86Cluster cluster,
            MmioBus mmio,
            PortBus ports,
            Clock clock,
            IntConsumer endOfInterrupt) {
        cpu =
                new X86Cpu(
                        new X86Cpu.Wiring(
                                apicId, cluster, mmio, ports, clock, endOfInterrupt, this::wake));
        interrupts = new InterruptTable(cpu);
        interpreter = new Interpreter(cpu, interrupts);
        debugPort = X86DebugTarget.port(cpu);
        wakeUp = clock.newTimer(this::kick);
        cluster.domain.join(this::kick);
    }

    private void wake() {
        if (sleeping) {
            LockSupport.unpark(thread);
        }
    }

    /**
     * Has the vCPU begin at its next opportunity as the PVH boot protocol says: flat 32-bit
     * protected mode, paging off, interrupts disabled. Any thread, before or while {@link #run}
     * waits.
     *
     * @param eip physical address of the first instruction, below 4 GiB
     * @param ebx physical address of {@code hvm_start_info}
     */
    public void start(int eip, int ebx) {
        start.set(new Start(eip, ebx));
        on = true;
        kick();
    }

    /** Instructions executed since construction, up to date within one slice. Any thread. */
    public long retiredInstructions() {
        return retired;
    }

    @Override
    public void stop(VcpuExit reason) {
        exit.accumulateAndGet(reason, VcpuExit::first);
        if (Thread.currentThread().equals(thread)) {
            cpu.endSlice();
        }
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
            debug.resume(cpu.x[X86Cpu.RIP]);
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
                DebugStop stop = debug == null ? null : debug.takeStop(cpu.x[X86Cpu.RIP]);
                if (stop != null) {
                    return new VcpuExit.Debugged(stop);
                }
            }
        } finally {
            cpu.domain.leave();
            thread = null;
        }
    }

    private void begin() {
        Start request = start.getAndSet(null);
        if (request != null) {
            cpu.reset();
            cpu.x[X86Cpu.RIP] = Integer.toUnsignedLong(request.eip);
            cpu.x[X86Cpu.RBX] = Integer.toUnsignedLong(request.ebx);
        }
    }

    /** One slice, or one sleep. */
    private void step() {
        kicked = false; // before looking around, so that what comes later is not overlooked
        cpu.domain.safepoint();
        cpu.apic.poll();
        if (!on || cpu.halted && !deliverable()) {
            sleep();
            return;
        }
        int slice = SLICE_INSTRUCTIONS;
        DebugUnit debug = cpu.debug;
        if (deliverable() && (debug == null || debug.interruptible())) {
            if (cpu.takeInhibition()) {
                slice = 1;
            } else {
                deliver();
            }
        }
        cpu.halted = false;
        cpu.beginSlice(slice);
        if (debug == null) {
            interpreter.run();
        } else {
            run(debug);
        }
        executed += cpu.executed();
        retired = executed;
        if (cpu.shutdown) {
            cpu.shutdown = false;
            exit.accumulateAndGet(new VcpuExit.Reset(), VcpuExit::first);
        }
    }

    private void run(DebugUnit debug) {
        if (debug.single()) {
            interpreter.step();
        } else {
            interpreter.run();
        }
        if (debug.isWatchpointPending()) {
            debug.passOver();
            interpreter.step(); // data breakpoints are traps (3A §17.2.5)
        }
        if (debug.single()) {
            debug.stepped();
        }
    }

    private boolean deliverable() {
        return cpu.interruptRequested
                && (cpu.nmiRequested && !cpu.nmiBlocked || (cpu.otherFlags & Flags.IF) != 0);
    }

    private void deliver() {
        if (cpu.nmiRequested && !cpu.nmiBlocked) {
            cpu.apic.acknowledgeNmi();
            cpu.nmiBlocked = true;
            interrupts.interrupt(Vector.NMI);
        } else {
            interrupts.interrupt(cpu.apic.acknowledge());
        }
    }

    /** Until an interrupt, the APIC's timer, or a request; a spurious return does no harm. */
    private void sleep() {
        cpu.domain.leave();
        long deadline = cpu.apic.strikesAtNanos();
        if (deadline != LocalApic.NEVER) {
            wakeUp.arm(deadline);
        }
        sleeping = true;
        while (!kicked && !deliverable() && exit.get() == null && start.get() == null) {
            LockSupport.park(this);
        }
        sleeping = false;
        if (deadline != LocalApic.NEVER) {
            wakeUp.cancel();
        }
        cpu.domain.enter();
    }
}
