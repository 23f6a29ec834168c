package nestor.bench;

import java.util.concurrent.TimeUnit;
import nestor.iommu.Iotlb;
import nestor.iommu.IovaRange;
import nestor.iommu.Tags;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** The IOTLB: hits, and what an invalidation costs by how much is cached. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class IotlbBenchmark {
    private static final int READ_WRITE = Translation.READ | Translation.WRITE;
    private static final int PAGES_PER_TAG = 1000;

    private static void fill(Iotlb iotlb, int entries, int perTag) {
        for (int i = 0; i < entries; i++) {
            insert(iotlb, i / perTag, (long) (i % perTag) << 12);
        }
    }

    private static void insert(Iotlb iotlb, long tag, long iova) {
        iotlb.insert(
                tag,
                iotlb.epoch(),
                new Translation.Mapping(iova, 12, 0x1_0000_0000L + iova, READ_WRITE));
    }

    /** A cache that holds so many pages. */
    @State(Scope.Thread)
    public static class Filled {
        @Param({"1000", "1000000"})
        public int entries;

        public Iotlb iotlb = new Iotlb(0);
        public long next;

        @Setup
        public void fillCache() {
            iotlb = new Iotlb(4 * entries);
            fill(iotlb, entries, PAGES_PER_TAG);
        }
    }

    @Benchmark
    public @Nullable Object hit(Filled state) {
        state.next = (state.next + 0x1000) & 0xf_f000;
        return state.iotlb.lookup(0, state.next);
    }

    /** One page out and in again; {@link #onePageIn} is the part that does not invalidate. */
    @Benchmark
    public void invalidateOnePageAndRefill(Filled state) {
        state.next = (state.next + 0x1000) & 0xf_f000;
        state.iotlb.invalidate(Tags.only(0), IovaRange.block(state.next, 12));
        insert(state.iotlb, 0, state.next);
    }

    @Benchmark
    public void onePageIn(Filled state) {
        state.next = (state.next + 0x1000) & 0xf_f000;
        insert(state.iotlb, 0, state.next);
    }

    /** One PASID with all its pages, among 10^5 entries of 100 PASIDs. */
    @State(Scope.Thread)
    public static class Pasids {
        private static final int ENTRIES = 100_000;

        public Iotlb iotlb = new Iotlb(0);
        public long tag;

        @Setup(Level.Iteration)
        public void fillCache() {
            iotlb = new Iotlb(4 * ENTRIES);
            fill(iotlb, ENTRIES, PAGES_PER_TAG);
        }
    }

    /** The PASID's first page comes back, so that there is always something to invalidate. */
    @Benchmark
    public void invalidateOnePasidOf100(Pasids state) {
        state.tag = (state.tag + 1) % 100;
        state.iotlb.invalidate(Tags.only(state.tag), IovaRange.ALL);
        insert(state.iotlb, state.tag, 0);
    }
}
