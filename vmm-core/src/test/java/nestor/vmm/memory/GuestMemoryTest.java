package nestor.vmm.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class GuestMemoryTest {
    private static final long BASE = 0x4000_0000L;
    private static final long SIZE = 0x4000;

    @Test
    void valuesAreLittleEndianAtAnyAlignment() throws Exception {
        try (GuestMemory memory = GuestMemory.anonymous(BASE, SIZE)) {
            memory.setLongLe(BASE + 3, 0x1122_3344_5566_7788L);

            assertThat(memory.getByte(BASE + 3)).isEqualTo((byte) 0x88);
            assertThat(memory.getShortLe(BASE + 4)).isEqualTo((short) 0x6677);
            assertThat(memory.getIntLe(BASE + 3)).isEqualTo(0x5566_7788);
            assertThat(memory.getLongLe(BASE + 3)).isEqualTo(0x1122_3344_5566_7788L);
        }
    }

    @Test
    void anAccessThatLeavesRamMovesNothing() throws Exception {
        try (GuestMemory memory = GuestMemory.anonymous(BASE, SIZE)) {
            long last = BASE + SIZE - 4;

            assertThatThrownBy(() -> memory.setLongLe(last, -1))
                    .isInstanceOf(GuestAccessException.class);
            assertThat(memory.getIntLe(last)).isZero();
            for (long gpa : new long[] {0, BASE - 1, BASE + SIZE, -8, Long.MIN_VALUE}) {
                assertThatThrownBy(() -> memory.getLongLe(gpa))
                        .isInstanceOf(GuestAccessException.class);
            }
        }
    }

    @Test
    void compareAndExchangeReturnsWhatItFound() throws Exception {
        try (GuestMemory memory = GuestMemory.anonymous(BASE, SIZE)) {
            assertThat(memory.compareAndExchangeLongLe(BASE, 0, 5)).isZero();
            assertThat(memory.compareAndExchangeLongLe(BASE, 0, 6)).isEqualTo(5);
            assertThat(memory.getLongLe(BASE)).isEqualTo(5);
        }
    }

    @Test
    void aWatchedPageReportsEveryWriteThatTouchesIt() throws Exception {
        try (GuestMemory memory = GuestMemory.anonymous(BASE, SIZE)) {
            List<Long> reported = new ArrayList<>();
            memory.onWatchedWrite(reported::add);
            memory.watchPage(BASE + 0x1234);

            memory.setLongLe(BASE + 0xffc, -1);
            memory.setByte(BASE + 0x2000, (byte) 1);
            memory.copyIn(MemorySegment.ofArray(new byte[0x3000]), BASE + 0x800);
            memory.unwatchPage(BASE + 0x1000);
            memory.setByte(BASE + 0x1000, (byte) 1);

            assertThat(reported).containsExactly(BASE + 0x1000, BASE + 0x1000);
        }
    }

    @Test
    void sharedRamOfSeveralRangesHasItsHole() throws Exception {
        List<GuestMemory.Range> ranges =
                List.of(
                        new GuestMemory.Range(0x1_0000_0000L, 0x2000),
                        new GuestMemory.Range(0, 0x1000));
        try (GuestMemory memory = GuestMemory.shared(ranges)) {
            memory.setIntLe(0x1_0000_1ffcL, 7);

            assertThat(memory.getIntLe(0x1_0000_1ffcL)).isEqualTo(7);
            assertThat(memory.contains(0xfff, 2)).isFalse();
            assertThat(memory.regions()).extracting(RamRegion::gpa).containsExactly(0L, 1L << 32);
        }
    }
}
