package nestor.smmuv3;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.register.RegisterFile;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Records that are written while software takes the last one out. */
class OutputQueueRaceTest {
    private static final int ROUNDS = 2_000;
    private static final int RECORDS = 3;
    private static final int LOG2 = 6;
    private static final long INDEX = (2L << LOG2) - 1;
    private static final long PROD = Registers.EVENTQ_PROD.offset();
    private static final long CONS = Registers.EVENTQ_CONS.offset();

    private final RegisterFile registers =
            new RegisterFile(Registers.BYTES, 4, Registers.of(SmmuV3Options.whole()));
    private final OutputQueue queue =
            new OutputQueue(
                    GuestMemory.anonymous(0, 1 << 20),
                    registers,
                    Registers.EVENTQ_BASE,
                    Registers.EVENTQ_PROD,
                    Registers.EVENTQ_CONS,
                    () -> true,
                    false);

    private final AtomicInteger interrupts = new AtomicInteger();

    /** Rounds that software has begun, and that the SMMU has ended. */
    private final AtomicInteger begun = new AtomicInteger();

    private final AtomicInteger ended = new AtomicInteger();

    @Test
    @Timeout(value = 5, unit = TimeUnit.MINUTES)
    @DisplayName("IHI 0070 §3.18: a record that finds its queue just emptied is an interrupt")
    void noRecordIsLeftBehind() throws InterruptedException {
        registers.write(Registers.EVENTQ_BASE.offset(), 8, 0x1_0000 | LOG2);
        Thread smmu = Thread.ofPlatform().start(this::write);
        int left = 0;
        for (int round = 1; round <= ROUNDS; round++) {
            begun.set(round);
            boolean last;
            do {
                last = ended.get() == round;
                while (interrupts.getAndSet(0) > 0) {
                    serve();
                }
            } while (!last);
            if (!queue.isEmpty()) {
                left++;
                serve();
            }
        }
        smmu.join();
        assertThat(left).describedAs("rounds with records and no interrupt").isZero();
    }

    private void write() {
        for (int round = 1; round <= ROUNDS; round++) {
            while (begun.get() < round) {
                Thread.onSpinWait();
            }
            for (int i = 0; i < RECORDS; i++) {
                if (queue.write(round, i, 0, 0) == OutputQueue.Outcome.WRITTEN_FIRST) {
                    interrupts.incrementAndGet();
                }
            }
            ended.set(round);
        }
    }

    /** As Linux does: one record after the other, until there is none. */
    private void serve() {
        long cons = registers.read(CONS, 4);
        while ((registers.read(PROD, 4) & INDEX) != cons) {
            cons = cons + 1 & INDEX;
            registers.write(CONS, 4, cons);
        }
    }
}
