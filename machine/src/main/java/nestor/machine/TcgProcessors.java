package nestor.machine;

import java.util.ArrayList;
import java.util.List;
import nestor.cpu.x86.X86Cluster;
import nestor.cpu.x86.X86Model;
import nestor.cpu.x86.X86Vcpu;
import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.vcpu.Vcpu;

/** Software processors, with their local APICs. They live as long as the machine. */
final class TcgProcessors implements Processors {
    /** MAXPHYADDR: what the 64-bit window of the board needs, and VT-d's HAW has. */
    private static final int PHYSICAL_BITS = 46;

    private final X86Cluster cluster;
    private final List<X86Vcpu> vcpus;

    TcgProcessors(Wiring wiring) {
        cluster = new X86Cluster(new X86Model(PHYSICAL_BITS, wiring.cpus()), wiring.memory());
        List<X86Vcpu> all = new ArrayList<>();
        for (int cpu = 0; cpu < wiring.cpus(); cpu++) {
            all.add(
                    new X86Vcpu(
                            cpu,
                            cluster,
                            wiring.mmio(),
                            wiring.ports(),
                            wiring.clock(),
                            wiring.endOfInterrupt()));
        }
        vcpus = List.copyOf(all);
    }

    @Override
    public List<? extends Vcpu> vcpus() {
        return vcpus;
    }

    @Override
    public MsiSink apics() {
        return cluster.apics();
    }

    @Override
    public long retiredInstructions() {
        return vcpus.stream().mapToLong(X86Vcpu::retiredInstructions).sum();
    }

    @Override
    public void reset() {
        cluster.memoryReplaced();
    }

    @Override
    public void start(int entryGpa, int startInfoGpa) {
        vcpus.getFirst().start(entryGpa, startInfoGpa);
    }

    @Override
    public void close() {
        // nothing of the host's is held
    }
}
