package nestor.machine;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nestor.host.LinuxHost;
import nestor.host.kvm.Kvm;
import nestor.host.kvm.KvmSupport;
import nestor.host.kvm.KvmVcpu;
import nestor.host.kvm.KvmVm;
import nestor.host.kvm.PvhEntry;
import nestor.iommu.host.HostException;
import nestor.vmm.interrupt.MsiSink;
import nestor.vmm.vcpu.Vcpu;
import org.jspecify.annotations.Nullable;

/** Processors of KVM, with their local APICs in the kernel. A reset makes them anew. */
final class KvmProcessors implements Processors {
    private final Kvm kvm;
    private final Wiring wiring;
    private volatile @Nullable KvmVm vm;
    private volatile List<KvmVcpu> vcpus = List.of();

    private KvmProcessors(Kvm kvm, Wiring wiring) {
        this.kvm = kvm;
        this.wiring = wiring;
    }

    /** Why there is no KVM for an x86 guest. */
    static Optional<String> missing() {
        if (!System.getProperty("os.arch").equals("amd64")) {
            return Optional.of("this host is no x86-64");
        }
        try {
            Kvm.open(LinuxHost.load()).close();
            return Optional.empty();
        } catch (HostException e) {
            return Optional.of(why(e));
        }
    }

    static KvmProcessors open(Wiring wiring) throws ConfigException {
        try {
            return new KvmProcessors(Kvm.open(LinuxHost.load()), wiring);
        } catch (HostException e) {
            throw new ConfigException("-accel kvm: " + why(e), e);
        }
    }

    private static String why(HostException refusal) {
        KvmSupport found = KvmSupport.refused(refusal);
        return found.advice().isEmpty() ? found.text() : found.text() + "; " + found.advice();
    }

    @Override
    public List<? extends Vcpu> vcpus() {
        return vcpus;
    }

    @Override
    public MsiSink apics() {
        return (_, address, data) -> signal(address, data);
    }

    private void signal(long address, int data) {
        KvmVm now = vm;
        if (now == null) {
            return;
        }
        try {
            now.signalMsi(address, data);
        } catch (HostException e) {
            wiring.onEscape()
                    .uncaughtException(
                            Thread.currentThread(), new IllegalStateException(e.getMessage(), e));
        }
    }

    @Override
    public long retiredInstructions() {
        return 0;
    }

    @Override
    public void reset() throws IOException {
        closeVm();
        try {
            KvmVm made = kvm.newVm();
            vm = made;
            made.addMemory(wiring.memory());
            made.enableLocalApics();
            List<KvmVcpu> all = new ArrayList<>();
            for (int cpu = 0; cpu < wiring.cpus(); cpu++) {
                all.add(
                        made.newVcpu(
                                wiring.cpus(),
                                wiring.mmio(),
                                wiring.ports(),
                                wiring.endOfInterrupt()));
            }
            vcpus = List.copyOf(all);
        } catch (HostException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    @Override
    public void start(int entryGpa, int startInfoGpa) throws IOException {
        try {
            vcpus.getFirst().start(new PvhEntry(entryGpa, startInfoGpa));
        } catch (HostException e) {
            throw new IOException(e.getMessage(), e);
        }
    }

    private void closeVm() {
        KvmVm old = vm;
        vm = null;
        vcpus = List.of();
        if (old != null) {
            old.close();
        }
    }

    @Override
    public void close() {
        closeVm();
        kvm.close();
    }
}
