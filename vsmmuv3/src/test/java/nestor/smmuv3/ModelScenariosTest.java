package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.PAGE_REQUESTS;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.SYNC;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import nestor.iommu.oracle.TranslationCache;
import nestor.paging.Permissions;
import nestor.pci.PageResponse;
import nestor.pci.TranslationAgent;
import nestor.testkit.ModelDriver;
import nestor.testkit.ModelScenarios;
import nestor.testkit.OracleScenarios;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** What must hold of every IOMMU model, on an SMMU with substreams. */
class ModelScenariosTest {
    private static final int CERROR_ATC_INV_SYNC = 3;

    @TestFactory
    Stream<DynamicTest> everyScenarioHolds() {
        return ModelScenarios.all().entrySet().stream()
                .map(scenario ->
                        DynamicTest.dynamicTest(
                                scenario.getKey(),
                                () -> scenario.getValue().accept(new SmmuDriver())));
    }

    /** ASIDs are PASIDs. */
    @TestFactory
    Stream<DynamicTest> theOracleIsRight() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("ModelScenariosTest: -Dnestor.seed=" + seed);
        return OracleScenarios.all().entrySet().stream()
                .map(scenario ->
                        DynamicTest.dynamicTest(
                                scenario.getKey(),
                                () -> scenario.getValue().accept(new SmmuDriver(), seed)));
    }

    private static final class SmmuDriver implements ModelDriver {
        private final SmmuHarness smmu = new SmmuHarness().enabled();
        private final SmmuHarness.RecordingEndpoint endpoint = new SmmuHarness.RecordingEndpoint();
        private final Map<Integer, PageTables> spaces = new HashMap<>();

        SmmuDriver() {
            smmu.endpoints.put(SID, endpoint);
            smmu.stage1Stream(SID, 4, 0);
        }

        @Override
        public TranslationAgent agent() {
            return smmu.smmu;
        }

        @Override
        public int rid() {
            return SID;
        }

        @Override
        public void bind(int pasid) {
            PageTables tables = smmu.stage1Tables();
            spaces.put(pasid, tables);
            smmu.cd(pasid, pasid, tables.root(), 0);
        }

        @Override
        public void clear(int pasid) {
            smmu.store(SmmuHarness.CONTEXTS + 64L * pasid, 0);
        }

        private PageTables space(int pasid) {
            return Objects.requireNonNull(spaces.get(pasid));
        }

        @Override
        public void map(int pasid, long page, long gpa, boolean writable) {
            int permissions = Permissions.READ | (writable ? Permissions.WRITE : 0);
            space(pasid).map(page, gpa, 12, permissions, 1L << 11); // nG
        }

        @Override
        public void unmap(int pasid, long page) {
            space(pasid).unmap(page);
        }

        private static long substream(int pasid) {
            return 1L << 11 | (long) pasid << 12 | (long) SID << 32;
        }

        @Override
        public void invalidate(int pasid, long page) {
            smmu.submit(0x12 | (long) pasid << 48, page, 0x40 | substream(pasid), page, SYNC, 0);
        }

        @Override
        public void invalidateOnly(TranslationCache cache, int pasid, long page) {
            if (cache == TranslationCache.IOTLB) {
                smmu.submit(0x12 | (long) pasid << 48, page, SYNC, 0);
            } else {
                smmu.submit(0x40 | substream(pasid), page, SYNC, 0);
            }
        }

        @Override
        public void invalidateContext(int pasid) {
            smmu.submit(
                    0x05 | substream(pasid),
                    1,
                    0x11 | (long) pasid << 48,
                    0,
                    0x40 | substream(pasid),
                    52,
                    SYNC,
                    0);
        }

        @Override
        public boolean isSynchronized() {
            return smmu.isIdle();
        }

        @Override
        public boolean hasTimedOut() {
            return smmu.commandError() == CERROR_ATC_INV_SYNC;
        }

        @Override
        public void acknowledge() {
            endpoint.completions.forEach(Runnable::run);
            endpoint.completions.clear();
            settle();
        }

        @Override
        public void advance(long nanos) {
            smmu.clock.advance(nanos);
            settle();
        }

        @Override
        public void settle() {
            smmu.loop.runUntilIdle();
        }

        @Override
        public Optional<Fault> takeFault() {
            if (!smmu.hasEvent()) {
                return Optional.empty();
            }
            SmmuHarness.EventRecord event = smmu.event();
            Fault.Kind kind =
                    switch (event.number()) {
                        case 0x0a -> Fault.Kind.NO_CONTEXT;
                        case 0x10 -> Fault.Kind.NOT_MAPPED;
                        case 0x13 -> Fault.Kind.NOT_PERMITTED;
                        default -> throw new AssertionError("recorded " + event);
                    };
            int pasid = (int) (event.dw0() >>> 12 & 0xf_ffff);
            return Optional.of(new Fault(kind, event.sid(), pasid, event.dw2()));
        }

        @Override
        public Optional<QueuedRequest> takePageRequest() {
            long cons = smmu.read32(0x1_00cc);
            if ((cons & 7) == (smmu.read32(0x1_00c8) & 7)) {
                return Optional.empty();
            }
            long gpa = PAGE_REQUESTS + 16 * (cons & 3);
            smmu.write32(0x1_00cc, cons + 1 & 7);
            long dw0 = smmu.load(gpa);
            long dw1 = smmu.load(gpa + 8);
            return Optional.of(
                    new QueuedRequest(
                            (int) dw0,
                            (int) (dw0 >>> 32 & 0xf_ffff),
                            dw1 & -0x1000,
                            (int) (dw1 & 0x1ff),
                            (dw0 & 1L << 62) != 0));
        }

        @Override
        public void respond(QueuedRequest last, int code) {
            long response = code == PageResponse.SUCCESS ? 2 : 1;
            smmu.submit(0x41 | substream(last.pasid()), last.prgIndex() | response << 12, SYNC, 0);
        }

        @Override
        public Optional<PageResponse> response() {
            return endpoint.responses.isEmpty()
                    ? Optional.empty()
                    : Optional.of(endpoint.responses.getLast());
        }
    }
}
