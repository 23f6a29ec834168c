package nestor.host.kvm;

import static org.junit.jupiter.api.Assumptions.abort;

import java.lang.foreign.MemorySegment;
import java.util.HexFormat;
import java.util.function.IntConsumer;
import nestor.host.LinuxHost;
import nestor.host.SystemCalls;
import nestor.iommu.host.HostException;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.vcpu.VcpuExit;

/** One vCPU, one MiB of memory, and a program of a few bytes: on the KVM of this host. */
final class TinyGuest implements AutoCloseable {
    static final long CODE = 0x1000;
    static final long MEMORY_BYTES = 1 << 20;

    /** OUT to it ends {@link #run} with {@code Shutdown}. */
    static final int EXIT_PORT = 0xf4;

    final MmioBus mmio = new MmioBus();
    final PortBus ports = new PortBus();
    final GuestMemory memory = GuestMemory.anonymous(0, MEMORY_BYTES);
    final Kvm kvm;
    final KvmVm vm;
    final KvmVcpu vcpu;

    private TinyGuest(LinuxHost host, boolean localApics, IntConsumer endOfInterrupt)
            throws HostException {
        kvm = open(host);
        vm = kvm.newVm();
        vm.addMemory(memory);
        if (localApics) {
            vm.enableLocalApics();
        }
        vcpu = vm.newVcpu(1, mmio, ports, endOfInterrupt);
        ports.map(EXIT_PORT, 4, writes((_, _, _) -> vcpu.stop(new VcpuExit.Shutdown())));
    }

    static TinyGuest plain() throws HostException {
        return new TinyGuest(LinuxHost.load(), false, _ -> {});
    }

    static TinyGuest withLocalApic(IntConsumer endOfInterrupt) throws HostException {
        return new TinyGuest(LinuxHost.load(), true, endOfInterrupt);
    }

    /** The host's KVM; the test is skipped where there is none. */
    static Kvm open(LinuxHost host) throws HostException {
        try {
            return Kvm.open(host);
        } catch (HostException e) {
            return abort("no KVM for this user: " + e.getMessage());
        }
    }

    static SystemCalls calls() throws HostException {
        return LinuxHost.load().calls();
    }

    interface Write {
        void write(long offset, int sizeBytes, long value);
    }

    static MmioRegion writes(Write write) {
        return new MmioRegion() {
            @Override
            public long read(long offset, int sizeBytes) {
                return -1;
            }

            @Override
            public void write(long offset, int sizeBytes, long value) {
                write.write(offset, sizeBytes, value);
            }
        };
    }

    /**
     * Hexadecimal bytes; white space between them as one likes, and a comment after two slashes.
     */
    void put(long gpa, String hex) throws GuestAccessException {
        byte[] bytes = HexFormat.of().parseHex(hex.replaceAll("//.*|\\s", ""));
        memory.copyIn(MemorySegment.ofArray(bytes), gpa);
    }

    /** The program in 32-bit protected mode, until it writes to {@link #EXIT_PORT}. */
    VcpuExit run(String hex) throws HostException, GuestAccessException {
        put(CODE, hex);
        vcpu.start(new PvhEntry((int) CODE, 0));
        return vcpu.run();
    }

    @Override
    public void close() {
        vm.close();
        kvm.close();
        memory.close();
    }
}
