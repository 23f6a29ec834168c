package nestor.bench;

import java.util.concurrent.TimeUnit;
import nestor.paging.Access;
import nestor.paging.AccessTracking;
import nestor.paging.NestedWalker;
import nestor.paging.Permissions;
import nestor.paging.PhysicalTables;
import nestor.paging.VmsaV8Geometry;
import nestor.paging.VmsaV8Stage1;
import nestor.paging.VmsaV8Stage2;
import nestor.paging.Walker;
import nestor.testkit.PageTables;
import nestor.testkit.TablePages;
import nestor.vmm.memory.GuestMemory;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Table walks: four levels, and four under four. */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@State(Scope.Thread)
public class WalkBenchmark {
    private static final long RAM_BYTES = 64L << 20;
    private static final long IOVA = 0x7f12_3450_0000L;
    private static final int PAGES = 256;
    private static final Access READ = Access.of(Permissions.USER_READ);

    private final GuestMemory memory = GuestMemory.anonymous(0, RAM_BYTES);
    private final PageTables stage1;
    private final VmsaV8Stage2 stage2;
    private final Walker walker = new Walker(new PhysicalTables(memory));
    private final NestedWalker nested;
    private long next;

    /** 48 bits, 4 KiB pages, four levels each. */
    public WalkBenchmark() {
        int all = Permissions.READ | Permissions.WRITE;
        var geometry = new VmsaV8Geometry(12, 48, 48, false);
        stage1 =
                PageTables.in(
                        new TablePages(memory, 1 << 20, 8 << 20),
                        root ->
                                new VmsaV8Stage1(
                                        geometry,
                                        root,
                                        false,
                                        false,
                                        false,
                                        false,
                                        AccessTracking.SOFTWARE));
        for (long page = 0; page < PAGES; page++) {
            stage1.map(IOVA + (page << 12), (32L << 20) + (page << 12), 12, all);
        }
        PageTables outer =
                PageTables.in(
                        new TablePages(memory, 16 << 20, 8 << 20),
                        root ->
                                new VmsaV8Stage2(
                                        geometry,
                                        root,
                                        0,
                                        AccessTracking.SOFTWARE,
                                        false,
                                        false,
                                        true));
        for (long gpa = 0; gpa < RAM_BYTES; gpa += 1 << 12) {
            outer.map(gpa, gpa, 12, all);
        }
        stage2 = (VmsaV8Stage2) outer.format();
        nested = new NestedWalker(new PhysicalTables(memory), stage2);
    }

    private long iova() {
        next = (next + 0x1000) & (PAGES - 1L << 12);
        return IOVA + next;
    }

    @Benchmark
    public Object fourLevels() {
        return walker.walk(stage1.format(), iova(), READ);
    }

    @Benchmark
    public Object fourUnderFour() {
        return nested.walk(stage1.format(), iova(), READ);
    }
}
