package nestor.host.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import nestor.vmm.vcpu.VcpuExit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a guest kernel does first: its modes, its exceptions, and what KVM cannot do for it. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class LongModeTest {
    private TinyGuest guest;

    @BeforeEach
    void open() throws Exception {
        guest = TinyGuest.plain();
    }

    @AfterEach
    void close() {
        guest.close();
    }

    @Test
    @DisplayName("PVH: 32-bit protected mode, EBX = hvm_start_info")
    void aGuestBeginsInProtectedModeWithItsStartInfo() throws Exception {
        guest.put(TinyGuest.CODE, "89 1d 00 20 00 00  0f 20 c0  a3 04 20 00 00  e6 f4");
        guest.vcpu.start(new PvhEntry((int) TinyGuest.CODE, 0x89ab_cdef));

        assertThat(guest.vcpu.run()).isEqualTo(new VcpuExit.Shutdown());

        assertThat(guest.memory.getIntLe(0x2000)).isEqualTo(0x89ab_cdef);
        assertThat(guest.memory.getIntLe(0x2004)).isEqualTo(0x11); // CR0: PE, ET
    }

    @Test
    @DisplayName("SDM volume 3A, §10.8.5: initializing IA-32e mode")
    void aGuestSwitchesItselfTo64Bits() throws Exception {
        LongMode.tables(guest);
        LongMode.descriptor(guest, 0x5000);
        guest.put(
                0x1100,
                """
                48 b8 88 77 66 55 44 33 22 11   // movabs rax, 0x1122334455667788
                48 89 04 25 00 20 00 00         // mov [0x2000], rax
                e6 f4
                """);

        VcpuExit exit =
                guest.run(
                        """
                        b8 00 00 01 00   0f 22 d8              // mov eax, 0x10000; mov cr3, eax
                        b8 20 00 00 00   0f 22 e0              // CR4.PAE
                        b9 80 00 00 c0   0f 32                 // rdmsr EFER
                        0d 00 01 00 00   0f 30                 // EFER.LME
                        b8 11 00 00 80   0f 22 c0              // CR0.PG
                        0f 01 15 00 50 00 00                   // lgdt [0x5000]
                        ea 00 11 00 00 10 00                   // jmp 0x10:0x1100
                        """);

        assertThat(exit).isEqualTo(new VcpuExit.Shutdown());
        assertThat(guest.memory.getLongLe(0x2000)).isEqualTo(0x1122_3344_5566_7788L);
    }

    @Test
    @DisplayName("SDM volume 3A, §6.15: #UD through the IDT, and IRETQ")
    void anExceptionGoesThroughTheIdtAndBack() throws Exception {
        LongMode.enter(guest, LongMode.SUPERVISOR, "0f 0b  e6 f4"); // ud2; out 0xf4, al
        LongMode.handle(
                guest,
                6,
                0x4000,
                """
                48 83 04 24 02          // add qword [rsp], 2
                ff 04 25 00 20 00 00    // inc dword [0x2000]
                48 cf                   // iretq
                """);

        assertThat(guest.vcpu.run()).isEqualTo(new VcpuExit.Shutdown());
        assertThat(guest.memory.getIntLe(0x2000)).isEqualTo(1);
    }

    @Test
    @DisplayName("SDM volume 3A, §6.15: the shutdown state resets")
    void aTripleFaultIsAReset() throws Exception {
        assertThat(guest.run("0f 0b")).isEqualTo(new VcpuExit.Reset()); // ud2, and no IDT
    }

    @Test
    @DisplayName("api.rst §5: KVM_EXIT_INTERNAL_ERROR")
    void anInstructionThatKvmCannotEmulateIsNamed() throws Exception {
        // popcnt eax, [0xd0000000]: wherever the guest runs, its operand takes the emulator.
        VcpuExit exit = guest.run("f3 0f b8 05 00 00 00 d0  e6 f4");

        assertThat(exit)
                .isInstanceOfSatisfying(
                        VcpuExit.Failed.class,
                        failed ->
                                assertThat(failed.reason())
                                        .contains("cannot emulate", "f3 0f b8 05 00 00 00 d0")
                                        .contains("RIP 0x1000", "-accel tcg"));
    }

    @Test
    void aLoopOfStoresLeavesTheGuestEachTime() throws Exception {
        List<Long> stored = new ArrayList<>();
        guest.mmio.map(0xd000_0000L, 0x1000, TinyGuest.writes((_, _, value) -> stored.add(value)));

        guest.run("b9 03 00 00 00  89 0d 00 00 00 d0  e2 f8  e6 f4"); // mov [...], ecx; loop

        assertThat(stored).containsExactly(3L, 2L, 1L);
    }
}
