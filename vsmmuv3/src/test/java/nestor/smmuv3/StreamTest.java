package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.REQUESTER;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.STREAM_TABLE;
import static nestor.smmuv3.SmmuHarness.assertAborted;
import static nestor.smmuv3.SmmuHarness.gpa;
import static org.assertj.core.api.Assertions.assertThat;

import nestor.paging.Permissions;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.smmuv3.event.Event;
import nestor.testkit.PageTables;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What stream table entries and context descriptors make of a stream (IHI 0070, §3.3, §5). */
class StreamTest {
    private static final int READ_WRITE = Permissions.READ | Permissions.WRITE;

    private final SmmuHarness smmu = new SmmuHarness().enabled();

    private static Requester pasid(int pasid) {
        return new Requester(SID, pasid, false);
    }

    private void assertEvent(int number) {
        SmmuHarness.EventRecord event = smmu.event();
        assertThat(event.number()).isEqualTo(number);
        assertThat(event.sid()).isEqualTo(SID);
        assertThat(smmu.hasEvent()).isFalse();
    }

    @Test
    @DisplayName("§6.3.14: while the SMMU is off, GBPA says whether traffic passes or aborts")
    void whileOffTrafficPassesOrAborts() {
        smmu.control(0);
        assertThat(gpa(smmu.read(0x1234), 0x1234)).isEqualTo(0x1234);
        smmu.write32(0x044, 1 << 20);
        assertThat(smmu.read32(0x044)).describedAs("without UPDATE").isZero();
        assertThat(gpa(smmu.read(0x1234), 0x1234)).isEqualTo(0x1234);
        smmu.write32(0x044, 1 << 20 | 1L << 31);
        assertThat(smmu.read32(0x044)).isEqualTo(1 << 20);
        assertAborted(smmu.read(0x1234));
    }

    @ParameterizedTest
    @DisplayName("§5.2: Config 0 to 3 abort silently, 4 bypasses")
    @ValueSource(ints = {0, 1, 2, 3})
    void abortingStreamsRecordNothing(int config) {
        smmu.ste(SID, 1 | config << 1, 0, 0, 0);
        assertAborted(smmu.read(0x1000));
        assertThat(smmu.hasEvent()).isFalse();
    }

    @Test
    void aBypassingStreamPasses() {
        smmu.ste(SID, 1 | 4 << 1, 0, 0, 0);
        assertThat(gpa(smmu.write(0x1234), 0x1234)).isEqualTo(0x1234);
        assertAborted(smmu.translate(pasid(3), 0x1000, Translation.READ));
        assertEvent(Event.C_BAD_SUBSTREAMID);
    }

    @Test
    @DisplayName("§7.3.3: C_BAD_STREAMID only with CR2.RECINVSID")
    void aStreamIdOutOfRangeIsRecordedOnRequest() {
        Requester outside = Requester.withoutPasid(0x100);
        assertAborted(smmu.translate(outside, 0x1000, Translation.READ));
        assertThat(smmu.hasEvent()).isFalse();
        smmu.control(0);
        smmu.write32(0x02c, 2);
        smmu.control(0b1111);
        assertAborted(smmu.translate(outside, 0x1000, Translation.READ));
        assertThat(smmu.event().number()).isEqualTo(Event.C_BAD_STREAMID);
    }

    @Test
    @DisplayName("§7.3.4: F_STE_FETCH with the address")
    void aStreamTableOutsideMemoryIsAFetchFault() {
        smmu.control(0);
        smmu.write64(0x080, 1L << 40);
        smmu.control(0b1111);
        assertAborted(smmu.read(0x1000));
        SmmuHarness.EventRecord event = smmu.event();
        assertThat(event.number()).isEqualTo(Event.F_STE_FETCH);
        assertThat(event.dw3()).isEqualTo((1L << 40) + 64 * SID);
    }

    @Test
    @DisplayName("§7.3.5: C_BAD_STE for V = 0, and for what the SMMU cannot do")
    void anIllegalEntryIsC_BAD_STE() {
        assertAborted(smmu.read(0x1000));
        assertEvent(Event.C_BAD_STE);
        smmu.stage2Stream(SID, 6, 1, 0x40_0000);
        smmu.store(
                STREAM_TABLE + 64 * SID + 16,
                smmu.load(STREAM_TABLE + 64 * SID + 16) & ~(1L << 51));
        assertAborted(smmu.read(0x1000));
        assertEvent(Event.C_BAD_STE);
    }

