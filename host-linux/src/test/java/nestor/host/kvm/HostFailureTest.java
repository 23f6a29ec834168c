package nestor.host.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;
import nestor.host.Errno;
import nestor.host.LinuxHost;
import nestor.iommu.host.HostException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.PortBus;
import nestor.vmm.vcpu.VcpuExit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Whatever the host refuses, it is said by type, and nothing stays behind. */
class HostFailureTest {
    private final GuestMemory memory = GuestMemory.anonymous(0, 1 << 16);

    /** Whether {@link #machine} had only to close. */
    private boolean done;

    @BeforeEach
    void thereIsKvm() throws Exception {
        TinyGuest.open(LinuxHost.load()).close();
    }

    @Test
    void whicheverCallFailsTheErrorIsTypedAndEverythingIsClosed() throws Exception {
        machine(LinuxHost.load());
        Held before = Held.now();
        int failures = 0;
        for (FailingCalls calls = new FailingCalls(TinyGuest.calls(), 0);
                failures < 1000;
                calls = new FailingCalls(TinyGuest.calls(), ++failures)) {
            Optional<HostException> failure = machine(new LinuxHost(calls));

            assertThat(Held.now()).describedAs("call %d failed", failures).isEqualTo(before);
            if (!calls.failed()) {
                break;
            }
            // Nobody has to know that a connection could not be undone: it goes with its file.
            assertThat(failure.map(HostException::errno))
                    .describedAs("call %d failed", failures)
                    .isEqualTo(done ? Optional.empty() : Optional.of(Errno.EIO));
        }
        // Open, checks, VM, memory, APICs, vCPU, state, event, doorbell, run.
        assertThat(failures).isGreaterThan(30);
    }

    @Test
    void manyMachinesLeaveNeitherDescriptorNorMapping() throws Exception {
        machine(LinuxHost.load());
        Held before = Held.now();

        for (int i = 0; i < 100; i++) {
            assertThat(machine(LinuxHost.load())).isEmpty();
        }

        assertThat(Held.now()).isEqualTo(before);
    }

    @Test
    void callsOnAClosedMachineFailAndReachNoOtherFile() throws Exception {
        Kvm kvm = Kvm.open(LinuxHost.load());
        KvmVm vm = kvm.newVm();
        vm.enableLocalApics();
        vm.close();
        kvm.close();

        vm.signalMsi(0xfee0_0000L, 0x41);
        HostException refusal =
                org.assertj.core.api.Assertions.catchThrowableOfType(
                        HostException.class, () -> vm.newMsiEvent(0xfee0_0000L, 0x41));

        assertThat(refusal.errno()).isEqualTo(Errno.EBADF);
    }

    /** All that a machine asks of the host, once; the failure if there was one. */
    private Optional<HostException> machine(LinuxHost host) throws IOException {
        done = false;
        try (Kvm kvm = Kvm.open(host);
                KvmVm vm = kvm.newVm()) {
            vm.addMemory(memory);
            vm.enableLocalApics();
            KvmVcpu vcpu = vm.newVcpu(2, new MmioBus(), new PortBus(), _ -> {});
            vm.newVcpu(2, new MmioBus(), new PortBus(), _ -> {});
            vcpu.start(new PvhEntry(0x1000, 0));
            vm.signalMsi(0xfee0_0000L, 0xc041);
            try (MsiEvent event = vm.newMsiEvent(0xfee0_0000L, 0x42);
                    Doorbell _ = vm.newDoorbell(new Doorbell.Place.Port(0x70, 1))) {
                event.setMessage(0xfee0_0000L, 0x43);
                vcpu.stop(new VcpuExit.Stopped());
                if (vcpu.run() instanceof VcpuExit.Failed(String reason)) {
                    assertThat(reason).endsWith("failed, errno 5");
                    return Optional.of(new HostException(reason, Errno.EIO));
                }
                done = true;
            }
            return Optional.empty();
        } catch (HostException e) {
            return Optional.of(e);
        }
    }

    /** What this process holds of KVM. The JVM opens and closes files of its own meanwhile. */
    private record Held(long descriptors, long mappings) {
        static Held now() throws IOException {
            try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"));
                    Stream<String> mappings = Files.lines(Path.of("/proc/self/maps"))) {
                return new Held(
                        descriptors.filter(Held::isOfKvm).count(),
                        mappings.filter(line -> line.contains("kvm-vcpu")).count());
            }
        }

        private static boolean isOfKvm(Path descriptor) {
            try {
                String file = Files.readSymbolicLink(descriptor).toString();
                return file.equals("/dev/kvm") || file.startsWith("anon_inode:");
            } catch (IOException closedMeanwhile) {
                return false;
            }
        }
    }
}
