package nestor.host.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.vcpu.VcpuExit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** What the guest's IN, OUT, loads and stores become. */
class IoExitTest {
    private static final String EXIT = "e6 f4"; // out 0xf4, al

    private final List<String> log = new ArrayList<>();
    private TinyGuest guest;

    /** Logs all, and answers each byte with its own offset. */
    private final class Recorder implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            log.add("r%d %x".formatted(sizeBytes, offset));
            return 0x8786_8584_8382_8180L >>> (8 * offset);
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            log.add("w%d %x %x".formatted(sizeBytes, offset, value));
        }
    }

    @BeforeEach
    void open() throws Exception {
        guest = TinyGuest.plain();
        guest.ports.map(0x3f8, 8, new Recorder());
        guest.mmio.map(0xd000_0000L, 0x1000, new Recorder());
    }

    @AfterEach
    void close() {
        guest.close();
    }

    @Test
    @DisplayName("api.rst §5: KVM_EXIT_IO, OUT of each width")
    void anOutReachesThePort() throws Exception {
        VcpuExit exit =
                guest.run(
                        """
                        ba f8 03 00 00   b8 44 33 22 11   // mov edx, 0x3f8; mov eax, 0x11223344
                        ee   66 ef   ef                   // out dx, al; ax; eax
                        """
                                + EXIT);

        assertThat(exit).isEqualTo(new VcpuExit.Shutdown());
        assertThat(log).containsExactly("w1 0 44", "w2 0 3344", "w4 0 11223344");
    }

    @Test
    @DisplayName("api.rst §5: KVM_EXIT_IO, IN of each width")
    void anInTakesItsValueFromThePort() throws Exception {
        guest.run(
                """
                ba f8 03 00 00   31 c0                     // mov edx, 0x3f8; xor eax, eax
                ec   a3 00 20 00 00                        // in al, dx; mov [0x2000], eax
                66 ed   a3 04 20 00 00                     // in ax, dx
                ed   a3 08 20 00 00                        // in eax, dx
                """
                        + EXIT);

        assertThat(log).containsExactly("r1 0", "r2 0", "r4 0");
        assertThat(guest.memory.getIntLe(0x2000)).isEqualTo(0x80);
        assertThat(guest.memory.getIntLe(0x2004)).isEqualTo(0x8180);
        assertThat(guest.memory.getIntLe(0x2008)).isEqualTo(0x8382_8180);
    }

    @Test
    @DisplayName("api.rst §5: KVM_EXIT_IO with count > 1")
    void stringIoMovesEveryElement() throws Exception {
        guest.put(0x3000, "01 00 02 00 03 00 04 00 05 00");

        guest.run(
                """
                ba f8 03 00 00   be 00 30 00 00   b9 05 00 00 00   // edx, esi, ecx
                f3 66 6f                                           // rep outsw
                bf 00 20 00 00   b9 03 00 00 00   f3 6c            // edi, ecx; rep insb
                """
                        + EXIT);

        assertThat(log.subList(0, 5))
                .containsExactly("w2 0 1", "w2 0 2", "w2 0 3", "w2 0 4", "w2 0 5");
        assertThat(log.subList(5, log.size())).isNotEmpty().allMatch("r1 0"::equals);
        assertThat(guest.memory.getIntLe(0x2000)).isEqualTo(0x0080_8080);
    }

    @Test
    @DisplayName("api.rst §5: KVM_EXIT_MMIO of each width")
    void storesReachTheRegion() throws Exception {
        guest.run(
                """
                bb 10 00 00 d0   b8 44 33 22 11            // mov ebx, 0xd0000010; mov eax, ...
                88 03   66 89 43 02   89 43 04             // mov [ebx], al; [ebx+2], ax; [ebx+4], eax
                """
                        + EXIT);

        assertThat(log).containsExactly("w1 10 44", "w2 12 3344", "w4 14 11223344");
    }

    @Test
    @DisplayName("api.rst §5: KVM_EXIT_MMIO of each width")
    void loadsTakeTheirValueFromTheRegion() throws Exception {
        guest.run(
                """
                bb 00 00 00 d0   31 c0
                8a 43 01   a3 00 20 00 00                  // mov al, [ebx+1]
                66 8b 43 02   a3 04 20 00 00               // mov ax, [ebx+2]
                8b 43 04   a3 08 20 00 00                  // mov eax, [ebx+4]
                """
                        + EXIT);

        assertThat(log).containsExactly("r1 1", "r2 2", "r4 4");
        assertThat(guest.memory.getIntLe(0x2000)).isEqualTo(0x81);
        assertThat(guest.memory.getIntLe(0x2004)).isEqualTo(0x8382);
        assertThat(guest.memory.getIntLe(0x2008)).isEqualTo(0x8786_8584);
    }

    @Test
    void anAccessAcrossTwoPagesComesInPieces() throws Exception {
        guest.mmio.map(0xd000_1000L, 0x1000, new Recorder());

        guest.run("bb fd 0f 00 d0   b8 44 33 22 11   89 03" + EXIT); // mov [0xd0000ffd], eax

        assertThat(log).hasSizeBetween(2, 4).contains("w1 0 11");
        assertThat(log).allMatch(line -> line.startsWith("w"));
    }

    @Test
    void unclaimedAddressesAndPortsReadAsOnes() throws Exception {
        guest.run(
                "bb 00 00 00 e0   8b 03   a3 00 20 00 00" // mov eax, [0xe0000000]
                        + "e5 80   a3 04 20 00 00" // in eax, 0x80
                        + EXIT);

        assertThat(guest.memory.getIntLe(0x2000)).isEqualTo(-1);
        assertThat(guest.memory.getIntLe(0x2004)).isEqualTo(-1);
    }

    @Test
    void stopInsideAnOutEndsTheRunBeforeTheNextInstruction() throws Exception {
        VcpuExit exit = guest.run("b8 01 00 00 00" + EXIT + "a3 00 20 00 00" + "f4");

        assertThat(exit).isEqualTo(new VcpuExit.Shutdown());
        assertThat(guest.memory.getIntLe(0x2000)).isZero();
    }
}
