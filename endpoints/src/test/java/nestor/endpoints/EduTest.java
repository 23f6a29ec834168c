package nestor.endpoints;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import nestor.pci.AddressType;
import nestor.pci.CompletionStatus;
import nestor.pci.MsiDoorbell;
import nestor.pci.PciHost;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;
import nestor.vmm.loop.ManualLoop;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.mmio.MmioBus;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class EduTest {
    private static final long RAM = 0x0100_0000L;
    private static final long ECAM = 0x3f00_0000L;
    private static final long FUNCTION_CONFIG = ECAM + (2 << 15);
    private static final long BAR = 0x1000_0000L;
    private static final long DOORBELL = 0x0809_0000L;
    private static final long BUFFER = 0x40000;

    private static final int FROM_MEMORY = 0b001;
    private static final int TO_MEMORY = 0b011;
    private static final int INTERRUPT = 0b100;

    private final GuestMemory memory = GuestMemory.anonymous(RAM, 1 << 16);
    private final MmioBus mmio = new MmioBus();
    private final List<Integer> messages = new ArrayList<>();
    private final ManualLoop loop = new ManualLoop();
    private final Edu edu = new Edu("edu", loop, Edu.DEFAULT_DMA_MASK);
    private final PciHost host =
            new PciHost(
                    new PciHost.Layout(ECAM, 1, BAR, 1 << 24, 0, 0, 0, 0),
                    memory,
                    mmio,
                    new MsiDoorbell(DOORBELL, 0x1000, (_, _, data) -> messages.add(data)));

    @BeforeEach
    void plug() {
        host.plug(2, 0, edu.function());
        program();
    }

    @AfterEach
    void close() {
        memory.close();
    }

    private void program() {
        mmio.write(FUNCTION_CONFIG + 0x10, 4, BAR);
        mmio.write(FUNCTION_CONFIG + 4, 2, 6);
        int msi = (int) mmio.read(FUNCTION_CONFIG + 0x34, 1);
        while (mmio.read(FUNCTION_CONFIG + msi, 1) != 5) {
            msi = (int) mmio.read(FUNCTION_CONFIG + msi + 1, 1);
        }
        mmio.write(FUNCTION_CONFIG + msi + 4, 4, DOORBELL);
        mmio.write(FUNCTION_CONFIG + msi + 12, 2, 0x21);
        mmio.write(FUNCTION_CONFIG + msi + 2, 2, 1);
    }

    private long get(int offset) {
        return mmio.read(BAR + offset, offset < 0x80 ? 4 : 8);
    }

    private void set(int offset, long value) {
        mmio.write(BAR + offset, offset < 0x80 ? 4 : 8, value);
    }

    private void dma(long source, long destination, long count, int command) {
        set(0x80, source);
        set(0x88, destination);
        set(0x90, count);
        set(0x98, command);
    }

    private void transfer(long source, long destination, long count, int command) {
        dma(source, destination, count, command);
        loop.runUntilIdle();
    }

    @Test
    @DisplayName("edu: 1234:11e8, class 00ff00, 1 MiB BAR")
    void identification() {
        assertThat(mmio.read(FUNCTION_CONFIG, 4)).isEqualTo(0x11e8_1234L);
        assertThat(mmio.read(FUNCTION_CONFIG + 8, 4)).isEqualTo(0x00ff_0010L);
        mmio.write(FUNCTION_CONFIG + 0x10, 4, 0xffff_ffffL);
        assertThat(mmio.read(FUNCTION_CONFIG + 0x10, 4)).isEqualTo(0xfff0_0000L);
    }

    @Test
    @DisplayName("edu 0x00, 0x04: identification is fixed, liveness inverts")
    void liveness() {
        set(0x00, 7);
        set(0x04, 0x1234_5678);

        assertThat(get(0x00)).isEqualTo(0x0100_00edL);
        assertThat(get(0x04)).isEqualTo(0xedcb_a987L);
    }

    @Test
    @DisplayName("edu 0x08, 0x20: a factorial is computed on the loop, modulo 2^32")
    void factorial() {
        set(0x08, 5);
        assertThat(get(0x20)).isEqualTo(1);
        set(0x08, 6);
        loop.runUntilIdle();
        assertThat(get(0x08)).isEqualTo(120);
        assertThat(get(0x20)).isZero();

        for (long[] pair : new long[][] {{0, 1}, {1, 1}, {13, 1932053504L}, {0xffff_ffffL, 0}}) {
            set(0x08, pair[0]);
            loop.runUntilIdle();
            assertThat(get(0x08)).isEqualTo(pair[1]);
        }
        assertThat(messages).isEmpty();
    }

    @Test
    @DisplayName("edu 0x20 bit 7: a factorial may end with an interrupt")
    void factorialInterrupt() {
        set(0x20, 0xff);
        assertThat(get(0x20)).isEqualTo(0x80);

        set(0x08, 3);
        loop.runUntilIdle();

        assertThat(get(0x24)).isEqualTo(1);
        assertThat(messages).containsExactly(0x21);
    }

    @Test
    @DisplayName("edu 0x60, 0x64: raise sets causes and signals, acknowledge clears them")
    void raiseAndAcknowledge() {
        set(0x60, 0x30);
        assertThat(get(0x24)).isEqualTo(0x30);
        set(0x64, 0x10);

        assertThat(get(0x24)).isEqualTo(0x20);
        assertThat(messages).containsExactly(0x21);
    }

    @Test
    @DisplayName("edu 0x80: DMA there and back, with an interrupt")
    void dmaThereAndBack() throws GuestAccessException {
        memory.setLongLe(RAM + 0x10, 0x1122_3344_5566_7788L);

        dma(RAM + 0x10, BUFFER + 0x100, 8, FROM_MEMORY | INTERRUPT);
        assertThat(get(0x98)).isEqualTo(FROM_MEMORY | INTERRUPT);
        assertThat(messages).isEmpty();
        loop.runUntilIdle();
        assertThat(get(0x98)).isEqualTo(INTERRUPT);
        assertThat(get(0x24)).isEqualTo(0x100);
        assertThat(messages).containsExactly(0x21);

        transfer(BUFFER + 0x100, RAM + 0x2000, 8, TO_MEMORY);
        assertThat(memory.getLongLe(RAM + 0x2000)).isEqualTo(0x1122_3344_5566_7788L);
        assertThat(messages).hasSize(1);
    }

    @Test
    void registersOfARunningDmaIgnoreWrites() throws GuestAccessException {
        dma(RAM, BUFFER, 8, FROM_MEMORY);
        set(0x80, 1);
        set(0x90, 4096);
        set(0x98, TO_MEMORY);

        assertThat(get(0x80)).isEqualTo(RAM);
        assertThat(get(0x90)).isEqualTo(8);
        loop.runUntilIdle();
        assertThat(get(0x98)).isZero();
        set(0x80, 1);
        assertThat(get(0x80)).isEqualTo(1);
    }

    @Test
    void transfersOutsideTheBufferMoveNothingAndComplete() throws GuestAccessException {
        memory.setLongLe(RAM, 5);
        for (long[] range :
                new long[][] {
                    {BUFFER - 1, 8},
                    {BUFFER + 4096, 1},
                    {BUFFER + 4090, 8},
                    {0, 8},
                    {BUFFER, 4097},
                    {BUFFER, -1},
                    {-1, 8}
                }) {
            transfer(RAM, range[0], range[1], FROM_MEMORY);
            assertThat(get(0x98)).isZero();
            transfer(range[0], RAM, range[1], TO_MEMORY | INTERRUPT);
            assertThat(get(0x24)).isEqualTo(0x100);
            set(0x64, 0x100);
        }

        assertThat(memory.getLongLe(RAM)).isEqualTo(5);
    }

    @Test
    void theWholeBufferCanBeMoved() throws GuestAccessException {
        memory.setByte(RAM + 4095, (byte) 9);
        transfer(RAM, BUFFER, 4096, FROM_MEMORY);
        transfer(BUFFER, RAM + 0x4000, 4096, TO_MEMORY);

        assertThat(memory.getByte(RAM + 0x4000 + 4095)).isEqualTo((byte) 9);
    }

    @Test
    @DisplayName("edu dma_mask: address bits outside the mask are not driven")
    void addressesAreMasked() throws GuestAccessException {
        memory.setIntLe(RAM, 0x77);

        transfer(0xabc_0000_0000L | RAM, BUFFER, 4, FROM_MEMORY);
        transfer(BUFFER, RAM + 8, 4, TO_MEMORY);

        assertThat(memory.getIntLe(RAM + 8)).isEqualTo(0x77);
    }

    @Test
    void aFailedDmaCompletesAndChangesNothing() throws GuestAccessException {
        memory.setIntLe(RAM, 0x1234);
        transfer(RAM, BUFFER, 4, FROM_MEMORY);
        List<Long> faults = new ArrayList<>();
        host.iommu(new NothingMapped(faults), _ -> true);

        transfer(RAM, BUFFER, 4, FROM_MEMORY | INTERRUPT);
        assertThat(get(0x98)).isEqualTo(INTERRUPT);
        assertThat(get(0x24)).isEqualTo(0x100);
        assertThat(mmio.read(FUNCTION_CONFIG + 6, 2) & 0x2000).isEqualTo(0x2000);
        transfer(BUFFER, RAM, 4, TO_MEMORY);

        assertThat(memory.getIntLe(RAM)).isEqualTo(0x1234);
        assertThat(faults).containsExactly(RAM, DOORBELL, RAM);
        host.iommu(new NothingMapped(faults), _ -> false);
        transfer(BUFFER, RAM + 8, 4, TO_MEMORY);
        assertThat(memory.getIntLe(RAM + 8)).isEqualTo(0x1234);
    }

    private record NothingMapped(List<Long> faults) implements TranslationAgent {
        @Override
        public Translation translate(Requester requester, AddressType type, long iova, int access) {
            faults.add(iova);
            return new Translation.Rejected(CompletionStatus.UNSUPPORTED_REQUEST);
        }

        @Override
        public long enterDma() {
            return 0;
        }

        @Override
        public void exitDma(long ticket) {}
    }

    @Test
    @DisplayName("edu: 4-byte accesses below 0x80, 4 or 8 from there on")
    void otherSizesReadAsOnesAndWriteNothing() {
        mmio.write(BAR + 0x04, 1, 0x12);
        mmio.write(BAR + 0x20, 8, 0x80);
        mmio.write(BAR + 0x80, 2, 0x12);

        assertThat(get(0x04)).isZero();
        assertThat(get(0x20)).isZero();
        assertThat(get(0x80)).isZero();
        assertThat(mmio.read(BAR, 2)).isEqualTo(0xffff);
        assertThat(mmio.read(BAR, 8)).isEqualTo(-1L);
        mmio.write(BAR + 0x84, 4, 0x12);
        assertThat(get(0x80)).isEqualTo(0x12_0000_0000L);
    }

    @Test
    void aResetDropsWhatIsInFlight() throws GuestAccessException {
        memory.setIntLe(RAM, 0x55);
        transfer(RAM, BUFFER, 4, FROM_MEMORY);
        set(0x08, 5);
        dma(BUFFER, RAM + 16, 4, TO_MEMORY | INTERRUPT);

        host.reset();
        program();
        loop.runUntilIdle();

        assertThat(memory.getIntLe(RAM + 16)).isZero();
        assertThat(get(0x08)).isZero();
        assertThat(get(0x20)).isZero();
        assertThat(get(0x24)).isZero();
        assertThat(get(0x98)).isZero();
        memory.setIntLe(RAM + 16, 1);
        transfer(BUFFER, RAM + 16, 4, TO_MEMORY);
        assertThat(memory.getIntLe(RAM + 16)).isZero();
        assertThat(messages).isEmpty();
    }

    @Test
    void withoutBusMasterNoByteMoves() throws GuestAccessException {
        memory.setIntLe(RAM, 0x55);
        mmio.write(FUNCTION_CONFIG + 4, 2, 2);

        transfer(BUFFER, RAM, 4, TO_MEMORY);

        assertThat(memory.getIntLe(RAM)).isEqualTo(0x55);
        assertThat(get(0x98)).isEqualTo(0b010);
    }
}
