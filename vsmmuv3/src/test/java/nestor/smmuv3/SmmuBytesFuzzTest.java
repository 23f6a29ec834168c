package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.COMMANDS;
import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.REQUESTER;
import static nestor.smmuv3.SmmuHarness.SID;
import static nestor.smmuv3.SmmuHarness.STREAM_TABLE;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import nestor.paging.AccessTracking;
import nestor.paging.Permissions;
import nestor.pci.AddressType;
import nestor.pci.AtsCompletion;
import nestor.pci.AtsRequest;
import nestor.pci.CompletionStatus;
import nestor.pci.PageRequest;
import nestor.pci.Requester;
import nestor.pci.StalledTransaction;
import nestor.pci.Translation;
import nestor.testkit.PageTables;

/** Raw bytes from a hostile guest, interface by interface: each access still has an answer. */
class SmmuBytesFuzzTest {
    private static final int MAX_STEPS = 200;
    private static final int MEMORY_BYTES = 1 << 20;
    private static final long IDR0 = SmmuV3Options.whole().idr0();
    private static final long IOVA = 0x7000_0000L;
    private static final int ALL_ACCESS = 7;
    private static final long OUTPUT_LIMIT = 1L << 48;

    /** A requester that can wait, and is told at most once for each request. */
    private static final class Waiting implements StalledTransaction {
        private boolean told;

        @Override
        public void retry() {
            tell();
        }

        @Override
        public void terminate(CompletionStatus status) {
            tell();
        }

        private void tell() {
            assertThat(told).describedAs("told already").isFalse();
            told = true;
        }
    }

    @FuzzTest(maxDuration = "30m")
    void registers(FuzzedDataProvider data) {
        SmmuHarness smmu = data.consumeBoolean() ? mapped() : SmmuHarness.small();
        for (int i = 0; i < MAX_STEPS && data.remainingBytes() > 0; i++) {
            boolean wide = data.consumeBoolean();
            long page = data.consumeBoolean() ? 0 : 0x1_0000;
            long offset = page + data.consumeInt(0, wide ? 0x3fff : 0x7fff) % 0x120 * 4L;
            offset &= wide ? -8 : -4;
            if (data.consumeBoolean()) {
                smmu.registers.write(offset, wide ? 8 : 4, data.consumeLong());
            } else {
                smmu.registers.read(offset, wide ? 8 : 4);
            }
            smmu.loop.runUntilIdle();
            access(smmu, data);
        }
        assertUnharmed(smmu);
    }

    @FuzzTest(maxDuration = "30m")
    void commands(FuzzedDataProvider data) {
        SmmuHarness smmu = mapped();
        smmu.endpoints.put(SID, new SmmuHarness.RecordingEndpoint());
        for (int i = 0; i < MAX_STEPS && data.remainingBytes() > 0; i++) {
            int slot = data.consumeInt(0, (1 << SmmuHarness.COMMANDS_LOG2) - 1);
            smmu.fill(COMMANDS + 16L * slot, data.consumeBytes(16));
            if (data.consumeBoolean()) {
                access(smmu, data);
            }
            smmu.write32(0x098, data.consumeInt(0, 0x7f));
            smmu.loop.runUntilIdle();
            if (smmu.commandError() != 0) {
                assertThat(smmu.commandError()).isBetween(1, 3);
                smmu.write32(0x064, smmu.read32(0x060));
                smmu.loop.runUntilIdle();
            }
            smmu.endpoints.get(SID).completions.forEach(Runnable::run);
            smmu.endpoints.get(SID).completions.clear();
            smmu.loop.runUntilIdle();
        }
        assertUnharmed(smmu);
    }

    @FuzzTest(maxDuration = "30m")
    void structures(FuzzedDataProvider data) {
        SmmuHarness smmu = mapped();
        boolean twoLevel = data.consumeBoolean();
        if (twoLevel) {
            smmu.control(0);
            smmu.write32(0x088, 1 << 16 | 8 << 6 | 16);
            smmu.control(0b1_1111);
        }
        for (int i = 0; i < MAX_STEPS && data.remainingBytes() > 0; i++) {
            long at =
                    switch (data.consumeInt(0, 3)) {
                        case 0 -> STREAM_TABLE + 64L * SID + 8L * data.consumeInt(0, 3);
                        case 1 -> CONTEXTS + 8L * data.consumeInt(0, 31);
                        case 2 -> STREAM_TABLE + 8L * data.consumeInt(0, 7);
                        default -> data.consumeInt(0, MEMORY_BYTES - 8) & -8L;
                    };
            smmu.store(at, data.consumeLong());
            if (data.consumeBoolean()) {
                smmu.submit(SmmuHarness.CFGI_ALL, 31, SmmuHarness.SYNC, 0);
            }
            access(smmu, data);
        }
        assertUnharmed(smmu);
    }

