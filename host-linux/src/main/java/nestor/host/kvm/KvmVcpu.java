package nestor.host.kvm;

import java.lang.foreign.Arena;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntConsumer;
import nestor.host.Errno;
import nestor.host.HostFile;
import nestor.host.kvm.KvmAbi.Exit;
import nestor.host.kvm.KvmAbi.Regs;
import nestor.host.kvm.KvmAbi.Sregs;
import nestor.host.kvm.VcpuState.Attributes;
import nestor.iommu.host.HostException;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.vcpu.Vcpu;
import nestor.vmm.vcpu.VcpuExit;
import org.jspecify.annotations.Nullable;

/**
 * A vCPU of KVM. {@link #run} answers I/O and MMIO on its own buses; where there are local APICs,
 * HLT and start-up IPIs are the kernel's business.
 */
public final class KvmVcpu implements Vcpu {
    /** Intel SDM volume 3A, §2.5: protection on; ET always reads 1. */
    private static final long CR0_PE_ET = 0x11;

    private static final long RFLAGS_RESERVED = 0x2;
    private static final int CODE_SELECTOR = 0x10;
    private static final int DATA_SELECTOR = 0x18;
    private static final int TSS_SELECTOR = 0x20;

    /**
     * MTRRs on, all memory write-back where none says otherwise (§12.11.2.1): what firmware sets.
     */
    private static final int IA32_MTRR_DEF_TYPE = 0x2ff;

    private static final long MTRRS_ON_WRITE_BACK = 0x806;

    /** What answers the guest's accesses, and who hears of the ends of interrupts. */
    record Exits(MmioBus mmio, PortBus ports, IntConsumer endOfInterrupt) {}

    private final HostFile file;

    /** What runs whatever KVM does not. */
    private static final String OTHER_CPU =
            "nestor doctor says what this KVM runs, -accel tcg runs the rest";

    private final RunArea run;
    private final Arena arena;
    private final Exits exits;
    private final KickSignal kick;
    private final AtomicReference<@Nullable VcpuExit> exit = new AtomicReference<>();
    private volatile boolean kicked;
    private volatile @Nullable Thread halted;

    KvmVcpu(HostFile file, RunArea run, Arena arena, Exits exits) throws HostException {
        this.file = file;
        this.run = run;
        this.arena = arena;
        this.exits = exits;
        kick = new KickSignal(file, arena);
    }

    /**
     * Where the guest begins when {@link #run} is next called. The boot CPU's; it does not run.
     *
     * @throws HostException if KVM refuses that state
     */
    public void start(PvhEntry entry) throws HostException {
        try (Arena scratch = Arena.ofConfined()) {
            VcpuState state = state(scratch);
            state.setSegment(Sregs.CS, Attributes.flat(CODE_SELECTOR, VcpuState.CODE, false));
            for (int data : new int[] {Sregs.DS, Sregs.ES, Sregs.FS, Sregs.GS, Sregs.SS}) {
                state.setSegment(data, Attributes.flat(DATA_SELECTOR, VcpuState.DATA, false));
            }
            state.setSegment(
                    Sregs.TR,
                    new Attributes(TSS_SELECTOR, VcpuState.BUSY_TSS, 0, true, false, false));
            state.setSystemRegister(Sregs.CR0, CR0_PE_ET);
            state.setSystemRegister(Sregs.CR4, 0);
            state.setSystemRegister(Sregs.EFER, 0);
            state.setRegister(Regs.RIP, Integer.toUnsignedLong(entry.eip()));
            state.setRegister(Regs.RBX, Integer.toUnsignedLong(entry.ebx()));
            state.setRegister(Regs.RFLAGS, RFLAGS_RESERVED);
            state.apply();
        }
        VcpuState.setMsr(file, IA32_MTRR_DEF_TYPE, MTRRS_ON_WRITE_BACK);
    }

    /** Its registers as they are; it does not run. */
    VcpuState state(Arena scratch) throws HostException {
        return new VcpuState(file, scratch);
    }

    @Override
    public void stop(VcpuExit reason) {
        exit.accumulateAndGet(reason, VcpuExit::first);
        kick();
    }

    @Override
    public void kick() {
        kicked = true;
        kick.send();
        LockSupport.unpark(halted);
    }

    @Override
    public VcpuExit run() {
        try {
            kick.enter();
        } catch (HostException e) {
            return failed(e);
        }
        try {
            while (true) {
                VcpuExit reason = exit.getAndSet(null);
                if (reason != null) {
                    return reason;
                }
                step();
            }
        } finally {
            kick.leave();
        }
    }

    /** Into the guest and out again; what comes of it is done here or left in {@link #exit}. */
    private void step() {
        int result = file.tryIoctl(KvmAbi.RUN, 0);
        if (result == -Errno.EINTR || result == -Errno.EAGAIN) {
            // EAGAIN: an application processor that still waits for its start-up IPI.
            kick.take();
            return;
        }
        if (result < 0) {
            leave(failed(new HostException("ioctl(KVM_RUN)", -result)));
            return;
        }
        switch (run.exitReason()) {
            case Exit.IO -> run.resolve(exits.ports);
            case Exit.MMIO -> run.resolve(exits.mmio);
            case Exit.IOAPIC_EOI -> exits.endOfInterrupt.accept(run.endedVector());
            case Exit.HLT -> halt();
            case Exit.INTR, Exit.IRQ_WINDOW_OPEN -> {}
            // A shutdown cycle, at which chipsets reset the processor (SDM volume 3A, §6.15, #DF).
            case Exit.SHUTDOWN -> leave(new VcpuExit.Reset());
            case Exit.INTERNAL_ERROR -> fail(run.internalError() + at() + "; " + OTHER_CPU);
            case Exit.FAIL_ENTRY ->
                    fail("KVM cannot enter the guest, reason 0x%x".formatted(run.entryFailure()));
            default -> fail("KVM left the guest for reason " + run.exitReason());
        }
    }

    /** Without a local APIC nothing but a kick ends HLT. */
    private void halt() {
        halted = Thread.currentThread();
        while (!kicked && exit.get() == null) {
            LockSupport.park(this);
        }
        kicked = false;
        halted = null;
    }

    private void leave(VcpuExit reason) {
        exit.accumulateAndGet(reason, VcpuExit::first);
    }

    private void fail(String reason) {
        leave(new VcpuExit.Failed(reason));
    }

    private static VcpuExit failed(HostException refusal) {
        return new VcpuExit.Failed(
                "%s failed, errno %d".formatted(refusal.operation(), refusal.errno()));
    }

    private String at() {
        try (Arena scratch = Arena.ofConfined()) {
            VcpuState state = state(scratch);
            return " at RIP 0x%x, CR0 0x%x, EFER 0x%x"
                    .formatted(
                            state.register(Regs.RIP),
                            state.systemRegister(Sregs.CR0),
                            state.systemRegister(Sregs.EFER));
        } catch (HostException e) {
            return "";
        }
    }

    /** It does not run, and never will again. Idempotent. */
    void close() {
        if (arena.scope().isAlive()) {
            arena.close();
            file.close();
        }
    }
}
