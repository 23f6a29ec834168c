package nestor.atc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.util.Objects;
import java.util.SplittableRandom;
import nestor.pci.AtsEntry;
import nestor.pci.InvalidateRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A million random operations in step with {@link NaiveAtc}. */
class AtcModelTest {
    private static final int OPERATIONS = 1_000_000;
    private static final int PASIDS = 3;
    private static final int WINDOW_LOG2 = 16;

    private final long seed = Long.getLong("nestor.seed", System.nanoTime());
    private final SplittableRandom random = new SplittableRandom(seed);
    private final NaiveAtc model = new NaiveAtc();
    private long staleEpoch;
    private int staleModelEpoch;
    private int completions;

    /** No set ever overflows: there are 16 pages in 8 spaces. */
    @Test
    void aCacheWithRoomForAllIsTheListItself() {
        run(AtcOptions.setAssociative(2048, 128), OPERATIONS, true);
    }

    @ParameterizedTest
    @CsvSource({"0,1", "1,1", "4,4", "16,2", "64,8"})
    void aSmallCacheNeverAnswersWhatTheListDoesNot(int capacity, int ways) {
        run(AtcOptions.setAssociative(capacity, ways), OPERATIONS / 10, false);
    }

    private void run(AtcOptions options, int operations, boolean exact) {
        System.out.println("AtcModelTest seed " + seed);
        try (Atc atc = Atc.on(new ScriptedPort(), options)) {
            int invalidated = 0;
            for (int n = 0; n < operations; n++) {
                switch (random.nextInt(16)) {
                    case 0, 1, 2, 3 -> update(atc, exact);
                    case 4, 5 -> {
                        invalidate(atc);
                        invalidated++;
                    }
                    case 6 -> rarely(atc, random.nextInt(100));
                    default -> lookup(atc, exact);
                }
            }
            assertThat(completions).isEqualTo(invalidated);
            assertThat(options.capacity() == 0 || atc.statistics().hits() > operations / 100)
                    .isTrue();
            assertThat(atc.statistics().staleDrops()).isPositive();
        }
    }

    private void update(Atc atc, boolean exact) {
        AtcEntry entry = randomEntry();
        boolean stale = random.nextInt(4) == 0;
        long epoch = stale ? staleEpoch : atc.epoch();
        boolean expected = model.update(entry, stale ? staleModelEpoch : model.epoch());
        boolean cached = atc.update(entry, epoch);
        if (cached != expected && (exact || cached)) {
            fail("%s: cached %b, the list says %b", entry, cached, expected);
        }
        if (random.nextInt(8) == 0) {
            staleEpoch = atc.epoch();
            staleModelEpoch = model.epoch();
        }
    }

    private AtcEntry randomEntry() {
        int sizeLog2 = 12 + random.nextInt(WINDOW_LOG2 - 12 + 1);
        long iova = AtcEntry.base(randomIova(), sizeLog2);
        Requester requester = randomRequester();
        long flags = random.nextLong() & (AtsEntry.READ.mask() | AtsEntry.WRITE.mask());
        boolean echoed = requester.privileged() ^ random.nextInt(20) == 0;
        flags |= echoed ? AtsEntry.PRIVILEGED.mask() : 0;
        flags |= random.nextInt(8) == 0 ? AtsEntry.GLOBAL.mask() : 0;
        long target = AtcEntry.base(random.nextLong(), sizeLog2);
        AtsEntry translation = AtsEntry.of(target, sizeLog2, flags);
        return new AtcEntry(requester.pasid(), requester.privileged(), iova, sizeLog2, translation);
    }

    private long randomIova() {
        return 0x7f00_0000_0000L + random.nextInt(1 << WINDOW_LOG2);
    }

    private Requester randomRequester() {
        int pasid = random.nextInt(PASIDS + 1) - 1;
        boolean privileged = pasid >= 0 && random.nextBoolean();
        return new Requester(ScriptedPort.RID, pasid, privileged);
    }

    private void invalidate(Atc atc) {
        int pasid = random.nextInt(PASIDS + 1) - 1;
        boolean global = pasid >= 0 && random.nextInt(8) == 0;
        int sizeLog2 = 12 + random.nextInt(WINDOW_LOG2 - 12 + 2);
        long iova = AtcEntry.base(randomIova(), sizeLog2);
        atc.invalidate(
                new InvalidateRequest(ScriptedPort.RID, pasid, 0, global, iova, sizeLog2),
                () -> completions++);
        model.invalidate(global || pasid < 0, pasid, iova, sizeLog2);
    }

    private void rarely(Atc atc, int choice) {
        int pasid = random.nextInt(PASIDS);
        if (choice < 50) {
            atc.start(pasid);
            model.start(pasid);
        } else if (choice < 53) {
            int stopped = pasid - random.nextInt(2);
            atc.stop(stopped);
            model.stop(stopped);
        } else if (choice == 53) {
            atc.disabled();
            model.clear();
        }
    }

    private void lookup(Atc atc, boolean exact) {
        Requester requester = randomRequester();
        long iova = randomIova();
        int access = random.nextInt(1, 4);
        AtcEntry found = atc.lookup(requester, iova, access);
        AtcEntry known = model.lookup(requester.pasid(), requester.privileged(), iova);
        AtcEntry expected = known != null && grants(known, access) ? known : null;
        if (!Objects.equals(found, expected) && (exact || found != null)) {
            fail("%s 0x%x: found %s, the list has %s", requester, iova, found, expected);
        }
    }

    private static boolean grants(AtcEntry entry, int access) {
        long value = entry.translation().value();
        return ((access & Translation.READ) == 0 || AtsEntry.READ.isSet(value))
                && ((access & Translation.WRITE) == 0 || AtsEntry.WRITE.isSet(value));
    }
}
