package nestor.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.mmio.MmioRegion;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("SDM volume 2B: MOVDIRI and MOVDIR64B")
class DirectStoresTest {
    private static final long PORTAL = 0xf000_0000L;
    private static final String MOVDIR64B = "66 0f 38 f8 01"; // MOVDIR64B RAX, [RCX]

    private final TestGuest guest = new TestGuest();
    private final X86Cpu cpu = guest.cpu;
    private final List<long[]> blocks = new ArrayList<>();

    DirectStoresTest() {
        for (int i = 0; i < 8; i++) {
            guest.write(TestGuest.DATA + 8L * i, 0x1111_1111_1111_1111L * i);
        }
        guest.mmio.map(
                PORTAL,
                0x1000,
                new MmioRegion() {
                    @Override
                    public long read(long offset, int sizeBytes) {
                        return 0;
                    }

                    @Override
                    public void write(long offset, int sizeBytes, long value) {
                        throw new AssertionError("a block came in parts");
                    }

                    @Override
                    public boolean writeBlock(long offset, long[] block) {
                        return blocks.add(block.clone());
                    }
                });
        guest.map(PORTAL, PORTAL, TestGuest.PRESENT | TestGuest.WRITABLE);
        cpu.x[X86Cpu.RCX] = TestGuest.DATA;
    }

    @AfterEach
    void close() {
        guest.close();
    }

    @Test
    void aBlockReachesADeviceAsOne() {
        cpu.x[X86Cpu.RAX] = PORTAL + 0x40;

        guest.run(MOVDIR64B + " f4");

        assertThat(guest.vector()).isEqualTo(-1);
        assertThat(blocks).hasSize(1);
        assertThat(blocks.getFirst()).hasSize(8).endsWith(0x7777_7777_7777_7777L);
    }

    @Test
    void aBlockReachesRam() {
        cpu.x[X86Cpu.RAX] = TestGuest.DATA + 0x1000;

        guest.run(MOVDIR64B + " f4");

        assertThat(guest.read(TestGuest.DATA + 0x1038)).isEqualTo(0x7777_7777_7777_7777L);
    }

    @Test
    void aDestinationThatIsNotAlignedFaults() {
        cpu.x[X86Cpu.RAX] = PORTAL + 0x20;

        guest.run(MOVDIR64B + " f4");

        assertThat(guest.vector()).isEqualTo(Vector.GP);
        assertThat(blocks).isEmpty();
    }

    @Test
    void movdiriStoresARegister() {
        cpu.x[X86Cpu.RAX] = 0x1234_5678_9abcL;

        guest.run("48 0f 38 f9 41 08 f4"); // MOVDIRI [RCX+8], RAX

        assertThat(guest.read(TestGuest.DATA + 8)).isEqualTo(0x1234_5678_9abcL);
    }
}
