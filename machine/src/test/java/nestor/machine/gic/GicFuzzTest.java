package nestor.machine.gic;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;
import java.lang.foreign.MemorySegment;
import nestor.cpu.arm64.SystemRegisterPort;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.mmio.MmioRegion;

/** A hostile guest at every register of the GIC, and at the tables and commands in its memory. */
class GicFuzzTest {
    private static final int MAX_STEPS = 2000;
    private static final int[] OP2 = {0, 1, 2, 3, 4, 5, 6, 7};
    private static final int[] CRM = {6, 8, 9, 11, 12};

    @FuzzTest(maxDuration = "10m")
    void anyAccessIsAnswered(FuzzedDataProvider data) throws GuestAccessException {
        try (GicHarness gic = new GicHarness(2)) {
            if (data.consumeBoolean()) {
                gic.started().withIts();
            }
            for (int step = 0; step < MAX_STEPS && data.remainingBytes() > 0; step++) {
                step(gic, data);
            }
            gic.gic.reset();
            assertThat(gic.irq).containsOnly(false);
        }
    }

    private static void step(GicHarness gic, FuzzedDataProvider data) throws GuestAccessException {
        switch (data.consumeInt(0, 9)) {
            case 0, 1 -> access(gic.distributor, GicV3.DISTRIBUTOR_BYTES, data);
            case 2 -> access(gic.redistributors, 2 * GicV3.REDISTRIBUTOR_BYTES, data);
            case 3 -> access(gic.its, GicV3.ITS_BYTES, data);
            case 4 -> systemRegister(gic.cpu(data.consumeInt(0, 1)), data);
            case 5 -> gic.gic.spi(data.consumeInt(0, 63)).set(data.consumeBoolean());
            case 6 -> gic.gic.ppi(data.consumeInt(0, 1), 27).set(data.consumeBoolean());
            case 7 -> gic.message(data.consumeInt(), data.consumeInt());
            case 8 ->
                    gic.command(
                            data.consumeInt(0, 16) | (long) data.consumeInt(0, 600) << 32,
                            data.consumeLong(),
                            data.consumeBoolean()
                                    ? 1L << 63 | GicHarness.ITT | data.consumeInt(0, 3)
                                    : data.consumeLong(),
                            data.consumeInt(0, 2) << 16);
            default -> {
                byte[] bytes = data.consumeBytes(32);
                long at = GicHarness.RAM + data.consumeInt(0, (1 << 20) - 32);
                gic.memory.copyIn(MemorySegment.ofArray(bytes), at);
            }
        }
    }

    private static void access(MmioRegion region, long bytes, FuzzedDataProvider data) {
        int size = 1 << data.consumeInt(0, 3);
        long offset = data.consumeLong(0, bytes / size - 1) * size;
        if (data.consumeBoolean()) {
            region.write(offset, size, data.consumeLong());
        } else {
            region.read(offset, size);
        }
    }

    private static void systemRegister(SystemRegisterPort cpu, FuzzedDataProvider data) {
        int crm = CRM[data.consumeInt(0, CRM.length - 1)];
        int encoding =
                GicHarness.encoding(
                        crm == 6 ? 4 : 12, crm, OP2[data.consumeInt(0, OP2.length - 1)]);
        if (data.consumeBoolean()) {
            cpu.write(encoding, data.consumeLong());
        } else {
            cpu.read(encoding);
        }
    }
}