    @Test
    @DisplayName(
            "§7.3.11: C_BAD_CD for V = 0, AA64 = 0, reserved bits of a granule, and S = 1 where nothing stalls")
    void anIllegalDescriptorIsC_BAD_CD() {
        smmu.stage1Stream(SID, 0, 0);
        assertAborted(smmu.read(0x1000));
        assertEvent(Event.C_BAD_CD);
        smmu.store(CONTEXTS, SmmuHarness.cdWord0(1) & ~(1L << 41));
        assertAborted(smmu.read(0x1000));
        assertEvent(Event.C_BAD_CD);
        smmu.cd(0, 1, 0, 3L << 6);
        assertAborted(smmu.read(0x1000));
        assertEvent(Event.C_BAD_CD);
        smmu.ste(SID, 1 | 5 << 1 | CONTEXTS, 1L << 27, 0, 0);
        smmu.cd(0, 1, 0, 1L << 44);
        smmu.invalidateAll();
        assertAborted(smmu.read(0x1000));
        assertEvent(Event.C_BAD_CD);
    }

    @Test
    @DisplayName("§7.3.10: F_CD_FETCH with the address")
    void aDescriptorOutsideMemoryIsAFetchFault() {
        smmu.ste(SID, 1 | 5 << 1 | 1L << 40, 0, 0, 0);
        assertAborted(smmu.read(0x1000));
        SmmuHarness.EventRecord event = smmu.event();
        assertThat(event.number()).isEqualTo(Event.F_CD_FETCH);
        assertThat(event.dw3()).isEqualTo(1L << 40);
    }

    @Test
    @DisplayName("§5.2 S1DSS: terminate, bypass, SSID 0")
    void trafficWithoutSubstreamFollowsS1dss() {
        PageTables tables = smmu.stage1Tables();
        tables.map(0x7000_0000L, 0x5000, 12, READ_WRITE);
        smmu.cd(0, 1, tables.root(), 0);

        smmu.stage1Stream(SID, 4, 0);
        assertAborted(smmu.read(0x7000_0000L));
        assertEvent(Event.F_STREAM_DISABLED);

        smmu.stage1Stream(SID, 4, 1);
        assertThat(gpa(smmu.read(0x1234), 0x1234)).isEqualTo(0x1234);

        smmu.stage1Stream(SID, 4, 2);
        smmu.invalidateAll();
        assertThat(gpa(smmu.read(0x7000_0123L), 0x7000_0123L)).isEqualTo(0x5123);
        assertAborted(smmu.translate(pasid(0), 0x7000_0000L, Translation.READ));
        assertEvent(Event.F_STREAM_DISABLED);
    }

    @Test
    @DisplayName("§3.4: stage 1, bypassed by S1DSS, refuses what is no intermediate address")
    void aBypassedStage1ChecksTheInputSize() {
        smmu.stage1Stream(SID, 4, 1);
        long last = (1L << 48) - 4;
        assertThat(gpa(smmu.read(last), last)).isEqualTo(last);

        assertAborted(smmu.read(1L << 48));

        SmmuHarness.EventRecord event = smmu.event();
        assertThat(event.number()).isEqualTo(Event.F_ADDR_SIZE);
        assertThat(event.dw1()).isEqualTo(1L << 35 | 2L << 40);
        assertThat(event.dw2()).isEqualTo(1L << 48);
    }

    @Test
    @DisplayName("§3.3.2: each substream has its own tables; others are C_BAD_SUBSTREAMID")
    void substreamsHaveTablesOfTheirOwn() {
        PageTables first = smmu.stage1Tables();
        PageTables second = smmu.stage1Tables();
        first.map(0x7000_0000L, 0x5000, 12, READ_WRITE);
        second.map(0x7000_0000L, 0x6000, 12, READ_WRITE);
        smmu.stage1Stream(SID, 4, 2);
        smmu.cd(5, 5, first.root(), 0);
        smmu.cd(6, 6, second.root(), 0);

        assertThat(gpa(smmu.translate(pasid(5), 0x7000_0008L, Translation.READ), 0x7000_0008L))
                .isEqualTo(0x5008);
        assertThat(gpa(smmu.translate(pasid(6), 0x7000_0008L, Translation.READ), 0x7000_0008L))
                .isEqualTo(0x6008);
        assertAborted(smmu.translate(pasid(16), 0x7000_0000L, Translation.READ));
        SmmuHarness.EventRecord event = smmu.event();
        assertThat(event.number()).isEqualTo(Event.C_BAD_SUBSTREAMID);
        assertThat(event.dw0() >>> 11 & 1).describedAs("SSV").isEqualTo(1);
        assertThat(event.dw0() >>> 12 & 0xf_ffff).isEqualTo(16);
    }

