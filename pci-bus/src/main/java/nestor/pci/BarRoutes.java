package nestor.pci;

import java.util.ArrayList;
import java.util.List;
import nestor.vmm.mmio.MmioBus;
import nestor.vmm.mmio.MmioRegion;
import org.jspecify.annotations.Nullable;

/**
 * Who answers which address of the memory windows: one snapshot, made anew whenever a BAR, a bridge
 * window or a Memory Space bit changes. Ranges are claimed in order of bus, device and function;
 * where two overlap, the first claim stands, so every programming has a defined result.
 */
final class BarRoutes {
    private record Shifted(MmioRegion region, long offset) implements MmioRegion {
        @Override
        public long read(long at, int sizeBytes) {
            return region.read(offset + at, sizeBytes);
        }

        @Override
        public void write(long at, int sizeBytes, long value) {
            region.write(offset + at, sizeBytes, value);
        }

        @Override
        public boolean writeBlock(long at, long[] block) {
            return region.writeBlock(offset + at, block);
        }

        @Override
        public boolean writeDeferrable(long at, long[] block) {
            return region.writeDeferrable(offset + at, block);
        }

        @Override
        public int minAccessBytes() {
            return region.minAccessBytes();
        }

        @Override
        public int maxAccessBytes() {
            return region.maxAccessBytes();
        }
    }

    private final MmioBus bus = new MmioBus();
    private final List<AddressRange> claimed = new ArrayList<>();

    /**
     * Gives what is still free of {@code wanted} to {@code region}.
     *
     * @param base the address of the region's offset 0
     */
    void claim(@Nullable AddressRange wanted, long base, MmioRegion region) {
        if (wanted == null) {
            return;
        }
        for (AddressRange taken : claimed) {
            AddressRange common = wanted.intersect(taken);
            if (common != null) {
                if (common.first() != wanted.first()) {
                    claim(new AddressRange(wanted.first(), common.first() - 1), base, region);
                }
                if (common.last() != wanted.last()) {
                    claim(new AddressRange(common.last() + 1, wanted.last()), base, region);
                }
                return;
            }
        }
        claimed.add(wanted);
        long sizeBytes = wanted.last() - wanted.first() + 1;
        bus.map(wanted.first(), sizeBytes, new Shifted(region, wanted.first() - base));
    }

    boolean claims(long gpa) {
        return bus.claims(gpa);
    }

    long read(long gpa, int sizeBytes) {
        return bus.read(gpa, sizeBytes);
    }

    void write(long gpa, int sizeBytes, long value) {
        bus.write(gpa, sizeBytes, value);
    }

    void writeBlock(long gpa, long[] block) {
        bus.writeBlock(gpa, block);
    }

    boolean writeDeferrable(long gpa, long[] block) {
        return bus.writeDeferrable(gpa, block);
    }
}
