package nestor.host.kvm;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import nestor.vmm.vcpu.VcpuExit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How a vCPU is got out of the guest (docs/adr/0019). */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
class KickTest {
    /** Says that it is there, then spins: out 0x10, al; jmp $. */
    private static final String SPIN = "e6 10  eb fe";

    private static final VcpuExit STOPPED = new VcpuExit.Stopped();

    private final CountDownLatch spinning = new CountDownLatch(1);
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private TinyGuest guest;

    @BeforeEach
    void open() throws Exception {
        guest = TinyGuest.plain();
        guest.ports.map(0x10, 1, TinyGuest.writes((_, _, _) -> spinning.countDown()));
    }

    @AfterEach
    void close() throws Exception {
        threads.shutdownNow();
        assertThat(threads.awaitTermination(2, TimeUnit.MINUTES)).isTrue();
        guest.close();
    }

    private Future<VcpuExit> start(String hex) throws Exception {
        guest.put(TinyGuest.CODE, hex);
        guest.vcpu.start(new PvhEntry((int) TinyGuest.CODE, 0));
        Callable<VcpuExit> run = guest.vcpu::run;
        return threads.submit(run);
    }

    @Test
    @DisplayName("api.rst §4.20: KVM_SET_SIGNAL_MASK")
    void aSpinningGuestIsStopped() throws Exception {
        Future<VcpuExit> run = start(SPIN);
        assertThat(spinning.await(2, TimeUnit.MINUTES)).isTrue();

        guest.vcpu.stop(STOPPED);

        assertThat(run.get(2, TimeUnit.MINUTES)).isEqualTo(STOPPED);
    }

    @Test
    void aGuestInUserModeIsStopped() throws Exception {
        LongMode.enter(guest, LongMode.USER, "48 ff 04 25 00 20 00 00  eb f6"); // inc [0x2000]
        Future<VcpuExit> run = threads.submit((Callable<VcpuExit>) guest.vcpu::run);
        while (guest.memory.getLongLe(0x2000) < 1000 && !run.isDone()) {
            Thread.onSpinWait();
        }

        guest.vcpu.stop(STOPPED);

        assertThat(run.get(2, TimeUnit.MINUTES)).isEqualTo(STOPPED);
    }

    @Test
    void aHaltedGuestIsStopped() throws Exception {
        Future<VcpuExit> run = start("e6 10  f4");
        assertThat(spinning.await(2, TimeUnit.MINUTES)).isTrue();

        guest.vcpu.stop(STOPPED);

        assertThat(run.get(2, TimeUnit.MINUTES)).isEqualTo(STOPPED);
    }

    @Test
    void aStopBeforeTheRunIsNotLost() throws Exception {
        guest.put(TinyGuest.CODE, SPIN);
        guest.vcpu.start(new PvhEntry((int) TinyGuest.CODE, 0));

        guest.vcpu.stop(STOPPED);

        assertThat(guest.vcpu.run()).isEqualTo(STOPPED);
        assertThat(spinning.getCount()).isEqualTo(1);
    }

    @Test
    void ofManyStopsAtAnyMomentNoneIsLost() throws Exception {
        guest.put(TinyGuest.CODE, SPIN);
        guest.vcpu.start(new PvhEntry((int) TinyGuest.CODE, 0));
        int rounds = 2000;
        Future<Integer> runs =
                threads.submit(() -> {
                    int stopped = 0;
                    while (stopped < rounds) {
                        assertThat(guest.vcpu.run()).isEqualTo(STOPPED);
                        stopped++;
                    }
                    return stopped;
                });
        List<Future<?>> stoppers = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            stoppers.add(
                    threads.submit(() -> {
                        while (!runs.isDone()) {
                            guest.vcpu.stop(STOPPED);
                            guest.vcpu.kick();
                        }
                    }));
        }

        assertThat(runs.get(4, TimeUnit.MINUTES)).isEqualTo(rounds);
        for (Future<?> stopper : stoppers) {
            stopper.get(2, TimeUnit.MINUTES);
        }
    }

    @Test
    void kicksOfAThreadThatDoesNotRunHurtNobody() throws Exception {
        assertThat(guest.run("e6 f4")).isEqualTo(new VcpuExit.Shutdown());

        guest.vcpu.kick();
        guest.vcpu.kick();

        assertThat(guest.run("e6 f4")).isEqualTo(new VcpuExit.Shutdown());
    }

    @Test
    void theThreadGetsItsSignalMaskBack() throws Exception {
        long before = blocked();

        guest.run("e6 f4");

        assertThat(blocked()).isEqualTo(before);
    }

    /** SigBlk of this thread (proc(5)). */
    private static long blocked() throws Exception {
        return java.nio.file.Files.readAllLines(java.nio.file.Path.of("/proc/thread-self/status"))
                .stream()
                .filter(line -> line.startsWith("SigBlk:"))
                .mapToLong(line -> Long.parseUnsignedLong(line.substring(7).strip(), 16))
                .findFirst()
                .orElseThrow();
    }
}
