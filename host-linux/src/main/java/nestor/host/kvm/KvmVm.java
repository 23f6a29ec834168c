package nestor.host.kvm;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntConsumer;
import nestor.host.Errno;
import nestor.host.HostFile;
import nestor.host.LinuxHost;
import nestor.host.kvm.KvmAbi.Capability;
import nestor.host.kvm.KvmAbi.EnableCap;
import nestor.host.kvm.KvmAbi.Msi;
import nestor.host.kvm.KvmAbi.UserspaceMemoryRegion;
import nestor.iommu.host.HostException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.memory.RamRegion;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;

/**
 * A virtual machine of KVM. Put together by one thread, in this order: memory, local APICs, vCPUs.
 * Messages and events may come from any thread, and after {@link #close} they go nowhere.
 */
public final class KvmVm implements AutoCloseable {
    /**
     * Three pages and one that KVM takes for itself on processors that cannot run real mode
     * (api.rst §4.18, §4.19): above all that the board has, below 4 GiB.
     */
    private static final long IDENTITY_MAP = 0xfeff_c000L;

    private static final long TSS = 0xfeff_d000L;

    /**
     * KVM_CAP_X2APIC_API: 32-bit IDs in messages. FFh stays a broadcast among them, which {@link
     * GsiRoutes#reportEnd} needs; so no vCPU may have that ID.
     */
    private static final long X2APIC_IDS = 1;

    private static final int MAX_VCPUS = 255;

    private final Kvm kvm;
    private final HostFile file;
    private final GsiRoutes routes;
    private final List<KvmVcpu> vcpus = new ArrayList<>();
    private int slots;
    private boolean localApics;

    private KvmVm(Kvm kvm, HostFile file) {
        this.kvm = kvm;
        this.file = file;
        routes = new GsiRoutes(file);
    }

