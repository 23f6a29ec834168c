package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.REQUESTER;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.STREAM_TABLE;
import static nestor.smmuv3.SmmuHarness.SYNC;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import nestor.paging.Permissions;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Live changes of a stream's entry as a driver makes them (IHI 0070, §3.21.3): doubleword by
 * doubleword, each of which the SMMU may see early or late, with traffic under way. Whatever is
 * sampled in between is the old state's answer, the new one's, or, where a change has to pass
 * through V = 0, none.
 */
class LiveUpdateTest {
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;
    private static final long IOVA = 0x7000_0000L;
    private static final long ABORTED = -1;
    private static final int SAMPLES = 12;
    private static final long STE = STREAM_TABLE + 64L * SID;
    private static final Requester PASID = new Requester(SID, 1, false);
    private static final long CDMAX = 2L << 59;

    /** Fields that an entry looks at, by doubleword. */
    private static final long V_CONFIG = 0xf;

    private static final long STAGE1_OF_WORD1 = 0xff | 1L << 27 | 3L << 28 | 3L << 30;
    private static final long SHCFG = 3L << 44;
    private static final long VMID = 0xffff;

    /** What a stream is attached to. */
    enum State {
        BLOCKED(ABORTED, ABORTED),
        IDENTITY(IOVA, ABORTED),
        STAGE1(0x5000, 0x7000),
        RID_BLOCKED_PASIDS_LIVE(ABORTED, 0x7000),
        RID_IDENTITY_PASIDS_LIVE(IOVA, 0x7000),
        STAGE2(0x6000, ABORTED);

        /** Where traffic without and with the substream goes. */
        final long rid;

        final long pasid;

        State(long rid, long pasid) {
            this.rid = rid;
            this.pasid = pasid;
        }

        boolean hasStage1() {
            return name().contains("PASIDS") || this == STAGE1;
        }
    }

    private final List<String> misrouted = new ArrayList<>();
    private SmmuHarness smmu = SmmuHarness.small();
    private long stage2Root;

    private void build(long seed) {
        smmu =
                SmmuHarness.small(SmmuV3Options.builder().fetch(StructureFetch.torn(seed)).build())
                        .enabled();
        PageTables rid = smmu.stage1Tables();
        rid.map(IOVA, 0x5000, 12, READ_WRITE);
        PageTables pasid = smmu.stage1Tables();
        pasid.map(IOVA, 0x7000, 12, READ_WRITE);
        PageTables stage2 = smmu.stage2Tables();
        stage2.map(IOVA, 0x6000, 12, READ_WRITE);
        stage2Root = stage2.root();
        smmu.cd(0, 1, rid.root(), 0);
        smmu.cd(1, 2, pasid.root(), 0);
    }

    private long[] words(State state) {
        return switch (state) {
            case BLOCKED -> new long[] {1, 0, 0, 0};
            case IDENTITY -> new long[] {1 | 4 << 1, 1L << 44, 0, 0};
            case STAGE1 -> stage1(2);
            case RID_BLOCKED_PASIDS_LIVE -> stage1(0);
            case RID_IDENTITY_PASIDS_LIVE -> stage1(1);
            case STAGE2 ->
                    new long[] {
                        1 | 6 << 1,
                        1L << 44,
                        3 | 25L << 32 | 1L << 38 | 5L << 48 | 1L << 51 | 1L << 58,
                        stage2Root
                    };
        };
    }

    private static long[] stage1(long s1dss) {
        return new long[] {1 | 5 << 1 | CONTEXTS | CDMAX, s1dss | 0x74 | 1L << 27, 0, 0};
    }

    private static long[] used(State state) {
        if (state.hasStage1()) {
            return new long[] {-1, STAGE1_OF_WORD1, VMID, 0};
        }
        return switch (state) {
            case IDENTITY -> new long[] {V_CONFIG, SHCFG, 0, 0};
            case STAGE2 -> new long[] {V_CONFIG, SHCFG | 3L << 28 | 1L << 25, -1, -1};
            default -> new long[] {V_CONFIG, 0, 0, 0};
        };
    }