    @Test
    @DisplayName("§5.3: two-level context tables of 64 KiB leaves")
    void contextTablesMayHaveTwoLevels() {
        PageTables tables = smmu.stage1Tables();
        tables.map(0x7000_0000L, 0x5000, 12, READ_WRITE);
        long leaf = 0x30_0000;
        smmu.ste(SID, 1 | 5 << 1 | 2 << 4 | CONTEXTS | 12L << 59, 2, 0, 0);
        smmu.store(CONTEXTS + 8, leaf | 1);
        smmu.store(leaf + 64 * 7, SmmuHarness.cdWord0(9), tables.root(), 0, 0xff);

        assertThat(
                        gpa(
                                smmu.translate(pasid(1024 + 7), 0x7000_0000L, Translation.READ),
                                0x7000_0000L))
                .isEqualTo(0x5000);
        assertAborted(smmu.translate(pasid(7), 0x7000_0000L, Translation.READ));
        assertEvent(Event.C_BAD_SUBSTREAMID);
    }

    @Test
    @DisplayName("§5.1: two-level stream tables; Span n holds 2^(n-1) entries")
    void streamTablesMayHaveTwoLevels() {
        smmu.control(0);
        smmu.write32(0x088, 1 << 16 | 8 << 6 | 16);
        smmu.control(0b1111);
        long leaf = 0x30_0000;
        smmu.store(STREAM_TABLE + 8, leaf | 3);
        smmu.store(leaf + 64 * 3, 1 | 4 << 1);
        Requester third = Requester.withoutPasid(0x103);
        assertThat(gpa(smmu.translate(third, 0x1234, Translation.READ), 0x1234)).isEqualTo(0x1234);
        assertAborted(smmu.translate(Requester.withoutPasid(0x104), 0x1234, Translation.READ));
        assertAborted(smmu.translate(Requester.withoutPasid(0x203), 0x1234, Translation.READ));
        assertThat(smmu.hasEvent()).describedAs("C_BAD_STREAMID without RECINVSID").isFalse();
    }

    @Test
    @DisplayName("§4.3: a configuration is used until it is invalidated")
    void configurationIsCachedUntilCfgi() {
        smmu.ste(SID, 1 | 4 << 1, 0, 0, 0);
        assertThat(smmu.read(0x1000)).isInstanceOf(Translation.Mapping.class);
        smmu.ste(SID, 1, 0, 0, 0);
        assertThat(smmu.read(0x1000)).isInstanceOf(Translation.Mapping.class);
        smmu.submit(0x03 | (long) SID << 32, 1, SmmuHarness.SYNC, 0);
        assertAborted(smmu.read(0x1000));
    }

    @Test
    @DisplayName("CD.IPS 6 and 7 and S2AA64 = 0 fault or are clamped; nothing escapes")
    void everyPatternOfTheStructuresIsJudged() {
        long seed = Long.getLong("nestor.seed", System.nanoTime());
        System.out.println("StreamTest: -Dnestor.seed=" + seed);
        java.util.SplittableRandom random = new java.util.SplittableRandom(seed);
        for (int i = 0; i < 20_000; i++) {
            smmu.ste(
                    SID,
                    random.nextLong() & ~0xfL & 0xff00_0000_003f_ffffL
                            | 1
                            | (long) random.nextInt(8) << 1,
                    random.nextLong(),
                    random.nextLong(),
                    random.nextLong() & 0x3f_ffffL);
            smmu.store(
                    CONTEXTS,
                    random.nextLong() | 1L << 31 | 1L << 41 | 1L << 46,
                    random.nextLong() & 0x3f_ffffL,
                    random.nextLong() & 0x3f_ffffL,
                    random.nextLong());
            smmu.submit(SmmuHarness.CFGI_ALL, 31);
            smmu.translate(REQUESTER, random.nextLong(), 1 + random.nextInt(7));
            smmu.translate(pasid(random.nextInt(1 << 20)), random.nextLong(), 1);
        }
        assertThat(smmu.commandError()).isZero();
    }
}
