package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.RID;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.paging.Access;
import nestor.paging.Permissions;
import nestor.paging.WalkResult;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.Choices;
import nestor.testkit.NaiveTranslator;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Random guests: hostile ones, and one that changes its tables and invalidates as it should. */
class VtdRandomizedTest {
    private static final int[] SIZES = {12, 12, 12, 21};
    private static final int[] PERMISSIONS = {
        Permissions.READ,
        Permissions.READ | Permissions.WRITE,
        Permissions.PRIVILEGED_READ | Permissions.PRIVILEGED_WRITE
    };

    private Choices choices;

    @BeforeEach
    void seed() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("-Dnestor.seed=" + seed);
        choices = Choices.seeded(seed);
    }

    @Test
    void hostileGuestsAreAnswered() {
        for (int run = 0; run < 20; run++) {
            HostileGuest guest = new HostileGuest(choices);
            for (int i = 0; i < 300; i++) {
                guest.step();
            }
            guest.assertAlive();
        }
    }

    @Test
    void cachedTranslationsAgreeWithTheNaiveTranslator() {
        for (int run = 0; run < 10; run++) {
            new Agreement(choices).run(300);
        }
    }

    /** Three PASIDs, one of each translation type, over the same two sets of tables. */
    private static final class Agreement {
        final Choices choices;
        final VtdHarness vtd = new VtdHarness().scalable().queue(true);
        final PageTables first = vtd.firstStageTables(4);
        final PageTables second = vtd.secondStageTables(4);
        final NaiveTranslator naive = new NaiveTranslator(vtd.memory);

        Agreement(Choices choices) {
            this.choices = choices;
            vtd.firstStage(1, DID, first);
            vtd.secondStage(2, DID + 1, second, choices.flip());
            vtd.nested(3, DID + 2, first, second);
            for (long page = 0; page < VtdHarness.MEMORY_BYTES; page += 1 << 21) {
                second.map(page, page, 21, Permissions.READ | Permissions.WRITE);
            }
        }

        void run(int steps) {
            for (int i = 0; i < steps; i++) {
                switch (choices.below(4)) {
                    case 0 -> changeFirst();
                    case 1 -> changeSecond();
                    default -> access();
                }
            }
        }

        private long input() {
            return 0x4000_0000L + choices.below(8) * 0x20_0000L + choices.below(4) * 0x1000L;
        }

        private void changeFirst() {
            long input = input();
            long pages = change(first, input);
            for (int pasid = 1; pasid <= 3; pasid += 2) {
                int did = DID + pasid - 1;
                boolean whole = choices.oneIn(4);
                vtd.put(
                        6 | (whole ? 2 : 3) << 4 | (long) did << 16 | (long) pasid << 32,
                        whole ? 0 : pages);
            }
            assertThat(vtd.isSynchronized()).isTrue();
        }

        private void changeSecond() {
            long input = input();
            long pages = change(second, input);
            for (int did = DID + 1; did <= DID + 2; did++) {
                boolean whole = choices.oneIn(4);
                vtd.put(2 | (whole ? 2 : 3) << 4 | (long) did << 16, whole ? 0 : pages);
            }
            assertThat(vtd.isSynchronized()).isTrue();
        }

        /**
         * Maps a page where there is none, else changes or unmaps what is there.
         *
         * @return what an invalidation by page has to say: address and mask
         */
        private long change(PageTables tables, long input) {
            long before = tables.descriptor(input);
            int size = (before & 1 << 7) != 0 ? 21 : 12;
            if ((before & 3) != 0) {
                tables.setDescriptor(input, choices.flip() ? 0 : before ^ 2);
            } else {
                size = SIZES[choices.below(SIZES.length)];
                tables.map(
                        input & -1L << size,
                        input() & -1L << size,
                        size,
                        PERMISSIONS[choices.below(PERMISSIONS.length)]);
            }
            return input & -1L << size | size - 12;
        }

        private void access() {
            int pasid = 1 + choices.below(3);
            long input = input() + choices.below(0x1000);
            boolean write = choices.flip();
            int needed = write ? Permissions.USER_WRITE : Permissions.USER_READ;
            WalkResult expected =
                    switch (pasid) {
                        case 1 -> naive.translate(first.format(), input, Access.probe(needed));
                        case 2 -> naive.translate(second.format(), input, Access.probe(needed));
                        default ->
                                naive.translate(
                                        first.format(),
                                        second.format(),
                                        input,
                                        Access.probe(needed));
                    };
            Translation seen =
                    vtd.translate(
                            new Requester(RID, pasid, false),
                            input,
                            write ? Translation.WRITE : Translation.READ);
            switch (expected) {
                case WalkResult.Mapping mapping ->
                        assertThat(VtdHarness.gpa(seen, input)).isEqualTo(mapping.translate(input));
                case WalkResult.Fault _ -> {
                    VtdHarness.assertRejected(seen);
                    assertThat(vtd.fault().pasid()).isEqualTo(pasid);
                }
            }
        }
    }
}
