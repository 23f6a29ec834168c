package nestor.machine;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicReference;
import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.vcpu.Vcpu;
import nestor.vmm.vcpu.VcpuExit;
import org.jspecify.annotations.Nullable;

/** One vCPU whose guest is a test's method, and local APICs that remember their messages. */
final class FakeProcessors implements Processors {
    /** A guest: what the processor does from one start to the next exit. */
    @FunctionalInterface
    interface Program {
        void run(FakeProcessors cpu) throws Exception;
    }

    private final Wiring wiring;
    private final Program program;
    private final FakeVcpu vcpu = new FakeVcpu();
    final List<String> messages = new CopyOnWriteArrayList<>();
    int entry;
    int startInfo;
    int resets;
    boolean closed;

    FakeProcessors(Wiring wiring, Program program) {
        this.wiring = wiring;
        this.program = program;
    }

    MmioBus mmio() {
        return wiring.mmio();
    }

    PortBus ports() {
        return wiring.ports();
    }

    /** What the guest reads at a physical address: RAM, or a device. */
    long read(long gpa, int bytes) throws Exception {
        if (!wiring.memory().contains(gpa, bytes)) {
            return mmio().read(gpa, bytes);
        }
        return switch (bytes) {
            case 1 -> wiring.memory().getByte(gpa) & 0xffL;
            case 2 -> wiring.memory().getShortLe(gpa) & 0xffffL;
            case 4 -> wiring.memory().getIntLe(gpa) & 0xffff_ffffL;
            default -> wiring.memory().getLongLe(gpa);
        };
    }

    /** What the guest writes at a physical address. */
    void write(long gpa, int bytes, long value) throws Exception {
        if (!wiring.memory().contains(gpa, bytes)) {
            mmio().write(gpa, bytes, value);
        } else if (bytes == Integer.BYTES) {
            wiring.memory().setIntLe(gpa, (int) value);
        } else {
            wiring.memory().setLongLe(gpa, value);
        }
    }

    @Override
    public List<? extends Vcpu> vcpus() {
        return List.of(vcpu);
    }

    @Override
    public MsiSink apics() {
        return (_, address, data) -> messages.add("%x %x".formatted(address, data));
    }

    @Override
    public long retiredInstructions() {
        return 0;
    }

    @Override
    public void reset() {
        resets++;
        messages.clear();
    }

    @Override
    public void start(int entryGpa, int startInfoGpa) {
        entry = entryGpa;
        startInfo = startInfoGpa;
        vcpu.started = true;
    }

    @Override
    public void close() {
        closed = true;
    }

    private final class FakeVcpu implements Vcpu {
        private final AtomicReference<@Nullable VcpuExit> exit = new AtomicReference<>();
        private boolean started;

        @Override
        public VcpuExit run() {
            if (started && exit.get() == null) {
                started = false;
                try {
                    program.run(FakeProcessors.this);
                } catch (Exception e) {
                    throw new IllegalStateException(e);
                }
            }
            VcpuExit reason = exit.getAndSet(null);
            return reason == null ? new VcpuExit.Failed("the program ended") : reason;
        }

        @Override
        public void stop(VcpuExit reason) {
            exit.accumulateAndGet(reason, VcpuExit::first);
        }

        @Override
        public void kick() {}
    }
}
