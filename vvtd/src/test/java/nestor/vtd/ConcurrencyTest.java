package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.RID;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import nestor.pci.AddressType;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.testkit.PageTables;
import nestor.vmm.loop.MailboxLoop;
import nestor.vmm.mmio.MmioRegion;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A unit on the loop of a running machine, with functions that do DMA meanwhile. */
class ConcurrencyTest {
    private static final int ROUNDS = 1000;
    private static final long PAGE = 0x1000;
    private static final Requester USER = new Requester(RID, 1, false);

    private final VtdHarness structures = new VtdHarness().scalable();
    private final AtomicReference<Throwable> escaped = new AtomicReference<>();
    private final AtomicBoolean stop = new AtomicBoolean();

    @Test
    @Timeout(value = 5, unit = TimeUnit.MINUTES)
    @DisplayName("§6.5.2.8: after a wait, no fill that was under way brings the old page back")
    void noFillOutlivesAnInvalidation() throws InterruptedException {
        PageTables tables = structures.firstStageTables(4);
        tables.map(PAGE, 0x9000, 12, 0x3f);
        structures.firstStage(1, DID, tables);
        try (var loop = new MailboxLoop("vtd", 64, (_, e) -> escaped.set(e))) {
            var unit =
                    new VtdUnit(
                            structures.options,
                            structures.memory,
                            loop,
                            structures.clock,
                            _ -> Optional.empty(),
                            (_, _, _) -> {});
            enable(unit.registers());
            Thread dma = Thread.ofPlatform().start(() -> doDma(unit));
            for (int round = 1; round <= ROUNDS; round++) {
                long page = 0x9000 + (round & 1) * 0x1000L;
                tables.setDescriptor(PAGE, page | 7);
                invalidate(unit.registers(), round);
                while (structures.status() != round) {
                    Thread.onSpinWait();
                }
                assertThat(VtdHarness.gpa(translate(unit), PAGE)).isEqualTo(page);
            }
            stop.set(true);
            dma.join();
        }
        assertThat(escaped.get()).isNull();
    }

    private static void enable(MmioRegion registers) {
        registers.write(0x020, 8, VtdHarness.ROOT | 1 << 10);
        registers.write(0x018, 4, VtdHarness.SRTP);
        registers.write(0x090, 8, VtdHarness.QUEUE | 1 << 11 | 1);
        registers.write(0x018, 4, VtdHarness.TE | VtdHarness.QIE);
    }

    private void invalidate(MmioRegion registers, int round) {
        long tail = registers.read(0x088, 8);
        long iotlb = 6 | 3 << 4 | DID << 16 | 1L << 32;
        structures.store(VtdHarness.QUEUE + tail, iotlb, PAGE, 0, 0);
        long wait = 5 | 1 << 5 | (long) round << 32;
        tail = (tail + 32) % 8192;
        structures.store(VtdHarness.QUEUE + tail, wait, VtdHarness.STATUS, 0, 0);
        registers.write(0x088, 8, (tail + 32) % 8192);
    }

    private static Translation translate(VtdUnit unit) {
        return unit.translate(USER, AddressType.UNTRANSLATED, PAGE, Translation.READ);
    }

    private void doDma(VtdUnit unit) {
        while (!stop.get()) {
            long ticket = unit.enterDma();
            translate(unit);
            unit.exitDma(ticket);
        }
    }
}
