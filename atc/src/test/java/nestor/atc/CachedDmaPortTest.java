package nestor.atc;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import nestor.pci.AtsEntry;
import nestor.pci.CompletionStatus;
import nestor.pci.Requester;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

/** A device whose every access goes by its cache while ATS is enabled. */
class CachedDmaPortTest {
    private static final Requester FUNCTION = Requester.withoutPasid(ScriptedPort.RID);
    private static final long READ = AtsEntry.READ.mask();

    private final ScriptedPort ats = new ScriptedPort();
    private final FrameMemory memory = new FrameMemory(1 << 20);
    private final Atc atc = Atc.on(ats, AtcOptions.setAssociative(64, 4));
    private final CachedDmaPort port = new CachedDmaPort(memory, ats, atc);

    private static MemorySegment bytes(int count) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = (byte) (i * 7);
        }
        return MemorySegment.ofArray(bytes);
    }

    private List<Boolean> translated() {
        return memory.moves.stream().map(FrameMemory.Move::translated).toList();
    }

    @Test
    void scatteredPagesAreReachedByTranslatedRequestsAndTranslatedOnce() {
        ats.map(FUNCTION, 0x1000, 12, 0x9000);
        ats.map(FUNCTION, 0x2000, 12, 0x3000);
        ats.map(FUNCTION, 0x3000, 12, 0x7000);
        MemorySegment sent = bytes(0x2100);
        MemorySegment back = MemorySegment.ofArray(new byte[0x2100]);

        assertThat(port.write(FUNCTION, 0x1f00, sent)).isEqualTo(CompletionStatus.SUCCESSFUL);
        assertThat(port.read(FUNCTION, 0x1f00, back)).isEqualTo(CompletionStatus.SUCCESSFUL);

        assertThat(back.mismatch(sent)).isEqualTo(-1);
        assertThat(memory.bytes.asSlice(0x9f00, 0x100).mismatch(sent.asSlice(0, 0x100)))
                .isEqualTo(-1);
        assertThat(translated()).hasSize(6).containsOnly(true);
        assertThat(ats.asked).as("the read rests on what the write asked for").hasSize(1);
    }

    @Test
    void withAtsDisabledEveryAccessIsUntranslated() {
        ats.map(FUNCTION, 0x1000, 12, 0x9000);
        port.write(FUNCTION, 0x1000, bytes(8));

        ats.disable();
        port.write(FUNCTION, 0x1000, bytes(8));

        assertThat(translated()).containsExactly(true, false);
        assertThat(ats.asked).hasSize(1);
    }

    @Test
    @DisplayName("PCIe §10.2.3: what a completion does not permit is left to the agent to judge")
    void whatIsNotPermittedGoesUntranslatedAndItsStatusCounts() {
        ats.map(FUNCTION, 0x1000, 12, 0x9000, READ);
        memory.status = CompletionStatus.UNSUPPORTED_REQUEST;

        assertThat(port.write(FUNCTION, 0x1ff8, bytes(16)))
                .isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);
        assertThat(port.read(FUNCTION, 0x5000, bytes(8)))
                .isEqualTo(CompletionStatus.UNSUPPORTED_REQUEST);

        assertThat(memory.moves)
                .containsExactly(
                        new FrameMemory.Move(FUNCTION, 0x1ff8, 16, false),
                        new FrameMemory.Move(FUNCTION, 0x5000, 8, false));
    }

    @Test
    void aRangeWithTheUntranslatedBitAndAnUnsupportedRequestGoUntranslated() {
        ats.map(FUNCTION, 0x1000, 12, 0x9000, READ | AtsEntry.UNTRANSLATED_ONLY.mask());
        port.read(FUNCTION, 0x1000, bytes(8));
        ats.translationFailure = CompletionStatus.UNSUPPORTED_REQUEST;
        port.read(FUNCTION, 0x2000, bytes(8));

        assertThat(translated()).containsExactly(false, false);
    }

    @Test
    @DisplayName(
            "PCIe §10.3.3: an invalidation completes after the accesses that use what it names")
    void anInvalidationWaitsForTheAccessUnderWay() {
        ats.map(FUNCTION, 0x1000, 12, 0x9000);
        List<String> order = new ArrayList<>();
        memory.duringMove =
                () -> {
                    memory.duringMove = () -> {};
                    ats.invalidate(Requester.NO_PASID, 0x1000, 12, () -> order.add("invalidated"));
                    order.add("moved");
                };

        port.write(FUNCTION, 0x1000, bytes(8));
        port.write(FUNCTION, 0x1000, bytes(8));

        assertThat(order).containsExactly("moved", "invalidated");
        assertThat(ats.asked).as("asked again after the invalidation").hasSize(2);
    }

    @Test
    void anAccessThatHitsAllocatesNothing() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        ats.map(FUNCTION, 0x1000, 12, 0x9000);
        MemorySegment data = bytes(64);
        memory.counting = false;
        int rounds = 20_000;
        exercise(data, rounds);
        exercise(data, rounds);

        long before = threads.getCurrentThreadAllocatedBytes();
        exercise(data, rounds);
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;

        assertThat(allocated / (double) rounds).isLessThan(1.0);
    }

    private void exercise(MemorySegment data, int rounds) {
        for (int n = 0; n < rounds; n++) {
            port.write(FUNCTION, 0x1040, data);
        }
    }
}
