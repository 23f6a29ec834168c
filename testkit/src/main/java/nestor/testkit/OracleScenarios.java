package nestor.testkit;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import nestor.iommu.oracle.CurrentTranslation;
import nestor.iommu.oracle.OracleSubject;
import nestor.iommu.oracle.StaleReport;
import nestor.iommu.oracle.StaleTranslationOracle;
import nestor.iommu.oracle.TranslationCache;
import nestor.pci.AddressType;
import nestor.pci.AtsRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.pci.TranslationAgent;
import nestor.vmm.time.ManualClock;

/**
 * What the oracle must say of the drivers of every IOMMU model, written once: each scenario takes
 * the driver of a fresh model, and throws an {@link AssertionError} where the oracle is wrong.
 */
public final class OracleScenarios {
    private static final int PASIDS = 3;
    private static final int PAGES = 4;
    private static final int FRAMES = 8;
    private static final int ROUNDS = 400;
    private static final long PAGE = 0x12_3000;
    private static final long FRAME = 0x9000;
    private static final long PAGE_BYTES = 0x1000;
    private static final int READ_WRITE = Translation.READ | Translation.WRITE;

    private final ModelDriver driver;
    private final OracleSubject subject;
    private final ManualClock clock = new ManualClock();
    private final List<StaleReport> reports = new ArrayList<>();
    private final StaleTranslationOracle oracle =
            new StaleTranslationOracle(TimeUnit.SECONDS.toNanos(1), reports::add);
    private final TranslationAgent agent;

    private OracleScenarios(ModelDriver driver) {
        if (!(driver.agent() instanceof OracleSubject watched)) {
            throw new AssertionError("the oracle cannot watch " + driver.agent());
        }
        this.driver = driver;
        this.subject = watched;
        this.agent = oracle.watch("model", watched, clock);
        for (int pasid = 1; pasid <= PASIDS; pasid++) {
            driver.bind(pasid);
        }
    }

    /** Every scenario by its name; each takes a seed too. */
    public static Map<String, BiConsumer<ModelDriver, Long>> all() {
        Map<String, BiConsumer<ModelDriver, Long>> all = new LinkedHashMap<>();
        all.put(
                "aForgottenAtcInvalidationIsBlamed",
                (driver, _) -> new OracleScenarios(driver).forgotten(TranslationCache.ATC));
        all.put(
                "aForgottenIotlbInvalidationIsBlamed",
                (driver, _) -> new OracleScenarios(driver).forgotten(TranslationCache.IOTLB));
        all.put(
                "aDriverThatForgetsNothingIsNotReported",
                (driver, seed) -> new OracleScenarios(driver).forgetsNothing(seed));
        all.put(
                "whatTheTablesSayIsWhatTheModelDoes",
                (driver, seed) -> new OracleScenarios(driver).agrees(seed));
        return all;
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }

    private Requester requester(int pasid) {
        return new Requester(driver.rid(), pasid, false);
    }

    private Translation dma(int pasid, long address, int access) {
        return agent.translate(requester(pasid), AddressType.UNTRANSLATED, address, access);
    }

    private void ats(int pasid, long address) {
        agent.requestTranslation(new AtsRequest(requester(pasid), address, 1, 12, false, false));
    }

    private void synchronize() {
        driver.acknowledge();
        check(driver.isSynchronized(), "the invalidation does not complete");
    }

    private void window() {
        clock.advance(TimeUnit.SECONDS.toNanos(2));
    }

    private void forgotten(TranslationCache cache) {
        driver.map(1, PAGE, FRAME, true);
        ats(1, PAGE);
        driver.unmap(1, PAGE);
        boolean iotlb = cache == TranslationCache.IOTLB;
        driver.invalidateOnly(iotlb ? TranslationCache.ATC : TranslationCache.IOTLB, 1, PAGE);
        synchronize();
        window();
        check(reports.size() == 1, "one report, not " + reports);
        StaleReport report = reports.getFirst();
        OracleSubject.CommandNames names = subject.commandNames();
        check(report.cache().equals(cache.name()), report.cache());
        check(report.missing().equals(iotlb ? names.iotlb() : names.atc()), report.missing());
        check(report.covering().isPresent(), "the other cache was invalidated");
        check(report.requester().equals(requester(1)), report.requester().toString());
        check(report.iova() == PAGE, "another address: " + report);
        check(report.cached().gpa(PAGE) == FRAME, "another mapping: " + report);
    }

    /** Maps, unmaps, invalidates and uses pages as a driver may, whatever it comes to. */
    private void forgetsNothing(long seed) {
        Choices choices = Choices.seeded(seed);
        Set<Long> mapped = new TreeSet<>();
        for (int round = 0; round < ROUNDS; round++) {
            int pasid = 1 + choices.below(PASIDS);
            long page = PAGE + PAGE_BYTES * choices.below(PAGES);
            long key = page | pasid;
            if (choices.oneIn(3)) {
                if (mapped.remove(key)) {
                    driver.unmap(pasid, page);
                    driver.invalidate(pasid, page);
                    synchronize();
                } else {
                    mapped.add(key);
                    driver.map(pasid, page, FRAME + PAGE_BYTES * choices.below(FRAMES), true);
                }
            } else if (choices.flip()) {
                dma(pasid, page, Translation.READ);
                driver.takeFault();
            } else {
                ats(pasid, page);
            }
            clock.advance(TimeUnit.MILLISECONDS.toNanos(choices.below(300)));
        }
        window();
        check(reports.isEmpty(), "seed %d: %s".formatted(seed, reports));
        check(oracle.summary().pending() == 0, "seed %d: something is stale".formatted(seed));
        check(oracle.summary().compared() > 0, "nothing was compared");
    }

    private void agrees(long seed) {
        Choices choices = Choices.seeded(seed);
        for (int page = 0; page < PAGES; page++) {
            if (choices.flip()) {
                long frame = FRAME + PAGE_BYTES * choices.below(FRAMES);
                driver.map(1, PAGE + PAGE_BYTES * page, frame, choices.flip());
            }
        }
        for (int round = 0; round < ROUNDS; round++) {
            long address = PAGE + PAGE_BYTES * choices.below(PAGES) + choices.below(4096);
            int access = choices.flip() ? Translation.READ : READ_WRITE;
            CurrentTranslation now =
                    subject.current(TranslationCache.IOTLB, requester(1), address, access);
            check(driver.takeFault().isEmpty(), "a look records a fault");
            Translation seen =
                    subject.translate(requester(1), AddressType.UNTRANSLATED, address, access);
            boolean same =
                    now instanceof CurrentTranslation.Mapped tables
                            ? seen instanceof Translation.Mapping mapping
                                    && mapping.gpa(address) == tables.mapping().gpa(address)
                            : seen instanceof Translation.Rejected;
            check(same, "seed %d: 0x%x: %s, but %s".formatted(seed, address, now, seen));
            driver.takeFault();
        }
    }
}
