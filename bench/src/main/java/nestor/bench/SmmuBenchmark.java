package nestor.bench;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import nestor.pci.AddressType;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** A function's DMA through an SMMUv3: hits, misses of one and of both stages, and ATS. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@State(Scope.Thread)
public class SmmuBenchmark {
    /** Many more than the IOTLB holds: going round through all of them always misses. */
    private static final int MANY_PAGES = 1 << 17;

    private static final int FEW_PAGES = 16;

    private final SmmuWorld stage1 = new SmmuWorld(SmmuWorld.Stages.STAGE_1, MANY_PAGES);
    private final SmmuWorld nested = new SmmuWorld(SmmuWorld.Stages.NESTED, MANY_PAGES);
    private final Requester requester = stage1.function.requester();
    private final Requester nestedRequester = nested.function.requester();
    private final MemorySegment block = MemorySegment.ofArray(new long[8]);
    private long next;

    private long iova(int pages) {
        next = (next + 0x1000) & (pages - 1L << 12);
        return SmmuWorld.IOVA + next;
    }

    @Benchmark
    public Object translateHit() {
        return stage1.smmu.translate(
                requester, AddressType.UNTRANSLATED, iova(FEW_PAGES), Translation.READ);
    }

    @Benchmark
    public Object translateMiss() {
        return stage1.smmu.translate(
                requester, AddressType.UNTRANSLATED, iova(MANY_PAGES), Translation.READ);
    }

    @Benchmark
    public Object translateNestedMiss() {
        return nested.smmu.translate(
                nestedRequester, AddressType.UNTRANSLATED, iova(MANY_PAGES), Translation.READ);
    }

    @Benchmark
    public Object readOf64BytesHit() {
        return stage1.function.dma().read(requester, iova(FEW_PAGES), block);
    }

    @Benchmark
    public Object atsRoundTrip() {
        return stage1.function
                .ats()
                .requestTranslation(requester, iova(FEW_PAGES), 4096, Translation.READ);
    }
}
