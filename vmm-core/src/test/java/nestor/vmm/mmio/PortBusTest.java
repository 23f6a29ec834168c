package nestor.vmm.mmio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class PortBusTest {
    private final PortBus bus = new PortBus();
    private final List<String> log = new ArrayList<>();

    /** Answers every byte with its own offset. */
    private final class Bytes implements MmioRegion {
        @Override
        public long read(long offset, int sizeBytes) {
            log.add("r%d %x".formatted(sizeBytes, offset));
            return 0x0706_0504_0302_0100L >>> (8 * offset);
        }

        @Override
        public void write(long offset, int sizeBytes, long value) {
            log.add("w%d %x %x".formatted(sizeBytes, offset, value));
        }
    }

    @Test
    void unclaimedPortsReadAsOnesInEveryWidth() {
        bus.write(0x80, 1, 0x55);

        assertThat(bus.read(0x80, 1)).isEqualTo(0xff);
        assertThat(bus.read(0x80, 2)).isEqualTo(0xffff);
        assertThat(bus.read(0x80, 4)).isEqualTo(-1);
    }

    @Test
    void aRegionSeesOffsetsAndZeroExtendedValues() {
        bus.map(0xcf8, 8, new Bytes());

        bus.write(0xcfc, 4, -2);
        assertThat(bus.read(0xcf9, 1)).isEqualTo(1);

        assertThat(log).containsExactly("w4 4 fffffffe", "r1 1");
    }

    @Test
    void aMisalignedAccessIsSplit() {
        bus.map(0x3f8, 8, new Bytes());

        assertThat(bus.read(0x3f9, 2)).isEqualTo(0x0201);

        assertThat(log).containsExactly("r1 1", "r1 2");
    }

    @Test
    void anAccessPastTheLastPortSeesOnesThere() {
        bus.map(0xfffe, 2, new Bytes());

        assertThat(bus.read(0xfffe, 4)).isEqualTo(0xffff_0100);
        bus.write(0xffff, 2, 0xaabb);

        assertThat(log).containsExactly("r2 0", "w1 1 bb");
    }

    @Test
    void anUnmappedRegionIsGone() {
        bus.map(0x70, 2, new Bytes());
        assertThat(bus.claims(0x71)).isTrue();

        bus.unmap(0x70);

        assertThat(bus.claims(0x71)).isFalse();
        assertThat(bus.read(0x70, 1)).isEqualTo(0xff);
    }

    @Test
    void aRangeOutsideTheIoSpaceIsRefused() {
        Bytes region = new Bytes();

        assertThatThrownBy(() -> bus.map(0xffff, 2, region))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> bus.map(-1, 1, region))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> bus.map(0x60, 0, region))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(bus.claims(0x60)).isFalse();
    }
}