    /** Between {@code from} and {@code to}: hitless if one doubleword makes the difference. */
    private boolean change(State from, State to) {
        long[] now = words(from);
        long[] target = words(to);
        long[] usedNow = used(from);
        long[] usedThen = used(to);
        long[] prepared = new long[4];
        List<Integer> critical = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            prepared[i] = now[i] & usedNow[i] | target[i] & ~usedNow[i];
            if (((prepared[i] ^ target[i]) & usedThen[i]) != 0) {
                critical.add(i);
            }
        }
        if (critical.size() > 1) {
            sample(Set.of(from, to), true, () -> smmu.store(STE, 0));
            sample(Set.of(), true, this::cfgi);
            for (int i = 1; i < 4; i++) {
                int word = i;
                sample(Set.of(), true, () -> smmu.store(STE + 8L * word, target[word]));
            }
            sample(Set.of(), true, this::cfgi);
            sample(Set.of(to), true, () -> smmu.store(STE, target[0]));
            sample(Set.of(to), false, this::cfgi);
            return false;
        }
        for (int i = 0; i < 4; i++) {
            int word = i;
            if (!critical.contains(i)) {
                sample(Set.of(from), false, () -> smmu.store(STE + 8L * word, prepared[word]));
            }
        }
        sample(Set.of(from), false, this::cfgi);
        for (int word : critical) {
            sample(Set.of(from, to), false, () -> smmu.store(STE + 8L * word, target[word]));
            sample(Set.of(to), false, this::cfgi);
        }
        for (int i = 0; i < 4; i++) {
            int word = i;
            sample(Set.of(to), false, () -> smmu.store(STE + 8L * word, target[word]));
        }
        sample(Set.of(to), false, this::cfgi);
        return true;
    }

    private void cfgi() {
        smmu.submit(0x03 | (long) SID << 32, 1, SYNC, 0);
        assertThat(smmu.isIdle()).isTrue();
    }

    /** After a step: traffic goes where one of {@code states} has it, or nowhere. */
    private void sample(Set<State> states, boolean mayAbort, Runnable step) {
        step.run();
        Set<Long> rid = new TreeSet<>();
        Set<Long> pasid = new TreeSet<>();
        states.forEach(state -> {
            rid.add(state.rid);
            pasid.add(state.pasid);
        });
        if (mayAbort) {
            rid.add(ABORTED);
            pasid.add(ABORTED);
        }
        for (int i = 0; i < SAMPLES; i++) {
            expect("RID", REQUESTER, rid);
            expect("PASID", PASID, pasid);
        }
    }

    private void expect(String who, Requester requester, Set<Long> allowed) {
        Translation seen = smmu.translate(requester, IOVA, Translation.READ);
        long at = seen instanceof Translation.Mapping mapping ? mapping.gpa(IOVA) : ABORTED;
        if (!allowed.contains(at)) {
            misrouted.add("%s at %x, not in %s".formatted(who, at, allowed));
        }
    }

    static List<State[]> pairs() {
        List<State[]> pairs = new ArrayList<>();
        for (State from : State.values()) {
            for (State to : State.values()) {
                if (from != to) {
                    pairs.add(new State[] {from, to});
                }
            }
        }
        return pairs;
    }

    @ParameterizedTest(name = "{0} to {1}")
    @MethodSource("pairs")
    void trafficGoesTheOldWayOrTheNewOne(State from, State to) {
        for (long seed = 1; seed <= 8; seed++) {
            build(seed);
            smmu.store(STE, words(from));
            cfgi();
            change(from, to);
            assertThat(misrouted).describedAs("seed " + seed).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"BLOCKED", "IDENTITY", "STAGE1"})
    @DisplayName("identity, DMA and blocked change into one another without V = 0")
    void theChangesThatDriversNeedAreHitless(State from) {
        for (State to : List.of(State.BLOCKED, State.IDENTITY, State.STAGE1)) {
            build(1);
            smmu.store(STE, words(from));
            cfgi();
            assertThat(change(from, to)).describedAs(from + " to " + to).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {11, 12, 13, 14})
    @DisplayName("the RID's domain changes while PASIDs are attached; theirs never misses")
    void substreamsGoOnWhileTheRidChanges(long seed) {
        List<State> rounds =
                List.of(
                        State.STAGE1,
                        State.RID_IDENTITY_PASIDS_LIVE,
                        State.RID_BLOCKED_PASIDS_LIVE,
                        State.STAGE1,
                        State.RID_BLOCKED_PASIDS_LIVE,
                        State.RID_IDENTITY_PASIDS_LIVE,
                        State.STAGE1);
        build(seed);
        smmu.store(STE, words(rounds.getFirst()));
        cfgi();
        for (int i = 1; i < rounds.size(); i++) {
            assertThat(change(rounds.get(i - 1), rounds.get(i))).isTrue();
        }
        assertThat(misrouted).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(longs = {21, 22, 23, 24})
    @DisplayName("§4: a context descriptor is replaced through V = 0: old, none, new")
    void aDescriptorIsReplacedThroughNone(long seed) {
        build(seed);
        smmu.store(STE, words(State.STAGE1));
        cfgi();
        PageTables other = smmu.stage1Tables();
        other.map(IOVA, 0x9000, 12, READ_WRITE);
        long cd1 = CONTEXTS + 64;
        long word0 = SmmuHarness.cdWord0(3);
        Set<Long> oldOrNone = Set.of(0x7000L, ABORTED);
        smmu.store(cd1, 0);
        expectPasid(oldOrNone);
        cfgiCd();
        smmu.store(cd1 + 8, other.root());
        expectPasid(Set.of(ABORTED));
        cfgiCd();
        smmu.store(cd1, word0);
        expectPasid(Set.of(0x9000L, ABORTED));
        cfgiCd();
        expectPasid(Set.of(0x9000L));
        assertThat(misrouted).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(longs = {31, 32, 33, 34})
    @DisplayName("a quiet descriptor (EPD0 set, S and R clear) ends traffic without a word")
    void aQuietDescriptorIsSilent(long seed) {
        build(seed);
        smmu.store(STE, words(State.STAGE1));
        cfgi();
        expectPasid(Set.of(0x7000L));
        long cd1 = CONTEXTS + 64;
        smmu.store(cd1, (smmu.load(cd1) | 1L << 14) & ~(1L << 45));
        expectPasid(Set.of(0x7000L, ABORTED));
        cfgiCd();
        smmu.submit(0x11 | 2L << 48, 0, SYNC, 0);
        expectPasid(Set.of(ABORTED));
        assertThat(misrouted).isEmpty();
        assertThat(smmu.hasEvent()).isFalse();
    }

    private void cfgiCd() {
        smmu.submit(0x05 | 1 << 12 | (long) SID << 32, 1, SYNC, 0);
        assertThat(smmu.isIdle()).isTrue();
    }

    private void expectPasid(Set<Long> allowed) {
        for (int i = 0; i < SAMPLES; i++) {
            expect("PASID", PASID, allowed);
        }
    }
}