    @FuzzTest(maxDuration = "30m")
    void tables(FuzzedDataProvider data) {
        SmmuHarness smmu = SmmuHarness.small().enabled();
        PageTables stage1 = smmu.stage1Tables(AccessTracking.HARDWARE_DIRTY);
        PageTables stage2 = smmu.stage2Tables();
        for (int page = 0; page < 4; page++) {
            stage1.map(IOVA + page * 4096L, 0x5000 + page * 4096L, 12, Permissions.READ);
        }
        stage2.map(0, 0, 21, Permissions.READ | Permissions.WRITE);
        int config = data.consumeInt(5, 7);
        long dw0 = data.consumeLong();
        smmu.cd(0, 1, stage1.root(), dw0 & (0xffL | 0x3fL << 32 | 0xfL << 40));
        if (config == 5) {
            smmu.stage1Stream(SID, 0, 0);
        } else {
            smmu.stage2Stream(SID, config, 3, stage2.root());
        }
        long stage1At = 0x8_0000;
        long stage2At = 0xc_0000;
        for (int i = 0; i < MAX_STEPS && data.remainingBytes() > 0; i++) {
            long table = data.consumeBoolean() ? stage1At : stage2At;
            long at = table + 8L * data.consumeInt(0, 4 * 512 - 1);
            smmu.store(at, data.consumeLong());
            if (data.consumeBoolean()) {
                smmu.submit(SmmuHarness.TLBI_NSNH_ALL, 0, SmmuHarness.SYNC, 0);
            }
            long iova =
                    data.consumeBoolean() ? IOVA + data.consumeInt(0, 0x3fff) : data.consumeLong();
            answered(smmu.translate(REQUESTER, iova, data.consumeInt(1, ALL_ACCESS)), iova);
            access(smmu, data);
        }
        assertUnharmed(smmu);
    }

    /** A stream with stage 1 and two substreams, everything on. */
    private static SmmuHarness mapped() {
        SmmuHarness smmu = SmmuHarness.small().enabled();
        PageTables tables = smmu.stage1Tables();
        tables.map(IOVA, 0x5000, 12, Permissions.READ | Permissions.WRITE);
        smmu.stage1Stream(SID, 2, 2);
        for (int ssid = 0; ssid < 4; ssid++) {
            smmu.cd(ssid, ssid + 1, tables.root(), ssid % 2 == 0 ? 0 : 1L << 44);
        }
        return smmu;
    }

    /** One access of any kind by any function. */
    private static void access(SmmuHarness smmu, FuzzedDataProvider data) {
        int rid = data.consumeBoolean() ? SID : data.consumeInt(0, 0xffff);
        int ssid = data.consumeBoolean() ? Requester.NO_PASID : data.consumeInt(0, 0xf_ffff) % 6;
        var requester =
                new Requester(rid, ssid, ssid != Requester.NO_PASID && data.consumeBoolean());
        long iova = data.consumeBoolean() ? IOVA : data.consumeLong();
        int access = data.consumeInt(1, ALL_ACCESS);
        switch (data.consumeInt(0, 4)) {
            case 0 -> answered(smmu.translate(requester, iova, access), iova);
            case 1 ->
                    answered(
                            smmu.smmu.translate(requester, AddressType.TRANSLATED, iova, access),
                            iova);
            case 2 -> answered(smmu.smmu.translate(requester, iova, access, new Waiting()), iova);
            case 3 -> {
                int count = data.consumeInt(1, 64);
                var request = new AtsRequest(requester, iova, count, 12, access == 1, access > 3);
                if (smmu.smmu.requestTranslation(request)
                        instanceof AtsCompletion.Entries entries) {
                    assertThat(entries.entries()).hasSizeBetween(1, count);
                }
            }
            default ->
                    smmu.smmu.requestPage(
                            new PageRequest(
                                    requester, iova, access, access, data.consumeBoolean()));
        }
        smmu.loop.runUntilIdle();
    }

    /** A mapping holds the address, and stays within what an output address may be. */
    private static void answered(Translation answer, long iova) {
        if (answer instanceof Translation.Mapping mapping && mapping.sizeLog2() < Long.SIZE) {
            assertThat(iova - mapping.iovaBase() >>> mapping.sizeLog2()).isZero();
            assertThat(mapping.gpaBase() >>> 48).isZero();
            assertThat(mapping.gpa(iova)).isLessThan(OUTPUT_LIMIT);
        }
    }

    /** The identification registers are read-only, and a reset brings everything back. */
    private static void assertUnharmed(SmmuHarness smmu) {
        assertThat(smmu.read32(0)).isEqualTo(IDR0);
        smmu.smmu.reset();
        smmu.loop.runUntilIdle();
        assertThat(smmu.read32(0x024)).isZero();
        Translation passes = smmu.read(0x1000);
        assertThat(passes).isInstanceOf(Translation.Mapping.class);
        smmu.memory.close();
    }
}
