package nestor.iommu.oracle;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import nestor.pci.TranslationAgent;
import nestor.vmm.time.Clock;

/**
 * Watches the IOMMUs of one machine for invalidations that its guest leaves out. Any thread.
 *
 * <p>How many reports are told is bounded; a guest that leaves out all of them is still counted.
 */
public final class StaleTranslationOracle {
    /**
     * How long a translation may be stale after a completion: drivers flush lazily, Linux after 10
     * ms or, with one flush queue for all, after 1 s.
     */
    public static final long WINDOW_NANOS = TimeUnit.SECONDS.toNanos(2);

    /** Reports that are told; of the others only the number. */
    public static final int MAX_TOLD = 64;

    private final long windowNanos;
    private final Consumer<StaleReport> sink;
    private final OracleCounters counters = new OracleCounters();
    private final List<StaleTranslations> watched = new CopyOnWriteArrayList<>();

    /**
     * An oracle that watches nothing yet.
     *
     * @param windowNanos usually {@link #WINDOW_NANOS}
     * @param sink takes reports, on any thread, one after the other
     */
    public StaleTranslationOracle(long windowNanos, Consumer<StaleReport> sink) {
        this.windowNanos = windowNanos;
        this.sink = sink;
    }

    /**
     * Watches an IOMMU from now on; before the machine runs.
     *
     * @param name of the unit, for reports
     * @param clock the guest's time
     * @return what the bus is to ask in place of {@code subject}
     */
    public TranslationAgent watch(String name, OracleSubject subject, Clock clock) {
        var translations =
                new StaleTranslations(name, subject, clock, windowNanos, counters, this::report);
        watched.add(translations);
        subject.observe(translations);
        return new WatchedAgent(subject, translations);
    }

    private void report(StaleReport report) {
        synchronized (counters) {
            counters.reports.increment();
            if (counters.reports.sum() <= MAX_TOLD) {
                sink.accept(report);
            }
        }
    }

    public OracleSummary summary() {
        return new OracleSummary(
                counters.dmas.sum(),
                counters.completions.sum(),
                counters.compared.sum(),
                counters.reports.sum(),
                watched.stream().mapToInt(StaleTranslations::pending).sum());
    }
}
