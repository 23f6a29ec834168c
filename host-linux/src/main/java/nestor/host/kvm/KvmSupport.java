package nestor.host.kvm;

import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import nestor.host.Errno;
import nestor.host.LinuxHost;
import nestor.iommu.host.HostException;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.vcpu.VcpuExit;

/**
 * What KVM is worth on this host. That its device opens proves little: a host that is a virtual
 * machine itself may offer a KVM that runs user mode on the processor and emulates guest kernels,
 * one instruction at a time and not all of them.
 *
 * @param kind what was found
 * @param text the same in words
 * @param advice what to do about it; empty if nothing
 */
public record KvmSupport(Kind kind, String text, String advice) {
    /** From nothing to everything. */
    public enum Kind {
        /** There is no KVM. */
        NONE,
        /** There is one, and this user may not use it. */
        DENIED,
        /** There is one, and it lacks what we need or fails. */
        UNUSABLE,
        /** It emulates guest kernels. */
        RESTRICTED,
        /** Guests run on the processor. */
        FULL
    }

    private static final String STOCK =
            "kernels made for restricted KVM run, stock ones do not: for them -accel tcg, the default";

    private static final long MEMORY_BYTES = 1 << 16;
    private static final int CODE = 0x1000;
    private static final int PORT = 0xf4;

    /**
     * POPCNT EAX, EAX; OUT F4h, AL. Every processor with virtualization extensions counts bits;
     * KVM's emulator does not.
     */
    private static final byte[] SELF_TEST = {
        (byte) 0xf3, 0x0f, (byte) 0xb8, (byte) 0xc0, (byte) 0xe6, (byte) PORT
    };

    /** Whether a machine can be run on it at all. */
    public boolean usable() {
        return kind == Kind.RESTRICTED || kind == Kind.FULL;
    }

    /** Why a kernel as a distribution has it does not run; empty if it does, or if nothing runs. */
    public Optional<String> stockRefusal() {
        return kind == Kind.RESTRICTED
                ? Optional.of(
                        text
                                + ", without CMPXCHG16B, XSAVE and SYSRET, which a stock kernel needs;"
                                + " use -accel tcg")
                : Optional.empty();
    }

    /** Finds out, by a guest of two instructions. Loads native code only if there is a device. */
    public static KvmSupport ofThisHost() {
        if (!Files.exists(Path.of(KvmAbi.DEVICE))) {
            return refused(new HostException(KvmAbi.DEVICE, Errno.ENOENT));
        }
        try {
            return measure(LinuxHost.load());
        } catch (HostException e) {
            return refused(e);
        }
    }

    /** Finds out. */
    static KvmSupport measure(LinuxHost host) {
        try (Kvm kvm = Kvm.open(host);
                KvmVm vm = kvm.newVm();
                GuestMemory memory = GuestMemory.anonymous(0, MEMORY_BYTES)) {
            vm.addMemory(memory);
            memory.copyIn(MemorySegment.ofArray(SELF_TEST), CODE);
            return judge(run(vm));
        } catch (HostException e) {
            return refused(e);
        } catch (GuestAccessException e) {
            throw new IllegalStateException("the self-test has memory", e);
        }
    }

    private static VcpuExit run(KvmVm vm) throws HostException {
        PortBus ports = new PortBus();
        KvmVcpu vcpu = vm.newVcpu(1, new MmioBus(), ports, _ -> {});
        ports.map(
                PORT,
                1,
                new MmioRegion() {
                    @Override
                    public long read(long offset, int sizeBytes) {
                        return -1;
                    }

                    @Override
                    public void write(long offset, int sizeBytes, long value) {
                        vcpu.stop(new VcpuExit.Shutdown());
                    }
                });
        vcpu.start(new PvhEntry(CODE, 0));
        return vcpu.run();
    }

    private static KvmSupport judge(VcpuExit exit) {
        return switch (exit) {
            case VcpuExit.Shutdown _ ->
                    new KvmSupport(Kind.FULL, "KVM runs guests on the processor's extensions", "");
            case VcpuExit.Failed _ ->
                    new KvmSupport(
                            Kind.RESTRICTED,
                            "restricted KVM: runs only user mode on the processor and emulates"
                                    + " guest kernels",
                            STOCK);
            default ->
                    new KvmSupport(
                            Kind.UNUSABLE, "KVM ran two instructions and came to " + exit, "");
        };
    }

    /** What it means that {@link Kvm#open} or something after it failed. */
    public static KvmSupport refused(HostException refusal) {
        return switch (refusal.errno()) {
            case Errno.ENOENT ->
                    new KvmSupport(
                            Kind.NONE,
                            "no /dev/kvm",
                            "turn virtualization on in the firmware and load kvm_intel or kvm_amd");
            case Errno.EACCES, Errno.EPERM ->
                    new KvmSupport(
                            Kind.DENIED,
                            "/dev/kvm is there, but not for you",
                            "join its group and log in again: usermod -aG kvm $USER");
            default ->
                    new KvmSupport(
                            Kind.UNUSABLE,
                            "/dev/kvm is of no use: %s failed, errno %d"
                                    .formatted(refusal.operation(), refusal.errno()),
                            "");
        };
    }
}
