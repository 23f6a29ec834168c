package nestor.host.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import nestor.vmm.vcpu.VcpuExit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Messages to a local APIC that is the kernel's, and events that need no exit. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class InterruptTest {
    private static final int VECTOR = 0x41;
    private static final long TO_APIC_0 = 0xfee0_0000L;
    private static final int LEVEL_ASSERTED = 0xc000;

    /** Counts at 2000h, acknowledges, and leaves the guest. */
    private static final String HANDLER =
            """
            ff 04 25 00 20 00 00   // inc dword [0x2000]
            b8 b0 00 e0 fe         // mov eax, 0xfee000b0
            c7 00 00 00 00 00      // mov dword [rax], 0: EOI
            e6 f4                  // out 0xf4, al
            48 cf                  // iretq
            """;

    /** Turns its APIC on, says so, and waits for interrupts. */
    private static final String WAITS =
            """
            bb 00 00 e0 fe                  // mov ebx, 0xfee00000
            c7 83 f0 00 00 00 ff 01 00 00   // mov dword [rbx + 0xf0], 0x1ff: enabled
            e6 10                           // out 0x10, al
            fb f4 eb fc                     // sti; hlt; jmp
            """;

    private final List<Integer> ended = new CopyOnWriteArrayList<>();
    private final CountDownLatch waiting = new CountDownLatch(1);
    private final ExecutorService thread = Executors.newSingleThreadExecutor();
    private TinyGuest guest;

    @BeforeEach
    void open() throws Exception {
        guest = TinyGuest.withLocalApic(this::end);
        guest.ports.map(0x10, 1, TinyGuest.writes((_, _, _) -> waiting.countDown()));
        LongMode.enter(guest, LongMode.SUPERVISOR, WAITS);
        LongMode.handle(guest, VECTOR, 0x4000, HANDLER);
    }

    @AfterEach
    void close() throws Exception {
        thread.shutdownNow();
        assertThat(thread.awaitTermination(2, TimeUnit.MINUTES)).isTrue();
        guest.close();
    }

    private void end(int vector) {
        ended.add(vector);
        guest.vcpu.stop(new VcpuExit.Stopped());
    }

    private Future<VcpuExit> start() throws Exception {
        Future<VcpuExit> run = thread.submit((Callable<VcpuExit>) guest.vcpu::run);
        assertThat(waiting.await(2, TimeUnit.MINUTES)).isTrue();
        return run;
    }

    private int interrupts() throws Exception {
        return guest.memory.getIntLe(0x2000);
    }

    @Test
    @DisplayName("api.rst §4.71: KVM_SIGNAL_MSI")
    void aMessageWakesAHaltedGuest() throws Exception {
        Future<VcpuExit> run = start();

        guest.vm.signalMsi(TO_APIC_0, VECTOR);

        assertThat(run.get(2, TimeUnit.MINUTES)).isEqualTo(new VcpuExit.Shutdown());
        assertThat(interrupts()).isEqualTo(1);
        assertThat(ended).isEmpty();
    }

    @Test
    @DisplayName("api.rst §4.75: KVM_IRQFD with a routed message")
    void anEventWakesAHaltedGuest() throws Exception {
        Future<VcpuExit> run = start();
        try (MsiEvent event = guest.vm.newMsiEvent(TO_APIC_0, VECTOR)) {
            event.event().signal();

            assertThat(run.get(2, TimeUnit.MINUTES)).isEqualTo(new VcpuExit.Shutdown());
        }
        assertThat(interrupts()).isEqualTo(1);
    }

    @Test
    @DisplayName("api.rst §4.52: KVM_SET_GSI_ROUTING")
    void anEventFollowsItsNewMessage() throws Exception {
        LongMode.handle(guest, 0x55, 0x4100, HANDLER.replace("00 20 00 00", "10 20 00 00"));
        Future<VcpuExit> run = start();
        try (MsiEvent event = guest.vm.newMsiEvent(TO_APIC_0, VECTOR)) {
            event.setMessage(TO_APIC_0, 0x55);
            event.event().signal();

            assertThat(run.get(2, TimeUnit.MINUTES)).isEqualTo(new VcpuExit.Shutdown());
        }
        assertThat(interrupts()).isZero();
        assertThat(guest.memory.getIntLe(0x2010)).isEqualTo(1);
    }

    @Test
    @DisplayName("api.rst §5: KVM_EXIT_IOAPIC_EOI")
    void theEndOfALevelInterruptIsReported() throws Exception {
        LongMode.handle(guest, VECTOR, 0x4000, HANDLER.replace("e6 f4", "e6 80"));
        Future<VcpuExit> run = start();

        guest.vm.signalMsi(TO_APIC_0, LEVEL_ASSERTED | VECTOR);

        assertThat(run.get(2, TimeUnit.MINUTES)).isEqualTo(new VcpuExit.Stopped());
        assertThat(ended).containsExactly(VECTOR);
    }

    @Test
    @DisplayName("api.rst §7.9: KVM_CAP_X2APIC_API, 32-bit destinations")
    void aMessageToAnotherApicIsNotTaken() throws Exception {
        Future<VcpuExit> run = start();

        // Destination 100h: an 8-bit APIC would be hit by it.
        guest.vm.signalMsi(0x100L << 32 | TO_APIC_0, VECTOR);
        guest.vm.signalMsi(1 << 12 | TO_APIC_0, VECTOR);
        guest.vcpu.stop(new VcpuExit.Stopped());

        assertThat(run.get(2, TimeUnit.MINUTES)).isEqualTo(new VcpuExit.Stopped());
        assertThat(interrupts()).isZero();
    }

    @Test
    @DisplayName("SDM volume 3A, §8.4.4: INIT and start-up IPIs; CPUID leaf 1, initial APIC ID")
    void theBootProcessorStartsAnother() throws Exception {
        CountDownLatch started = new CountDownLatch(1);
        List<Long> apicIds = new CopyOnWriteArrayList<>();
        guest.ports.map(
                0x14,
                4,
                TinyGuest.writes((_, _, value) -> {
                    apicIds.add(value >>> 24);
                    started.countDown();
                }));
        KvmVcpu other = guest.vm.newVcpu(2, guest.mmio, guest.ports, _ -> {});
        // Real mode at 6000h: mov eax, 1; cpuid; mov eax, ebx; out 0x14, eax; cli; hlt
        guest.put(0x6000, "66 b8 01 00 00 00  0f a2  66 89 d8  66 e7 14  fa f4");
        LongMode.enter(
                guest,
                LongMode.SUPERVISOR,
                """
                bb 00 00 e0 fe                  // mov ebx, 0xfee00000
                c7 83 f0 00 00 00 ff 01 00 00   // APIC enabled
                c7 83 10 03 00 00 00 00 00 01   // ICR high: APIC 1
                c7 83 00 03 00 00 00 45 00 00   // INIT
                c7 83 00 03 00 00 06 46 00 00   // start-up at 6000h
                """
                        + WAITS);
        try (ExecutorService second = Executors.newSingleThreadExecutor()) {
            Future<VcpuExit> otherRun = second.submit((Callable<VcpuExit>) other::run);
            Future<VcpuExit> run = start();

            assertThat(started.await(2, TimeUnit.MINUTES)).isTrue();
            other.stop(new VcpuExit.Stopped());
            guest.vcpu.stop(new VcpuExit.Stopped());

            assertThat(otherRun.get(2, TimeUnit.MINUTES)).isEqualTo(new VcpuExit.Stopped());
            assertThat(run.get(2, TimeUnit.MINUTES)).isEqualTo(new VcpuExit.Stopped());
        }
        assertThat(apicIds).containsExactly(1L);
    }

    @Test
    @DisplayName("SDM volume 3A, §10.5.4: the APIC timer")
    void theApicTimerWakesAHaltedGuest() throws Exception {
        LongMode.enter(
                guest,
                LongMode.SUPERVISOR,
                """
                bb 00 00 e0 fe                  // mov ebx, 0xfee00000
                c7 83 f0 00 00 00 ff 01 00 00   // enabled: else the LVT stays masked
                c7 83 20 03 00 00 41 00 00 00   // LVT timer: vector 0x41, one-shot
                c7 83 e0 03 00 00 0b 00 00 00   // divide by 1
                c7 83 80 03 00 00 00 10 00 00   // initial count
                """
                        + WAITS);

        Future<VcpuExit> run = start();

        assertThat(run.get(2, TimeUnit.MINUTES)).isEqualTo(new VcpuExit.Shutdown());
        assertThat(interrupts()).isEqualTo(1);
    }

    @Test
    @DisplayName("api.rst §4.59: KVM_IOEVENTFD")
    void writesToADoorbellAreCountedWithoutAnExit() throws Exception {
        try (Doorbell any = guest.vm.newDoorbell(new Doorbell.Place.Memory(0xd000_0000L, 4));
                Doorbell two =
                        guest.vm.newDoorbell(new Doorbell.Place.MemoryValue(0xd000_0010L, 4, 2));
                Doorbell port = guest.vm.newDoorbell(new Doorbell.Place.Port(0x3f8, 1))) {
            List<Long> exits = new CopyOnWriteArrayList<>();
            guest.mmio.map(
                    0xd000_0000L, 0x1000, TinyGuest.writes((_, _, value) -> exits.add(value)));

            guest.run(
                    """
                    b9 03 00 00 00   ba f8 03 00 00   // mov ecx, 3; mov edx, 0x3f8
                    89 0d 00 00 00 d0                 // mov [0xd0000000], ecx
                    89 0d 10 00 00 d0                 // mov [0xd0000010], ecx
                    ee   e2 f1   e6 f4                // out dx, al; loop; out 0xf4, al
                    """);

            assertThat(any.event().drain()).isEqualTo(3);
            assertThat(two.event().drain()).isEqualTo(1);
            assertThat(port.event().drain()).isEqualTo(3);
            assertThat(port.event().drain()).isZero();
            assertThat(exits).containsExactly(3L, 1L);
        }
    }
}
