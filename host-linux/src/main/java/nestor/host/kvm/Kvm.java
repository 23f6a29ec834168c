package nestor.host.kvm;

import java.lang.foreign.MemorySegment;
import java.util.List;
import nestor.host.Errno;
import nestor.host.HostFile;
import nestor.host.LinuxHost;
import nestor.host.kvm.KvmAbi.Capability;
import nestor.iommu.host.HostException;

/**
 * {@code /dev/kvm}, open, with all that a machine of ours needs (api.rst §4.1 to §4.5). Any thread.
 */
public final class Kvm implements AutoCloseable {
    /** What there is no machine without. */
    private static final List<Capability> NEEDED =
            List.of(
                    Capability.KVM_CAP_USER_MEMORY,
                    Capability.KVM_CAP_IRQ_ROUTING,
                    Capability.KVM_CAP_IRQFD,
                    Capability.KVM_CAP_IOEVENTFD,
                    Capability.KVM_CAP_SIGNAL_MSI,
                    Capability.KVM_CAP_SPLIT_IRQCHIP,
                    Capability.KVM_CAP_X2APIC_API);

    private final HostFile file;
    private final int runBytes;
    private final MemorySegment supportedCpuid;

    private Kvm(HostFile file) throws HostException {
        this.file = file;
        if (file.ioctl(KvmAbi.GET_API_VERSION, 0) != KvmAbi.API_VERSION) {
            throw new HostException(
                    "a KVM of version %d".formatted(KvmAbi.API_VERSION), Errno.ENODEV);
        }
        for (Capability capability : NEEDED) {
            if (capability(capability) == 0) {
                throw new HostException("a KVM with " + capability, Errno.ENOTTY);
            }
        }
        runBytes = file.ioctl(KvmAbi.GET_VCPU_MMAP_SIZE, 0);
        supportedCpuid = Cpuid.supported(file);
    }

    /**
     * Opens it and looks whether it is enough.
     *
     * @throws HostException {@code ENOENT} if this host has no KVM, {@code EACCES} if this user may
     *     not use it, or what else the host says
     */
    public static Kvm open(LinuxHost host) throws HostException {
        HostFile file = host.open(KvmAbi.DEVICE);
        try {
            return new Kvm(file);
        } catch (HostException e) {
            file.close();
            throw e;
        }
    }

    /** The most vCPUs that a VM may have. */
    public int maxVcpus() throws HostException {
        return capability(Capability.KVM_CAP_MAX_VCPUS);
    }

    /** KVM_CHECK_EXTENSION: 0 if it is unknown, else what the capability says. */
    int capability(Capability capability) throws HostException {
        return file.ioctl(KvmAbi.CHECK_EXTENSION, capability.number);
    }

    /** A virtual machine with no memory, no vCPU and no interrupt controller. */
    public KvmVm newVm() throws HostException {
        return KvmVm.create(this);
    }

    HostFile file() {
        return file;
    }

    /** Size of the area that a vCPU shares with the kernel. */
    int runBytes() {
        return runBytes;
    }

    /** KVM_GET_SUPPORTED_CPUID's answer. */
    MemorySegment supportedCpuid() {
        return supportedCpuid;
    }

    /** The machines made from it live on. */
    @Override
    public void close() {
        file.close();
    }
}
