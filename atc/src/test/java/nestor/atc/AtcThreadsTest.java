package nestor.atc;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLongArray;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsEndpoint;
import nestor.pci.AtsEntry;
import nestor.pci.AtsPort;
import nestor.pci.InvalidateRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Devices that look up and fill while the tables change under them. */
class AtcThreadsTest {
    private static final int BLOCKS = 8;
    private static final int BLOCK_LOG2 = 13;
    private static final int INVALIDATIONS = 100_000;

    /**
     * Tables of 8 KiB blocks whose translated address is the version of the block, and an agent
     * that answers with them.
     */
    private static final class VersionedTables implements AtsPort {
        final AtomicLongArray versions = new AtomicLongArray(BLOCKS);

        @Override
        public boolean atsEnabled() {
            return true;
        }

        @Override
        public int smallestUnitLog2() {
            return 12;
        }

        @Override
        public AtsCompletion requestTranslation(
                Requester requester, long iova, long bytes, int access) {
            long version = versions.get((int) (iova >>> BLOCK_LOG2));
            Thread.onSpinWait(); // time to be overtaken
            AtsEntry entry = AtsEntry.of(version << BLOCK_LOG2, BLOCK_LOG2, AtsEntry.READ.mask());
            return new AtsCompletion.Entries(List.of(entry));
        }

        @Override
        public Registration register(int pasid, AtsEndpoint endpoint) {
            return () -> {};
        }

        @Override
        public boolean pageRequestsEnabled() {
            return false;
        }

        @Override
        public int pageRequestAllocation() {
            return 0;
        }

        @Override
        public PageRequestOutcome requestPage(
                Requester requester, long iova, int access, int prgIndex, boolean last) {
            return PageRequestOutcome.NOT_PERMITTED;
        }

        @Override
        public PageRequestOutcome stopMarker(Requester requester) {
            return PageRequestOutcome.NOT_PERMITTED;
        }
    }

    private final long seed = Long.getLong("nestor.seed", System.nanoTime());
    private final VersionedTables tables = new VersionedTables();

    /** Versions below these have been invalidated: no lookup that begins later may find them. */
    private final AtomicLongArray invalidated = new AtomicLongArray(BLOCKS);

    /** Versions below these are gone: their invalidation has completed. */
    private final AtomicLongArray completed = new AtomicLongArray(BLOCKS);

    private final AtomicBoolean stop = new AtomicBoolean();

    @ParameterizedTest
    @DisplayName(
            "PCIe §10.3.3: no lookup finds what was invalidated before it began, no access"
                    + " outlives the completion")
    @CsvSource({"64,4", "4,2"})
    void noLookupFindsWhatWasInvalidatedBefore(int capacity, int ways) throws Exception {
        System.out.println("AtcThreadsTest seed " + seed);
        Atc atc = Atc.on(tables, AtcOptions.setAssociative(capacity, ways));
        atc.start(1);
        atc.start(2);
        try (ExecutorService pool = Executors.newFixedThreadPool(3)) {
            List<Future<Long>> devices = new ArrayList<>();
            for (int n = 0; n < 3; n++) {
                SplittableRandom random = new SplittableRandom(seed + n);
                devices.add(pool.submit(() -> device(atc, random)));
            }
            changeTables(atc, new SplittableRandom(seed - 1));
            stop.set(true);
            for (Future<Long> device : devices) {
                assertThat(device.get()).describedAs("accesses by stale translations").isZero();
            }
        }
        assertThat(atc.statistics().hits()).isPositive();
        for (int block = 0; block < BLOCKS; block++) {
            assertThat(completed.get(block)).isEqualTo(tables.versions.get(block));
        }
    }

    /** Goes on until a device has found something, however late it got a processor. */
    private void changeTables(Atc atc, SplittableRandom random) {
        for (int n = 0; n < INVALIDATIONS || atc.statistics().hits() == 0; n++) {
            int block = random.nextInt(BLOCKS);
            long iova = ((long) block << BLOCK_LOG2) + (random.nextInt(2) << 12);
            long version = tables.versions.incrementAndGet(block);
            int pasid = Requester.NO_PASID;
            atc.invalidate(
                    new InvalidateRequest(ScriptedPort.RID, pasid, 0, false, iova, 12),
                    () -> completed.accumulateAndGet(block, version, Math::max));
            invalidated.set(block, version);
        }
    }

    private long device(Atc atc, SplittableRandom random) {
        long violations = 0;
        while (!stop.get()) {
            Requester requester = new Requester(ScriptedPort.RID, 1 + random.nextInt(2), false);
            int block = random.nextInt(BLOCKS);
            long iova = ((long) block << BLOCK_LOG2) + random.nextInt(1 << BLOCK_LOG2);
            long floor = invalidated.get(block);
            long ticket = atc.enter();
            AtcEntry entry = atc.lookup(requester, iova, Translation.READ);
            if (entry != null) {
                long version = entry.translation().address() >>> BLOCK_LOG2;
                if (version < floor || version < completed.get(block)) {
                    violations++;
                }
            }
            atc.exit(ticket);
            if (entry == null) {
                atc.request(requester, iova, 1, Translation.READ);
            }
        }
        return violations;
    }
}
