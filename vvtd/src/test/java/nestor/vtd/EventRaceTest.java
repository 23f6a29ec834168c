package nestor.vtd;

import static nestor.vtd.VtdHarness.DID;
import static nestor.vtd.VtdHarness.RID;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import nestor.pci.PageRequest;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.vmm.loop.ManualLoop;
import nestor.vmm.mmio.MmioRegion;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Events that happen while software is about to acknowledge the last one: none is lost. */
class EventRaceTest {
    private static final int ROUNDS = 2_000;
    private static final int REQUESTS = 3;
    private static final Requester USER = new Requester(RID, 1, false);
    private static final long PRS = 0x0dc;
    private static final long PECTL = 0x0e0;
    private static final long MASKED = 1L << 31;

    private final VtdHarness structures = new VtdHarness().scalable();
    private final ManualLoop loop = new ManualLoop();

    /** Interrupt messages that software has not looked at. */
    private final AtomicInteger messages = new AtomicInteger();

    private final VtdUnit unit =
            new VtdUnit(
                    structures.options,
                    structures.memory,
                    loop,
                    structures.clock,
                    _ -> Optional.empty(),
                    (_, _, _) -> messages.incrementAndGet());
    private final MmioRegion registers = unit.registers();

    /** Rounds that the driver has begun, and that the function has ended. */
    private final AtomicInteger begun = new AtomicInteger();

    private final AtomicInteger ended = new AtomicInteger();

    @BeforeEach
    void enable() {
        structures.firstStage(1, DID, structures.firstStageTables(4));
        registers.write(0x020, 8, VtdHarness.ROOT | 1 << 10);
        registers.write(0x018, 4, VtdHarness.SRTP);
        registers.write(0x018, 4, VtdHarness.TE);
        loop.runUntilIdle();
        registers.write(0x0d0, 8, VtdHarness.PAGE_REQUESTS);
        registers.write(PECTL, 4, 0);
    }

    @Test
    @Timeout(value = 5, unit = TimeUnit.MINUTES)
    @DisplayName("§7.5.1.2: a page request that comes while PPR is cleared is an event")
    void noPageRequestIsLeftBehind() throws InterruptedException {
        Thread function = Thread.ofPlatform().start(this::ask);
        for (int round = 1; round <= ROUNDS; round++) {
            begun.set(round);
            boolean last;
            do {
                last = ended.get() == round;
                while (messages.getAndSet(0) > 0) {
                    serve();
                }
            } while (!last);
            if (registers.read(0x0c0, 8) != registers.read(0x0c8, 8)) {
                begun.set(ROUNDS + 1);
                function.join();
                assertThat(round).describedAs("requests without an event").isZero();
            }
        }
        function.join();
    }

    private void ask() {
        for (int round = 1; round <= ROUNDS; round++) {
            while (begun.get() < round) {
                Thread.onSpinWait();
            }
            for (int index = 0; index < REQUESTS; index++) {
                unit.requestPage(new PageRequest(USER, 0x7000, Translation.READ, index, true));
            }
            ended.set(round);
        }
    }

    /** As Linux does, whose handler is a thread with the interrupt masked meanwhile. */
    private void serve() {
        registers.write(PECTL, 4, MASKED);
        registers.write(PRS, 4, 1);
        registers.write(0x0c0, 8, registers.read(0x0c8, 8));
        registers.write(PECTL, 4, 0);
    }
}
