package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.RID;
import static nestor.vtd.VtdHarness.WAIT;

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

/** What must hold of every IOMMU model, on VT-d in scalable mode. */
class ModelScenariosTest {
    @TestFactory
    Stream<DynamicTest> everyScenarioHolds() {
        return ModelScenarios.all().entrySet().stream()
                .map(scenario ->
                        DynamicTest.dynamicTest(
                                scenario.getKey(),
                                () -> scenario.getValue().accept(new VtdDriver())));
    }

    @TestFactory
    Stream<DynamicTest> theOracleIsRight() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("ModelScenariosTest: -Dnestor.seed=" + seed);
        return OracleScenarios.all().entrySet().stream()
                .map(scenario ->
                        DynamicTest.dynamicTest(
                                scenario.getKey(),
                                () -> scenario.getValue().accept(new VtdDriver(), seed)));
    }

    private static final class VtdDriver implements ModelDriver {
        private final VtdHarness vtd = new VtdHarness().scalable().queue(true);
        private final VtdHarness.RecordingEndpoint endpoint = new VtdHarness.RecordingEndpoint();
        private final Map<Integer, PageTables> spaces = new HashMap<>();

        VtdDriver() {
            vtd.endpoints.put(RID, endpoint);
            vtd.pageRequestQueue();
        }

        @Override
        public TranslationAgent agent() {
            return vtd.unit;
        }

        @Override
        public int rid() {
            return RID;
        }

        @Override
        public void bind(int pasid) {
            PageTables tables = vtd.firstStageTables(4);
            spaces.put(pasid, tables);
            vtd.firstStage(pasid, DID, tables);
        }

        private PageTables space(int pasid) {
            return Objects.requireNonNull(spaces.get(pasid), "a PASID that is bound");
        }

        @Override
        public void clear(int pasid) {
            vtd.pasid(pasid, 0, 0, 0);
        }

        @Override
        public void map(int pasid, long page, long gpa, boolean writable) {
            int permissions = Permissions.READ | (writable ? Permissions.WRITE : 0);
            space(pasid).map(page, gpa, 12, permissions);
        }

        @Override
        public void unmap(int pasid, long page) {
            space(pasid).unmap(page);
        }

        private static long of(int pasid) {
            return (long) pasid << 32 | DID << 16;
        }

        private void synchronize() {
            vtd.store(VtdHarness.STATUS, 1);
            vtd.submit(WAIT, VtdHarness.STATUS);
        }

        @Override
        public void invalidate(int pasid, long page) {
            vtd.put(6 | 3 << 4 | of(pasid), page);
            vtd.put(8 | RID << 16 | (long) pasid << 32, page);
            synchronize();
        }

        @Override
        public void invalidateOnly(TranslationCache cache, int pasid, long page) {
            if (cache == TranslationCache.IOTLB) {
                vtd.put(6 | 3 << 4 | of(pasid), page);
            } else {
                vtd.put(8 | RID << 16 | (long) pasid << 32, page);
            }
            synchronize();
        }

        @Override
        public void invalidateContext(int pasid) {
            vtd.put(7 | 1 << 4 | of(pasid), 0);
            vtd.put(6 | 2 << 4 | of(pasid), 0);
            vtd.put(8 | RID << 16 | (long) pasid << 32, 0x7fff_ffff_ffff_f800L);
            synchronize();
        }

        @Override
        public boolean isSynchronized() {
            return vtd.status() == 2;
        }

        @Override
        public boolean hasTimedOut() {
            return (vtd.read32(0x034) & 1 << 6) != 0;
        }

        @Override
        public void acknowledge() {
            endpoint.completions.forEach(Runnable::run);
            endpoint.completions.clear();
            settle();
        }

        @Override
        public void advance(long nanos) {
            vtd.clock.advance(nanos);
            settle();
        }

        @Override
        public void settle() {
            vtd.loop.runUntilIdle();
        }

        @Override
        public Optional<Fault> takeFault() {
            if (!vtd.hasFault()) {
                return Optional.empty();
            }
            VtdHarness.Fault fault = vtd.fault();
            Fault.Kind kind =
                    switch (fault.reason()) {
                        case 0x59 -> Fault.Kind.NO_CONTEXT;
                        case 0x71 -> Fault.Kind.NOT_MAPPED;
                        case 0x85 -> Fault.Kind.NOT_PERMITTED;
                        default -> throw new AssertionError("recorded " + fault);
                    };
            return Optional.of(new Fault(kind, fault.sid(), fault.pasid(), fault.low()));
        }

        @Override
        public Optional<QueuedRequest> takePageRequest() {
            if (!vtd.hasPageRequest()) {
                return Optional.empty();
            }
            long[] words = vtd.pageRequest();
            return Optional.of(
                    new QueuedRequest(
                            (int) (words[0] >>> 16 & 0xffff),
                            (int) (words[0] >>> 32 & 0xf_ffff),
                            words[1] & -0x1000,
                            (int) (words[1] >>> 3 & 0x1ff),
                            (words[1] & 1 << 2) != 0));
        }

        @Override
        public void respond(QueuedRequest last, int code) {
            long qw0 = 9 | 1 << 4 | (long) last.rid() << 16 | (long) last.pasid() << 32;
            vtd.submit(qw0 | (long) code << 12, (long) last.prgIndex() << 3);
        }

        @Override
        public Optional<PageResponse> response() {
            return endpoint.responses.isEmpty()
                    ? Optional.empty()
                    : Optional.of(endpoint.responses.getLast());
        }
    }
}
