package nestor.smmuv3;

import static nestor.smmuv3.SmmuHarness.COMMANDS;
import static nestor.smmuv3.SmmuHarness.CONTEXTS;
import static nestor.smmuv3.SmmuHarness.SID;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import nestor.pci.AddressType;
import nestor.pci.AtsRequest;
import nestor.pci.PageRequest;
import nestor.pci.Requester;

/** Whatever is written to registers, queues and structures, each access has an answer. */
class SmmuFuzzTest {
    private static final int MAX_STEPS = 200;

    @FuzzTest(maxDuration = "10m")
    void everyAccessIsAnswered(FuzzedDataProvider data) {
        SmmuHarness smmu = new SmmuHarness().enabled();
        smmu.endpoints.put(SID, new SmmuHarness.RecordingEndpoint());
        for (int i = 0; i < MAX_STEPS && data.remainingBytes() > 0; i++) {
            step(smmu, data);
            smmu.loop.runUntilIdle();
        }
        assertThat(smmu.read32(0)).isEqualTo(new SmmuHarness().read32(0));
    }

    private static void step(SmmuHarness smmu, FuzzedDataProvider data) {
        int access = data.consumeInt(1, 7);
        switch (data.consumeInt(0, 9)) {
            case 0 -> smmu.write32(4L * data.consumeInt(0, 0x40), data.consumeLong());
            case 1 -> smmu.write64(8L * data.consumeInt(0, 0x20), data.consumeLong());
            case 2 -> smmu.write32(0x1_00a8 + 4L * data.consumeInt(0, 9), data.consumeLong());
            case 3 -> smmu.store(COMMANDS + 8L * data.consumeInt(0, 127), data.consumeLong());
            case 4 -> {
                int command = data.consumeInt(0, 0x60);
                smmu.submit(command | data.consumeLong() << 8, data.consumeLong());
            }
            case 5 -> {
                long dw0 = data.consumeLong() & 0xff00_0000_00ff_ffffL | 1;
                smmu.ste(SID, dw0, data.consumeLong(), data.consumeLong(), address(data));
            }
            case 6 ->
                    smmu.store(
                            CONTEXTS + 64L * data.consumeInt(0, 3),
                            data.consumeLong() | 1L << 31 | 1L << 41 | 1L << 46,
                            address(data),
                            address(data),
                            data.consumeLong());
            case 7 -> smmu.store(address(data) & ~7L, data.consumeLong());
            case 8 -> {
                AddressType type =
                        data.consumeBoolean() ? AddressType.UNTRANSLATED : AddressType.TRANSLATED;
                smmu.smmu.translate(requester(data), type, data.consumeLong(), access);
            }
            default -> {
                long iova = data.consumeLong();
                int count = data.consumeInt(1, 64);
                smmu.smmu.requestTranslation(
                        new AtsRequest(requester(data), iova, count, 12, access == 1, access > 3));
                smmu.smmu.requestPage(
                        new PageRequest(requester(data), iova, access, count, access > 2));
            }
        }
    }

    private static long address(FuzzedDataProvider data) {
        return data.consumeInt(0, (int) SmmuHarness.MEMORY_BYTES - 64);
    }

    private static Requester requester(FuzzedDataProvider data) {
        int rid = data.consumeBoolean() ? SID : data.consumeInt(0, 0xffff);
        return data.consumeBoolean()
                ? Requester.withoutPasid(rid)
                : new Requester(rid, data.consumeInt(0, 0xf_ffff), data.consumeBoolean());
    }
}
