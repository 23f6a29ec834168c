package nestor.bench;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import jdk.jfr.Recording;
import nestor.pci.AddressType;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.trace.TracePoint;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What trace points cost that are off. One is too little to see, so each path is measured as it is
 * and with ten more points, written as the models write theirs.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@State(Scope.Thread)
public class TracePointBenchmark {
    private static final int POINTS = 10;
    private static final int PAGES = 16;

    /** Off in every run. */
    static final class Point extends TracePoint {
        int rid;
        long iova;
        long translated;
    }

    /** On, where a recording runs. */
    static final class Other extends TracePoint {}

    /**
     * {@code none}: the Flight Recorder has not been started, as in a run without {@code -trace}.
     * {@code others}: it records, and none of these points; its classes are then instrumented.
     */
    @Param({"none", "others"})
    public String recorded = "none";

    private final SmmuWorld world = new SmmuWorld(SmmuWorld.Stages.STAGE_1, PAGES);
    private final Requester requester = world.function.requester();
    private final MemorySegment block = MemorySegment.ofArray(new long[8]);
    private final List<Recording> running = new ArrayList<>();
    private long next;

    @Setup
    public void record() {
        if (recorded.equals("others")) {
            Recording recording = new Recording();
            running.add(recording);
            recording.enable(Other.class);
            recording.start();
        }
    }

    @TearDown
    public void end() {
        running.forEach(Recording::close);
        running.clear();
    }

    private long iova() {
        next = (next + 0x1000) & (PAGES - 1L << 12);
        return SmmuWorld.IOVA + next;
    }

    private static void point(int rid, long iova, long translated) {
        Point point = new Point();
        if (point.shouldCommit()) {
            point.rid = rid;
            point.iova = iova;
            point.translated = translated;
            point.commit();
        }
    }

    private static void points(int rid, long iova) {
        for (int i = 0; i < POINTS; i++) {
            point(rid, iova, i);
        }
    }

    @Benchmark
    public Object translateHit() {
        return translate(iova());
    }

    @Benchmark
    public Object translateHitAndTenPoints() {
        long iova = iova();
        points(requester.rid(), iova);
        return translate(iova);
    }

    private Translation translate(long iova) {
        return world.smmu.translate(requester, AddressType.UNTRANSLATED, iova, Translation.READ);
    }

    @Benchmark
    public Object readHit() {
        return world.function.dma().read(requester, iova(), block);
    }

    @Benchmark
    public Object readHitAndTenPoints() {
        long iova = iova();
        points(requester.rid(), iova);
        return world.function.dma().read(requester, iova, block);
    }
}