    static KvmVm create(Kvm kvm) throws HostException {
        LinuxHost host = kvm.file().host();
        HostFile file = new HostFile(host, "VM", kvm.file().ioctl(KvmAbi.CREATE_VM, 0));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment identityMap = arena.allocate(JAVA_LONG);
            identityMap.set(JAVA_LONG, 0, IDENTITY_MAP);
            file.ioctl(KvmAbi.SET_IDENTITY_MAP_ADDR, identityMap);
            file.ioctl(KvmAbi.SET_TSS_ADDR, TSS);
            return new KvmVm(kvm, file);
        } catch (HostException e) {
            file.close();
            throw e;
        }
    }

    /**
     * Lets the guest see all of {@code memory}, at its own addresses. It must stay open until this
     * VM is closed.
     */
    public void addMemory(GuestMemory memory) throws HostException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment region = arena.allocate(UserspaceMemoryRegion.BYTES, Long.BYTES);
            for (RamRegion ram : memory.regions()) {
                region.set(JAVA_INT, UserspaceMemoryRegion.SLOT, slots);
                region.set(JAVA_LONG, UserspaceMemoryRegion.GUEST_PHYS_ADDR, ram.gpa());
                region.set(JAVA_LONG, UserspaceMemoryRegion.MEMORY_SIZE, ram.sizeBytes());
                region.set(
                        JAVA_LONG, UserspaceMemoryRegion.USERSPACE_ADDR, ram.segment().address());
                file.ioctl(KvmAbi.SET_USER_MEMORY_REGION, region);
                slots++;
            }
        }
    }

    /**
     * Gives each vCPU to come a local APIC, in the kernel, with 32-bit IDs in messages; no PIC and
     * no I/O APIC (api.rst §7.5, KVM_CAP_SPLIT_IRQCHIP).
     */
    public void enableLocalApics() throws HostException {
        enable(Capability.KVM_CAP_SPLIT_IRQCHIP, GsiRoutes.RESERVED);
        enable(Capability.KVM_CAP_X2APIC_API, X2APIC_IDS);
        localApics = true;
    }

    private void enable(Capability capability, long argument) throws HostException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment enable = arena.allocate(EnableCap.BYTES, Long.BYTES);
            enable.set(JAVA_INT, EnableCap.CAP, capability.number);
            enable.set(JAVA_LONG, EnableCap.ARGS, argument);
            int result = file.tryIoctl(KvmAbi.ENABLE_CAP, enable.address());
            LinuxHost.checked("ioctl(KVM_ENABLE_CAP, " + capability + ")", result);
        }
    }

    /**
     * One more vCPU, which waits for {@link KvmVcpu#start} or, where there are local APICs and it
     * is not the first, for a start-up IPI.
     *
     * @param cpus how many there will be: CPUID tells the guest
     * @param mmio what answers addresses that are no memory
     * @param ports what answers IN and OUT
     * @param endOfInterrupt told the vector of each level-triggered interrupt that ended, on the
     *     vCPU's thread
     */
    public KvmVcpu newVcpu(int cpus, MmioBus mmio, PortBus ports, IntConsumer endOfInterrupt)
            throws HostException {
        int index = vcpus.size();
        if (index >= MAX_VCPUS) {
            throw new HostException("a vCPU with APIC ID " + index, Errno.EINVAL);
        }
        int fd = file.ioctl(KvmAbi.CREATE_VCPU, index);
        HostFile vcpuFile = new HostFile(file.host(), "vCPU " + index, fd);
        Arena arena = Arena.ofShared();
        try {
            MemorySegment run = file.host().map(vcpuFile, kvm.runBytes(), arena);
            setCpuid(vcpuFile, index, cpus);
            KvmVcpu vcpu =
                    new KvmVcpu(
                            vcpuFile,
                            new RunArea(run),
                            arena,
                            new KvmVcpu.Exits(mmio, ports, endOfInterrupt));
            vcpus.add(vcpu);
            return vcpu;
        } catch (HostException e) {
            arena.close();
            vcpuFile.close();
            throw e;
        }
    }

    private void setCpuid(HostFile vcpu, int index, int cpus) throws HostException {
        boolean tscDeadline =
                localApics && kvm.capability(Capability.KVM_CAP_TSC_DEADLINE_TIMER) > 0;
        try (Arena arena = Arena.ofConfined()) {
            vcpu.ioctl(
                    KvmAbi.SET_CPUID2,
                    Cpuid.forVcpu(kvm.supportedCpuid(), index, cpus, tscDeadline, arena));
        }
    }

    /**
     * A message to the local APICs, as KVM_SIGNAL_MSI takes it: bits 63:40 of the address are bits
     * 31:8 of the destination. One that no APIC accepts is lost, as on the bus. The end of a
     * level-triggered interrupt will be reported. Any thread, any time.
     */
    public void signalMsi(long address, int data) throws HostException {
        if (GsiRoutes.isLevel(data)) {
            routes.reportEnd(data);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment msi = arena.allocate(Msi.BYTES, Long.BYTES);
            msi.set(JAVA_INT, Msi.ADDRESS_LO, (int) address);
            msi.set(JAVA_INT, Msi.ADDRESS_HI, (int) (address >>> 32));
            msi.set(JAVA_INT, Msi.DATA, data);
            int result = file.tryIoctl(KvmAbi.SIGNAL_MSI, msi.address());
            // EPERM: no such destination, or none that is on. EBADF: this VM is closed.
            if (result < 0 && result != -Errno.EPERM && result != -Errno.EBADF) {
                throw new HostException("ioctl(KVM_SIGNAL_MSI)", -result);
            }
        }
    }

    /** An event that the kernel turns into a message, without a thread of ours in between. */
    public MsiEvent newMsiEvent(long address, int data) throws HostException {
        return MsiEvent.create(file, routes, address, data);
    }

    /** An address whose writes by the guest the kernel counts, without a vCPU leaving the guest. */
    public Doorbell newDoorbell(Doorbell.Place place) throws HostException {
        return Doorbell.create(file, place);
    }

    /** Its vCPUs, none of which may be running, go with it. Idempotent. */
    @Override
    public void close() {
        vcpus.forEach(KvmVcpu::close);
        vcpus.clear();
        file.close();
    }
}
