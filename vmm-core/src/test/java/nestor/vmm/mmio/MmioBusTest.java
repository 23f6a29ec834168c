package nestor.vmm.mmio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

class MmioBusTest {
    private static final long[] BLOCK = {1, 2, 3, 4, 5, 6, 7, 8};

    private final MmioBus bus = new MmioBus();
    private final Recorder words = new Recorder(4, 4);

    @Test
    void unclaimedReadsAreOnesAndWritesAreDropped() {
        bus.write(0x5000, 8, 1);

        assertThat(bus.read(0x5000, 2)).isEqualTo(0xffff);
        assertThat(bus.read(-8, 8)).isEqualTo(-1);
    }

    @Test
    void aRegionSeesOffsetsFromItsBase() {
        bus.map(0x1000, 0x100, words);

        bus.write(0x1010, 4, 0xffff_ffff_1234_5678L);

        assertThat(words.log).containsExactly("w4 10 12345678");
    }

    @Test
    void aWideAccessIsSplitLowestAddressFirst() {
        bus.map(0x1000, 0x100, words);

        bus.write(0x1008, 8, 0x1111_2222_3333_4444L);
        long value = bus.read(0x1008, 8);

        assertThat(words.log).containsExactly("w4 8 33334444", "w4 c 11112222", "r4 8", "r4 c");
        assertThat(value).isEqualTo(0x0000_000c_0000_0008L);
    }

    @Test
    void aNarrowAccessTakesItsBytesFromTheMinimalOne() {
        bus.map(0x1000, 0x100, words);

        assertThat(bus.read(0x100d, 1)).isZero();
        assertThat(bus.read(0x100c, 1)).isEqualTo(0xc);
        bus.write(0x1006, 2, 0xabcd);

        assertThat(words.log).containsExactly("r4 c", "r4 c", "w4 4 abcd0000");
    }

    @Test
    void aMisalignedAccessOfABytewiseRegionIsSplit() {
        Recorder bytes = new Recorder(1, 8);
        bus.map(0x1000, 0x100, bytes);

        bus.write(0x1001, 2, 0xbbaa);

        assertThat(bytes.log).containsExactly("w1 1 aa", "w1 2 bb");
    }

    @Test
    void anAccessThatRunsPastTheEndLeavesTheRegion() {
        Recorder bytes = new Recorder(1, 8);
        bus.map(0x1000, 0x4, bytes);

        assertThat(bus.read(0x1000, 8)).isEqualTo(0xffff_ffff_0000_0000L);
    }

    @Test
    void overlapsAreRefusedAndAnUnmappedRangeIsFreeAgain() {
        bus.map(0x1000, 0x1000, words);

        assertThatThrownBy(() -> bus.map(0x1fff, 1, words)).hasMessageContaining("overlaps");
        assertThatThrownBy(() -> bus.map(0x800, 0x1000, words)).hasMessageContaining("overlaps");
        bus.map(0x2000, 0x1000, words);
        bus.unmap(0x1000);
        bus.map(0x1800, 0x800, words);

        assertThat(bus.claims(0x1000)).isFalse();
        assertThat(bus.claims(0x1800)).isTrue();
    }

    @Test
    void aBlockArrivesWholeWhereItIsTakenAndInEightsElsewhere() {
        BlockRecorder portal = new BlockRecorder();
        bus.map(0x1000, 0x100, words);
        bus.map(0x2000, 0x60, portal);

        bus.writeBlock(0x1040, BLOCK);
        bus.writeBlock(0x2000, BLOCK);
        bus.writeBlock(0x3000, BLOCK);

        assertThat(words.log).hasSize(16).startsWith("w4 40 1", "w4 44 0", "w4 48 2");
        assertThat(portal.blocks).containsExactly("block 0 [1, 2, 3, 4, 5, 6, 7, 8]");
    }

    @Test
    void aBlockThatRunsPastTheEndIsNone() {
        BlockRecorder portal = new BlockRecorder();
        bus.map(0x2000, 0x60, portal);

        bus.writeBlock(0x2040, BLOCK);

        assertThat(portal.blocks).containsExactly("write 40", "write 48", "write 50", "write 58");
        assertThat(bus.writeDeferrable(0x2040, BLOCK)).isFalse();
    }

    @Test
    @DisplayName("PCIe §2.2.7: a Deferrable Memory Write is accepted or not, and never split")
    void aDeferrableWriteIsAcceptedByWhoTakesIt() {
        BlockRecorder portal = new BlockRecorder();
        bus.map(0x1000, 0x100, words);
        bus.map(0x2000, 0x80, portal);

        assertThat(bus.writeDeferrable(0x1000, BLOCK)).isFalse();
        assertThat(bus.writeDeferrable(0x2000, BLOCK)).isFalse();
        assertThat(bus.writeDeferrable(0x2040, BLOCK)).isTrue();
        assertThat(bus.writeDeferrable(0x3000, BLOCK)).isFalse();

        assertThat(words.log).isEmpty();
        assertThat(portal.blocks).containsExactly("deferrable 0", "deferrable 40");
    }

    @Test
    void aBlockIsAligned() {
        assertThatThrownBy(() -> bus.writeBlock(0x1020, BLOCK)).hasMessageContaining("0x1020");
    }

    /** Takes blocks, and deferrable writes at odd multiples of their size. */
    private static final class BlockRecorder implements MmioRegion {
        final List<String> blocks = new ArrayList<>();

        @Override
        public long read(long offset, int sizeBytes) {
            return 0;
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            blocks.add("write %x".formatted(offset));
        }

        @Override
        public boolean writeBlock(long offset, long[] block) {
            return blocks.add("block %x %s".formatted(offset, Arrays.toString(block)));
        }

        @Override
        public boolean writeDeferrable(long offset, long[] block) {
            blocks.add("deferrable %x".formatted(offset));
            return (offset & MmioBus.BLOCK_BYTES) != 0;
        }
    }

    private static final class Recorder implements MmioRegion {
        final List<String> log = new ArrayList<>();
        private final int min;
        private final int max;

        Recorder(int min, int max) {
            this.min = min;
            this.max = max;
        }

        @Override
        public long read(long offset, int sizeBytes) {
            log.add("r%d %x".formatted(sizeBytes, offset));
            return offset & 0xff;
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            log.add("w%d %x %x".formatted(sizeBytes, offset, value));
        }

        @Override
        public int minAccessBytes() {
            return min;
        }

        @Override
        public int maxAccessBytes() {
            return max;
        }
    }
}
