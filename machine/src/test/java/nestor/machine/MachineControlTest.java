package nestor.machine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import nestor.machine.MachineControl.RunState;
import nestor.testkit.CountingGuest;
import nestor.vmm.memory.GuestAccessException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A machine whose guest counts, on both boards. */
@ParameterizedClass
@EnumSource
class MachineControlTest {
    private static final int ROUNDS = 20;

    private final CountingGuest guest;
    private final BlockingQueue<MachineEvent> events = new LinkedBlockingQueue<>();
    @TempDir private Path folder;
    private Machine machine;
    private MachineControl control;
    private CompletableFuture<MachineOutcome> outcome = CompletableFuture.completedFuture(null);

    MachineControlTest(CountingGuest guest) {
        this.guest = guest;
    }

    @BeforeEach
    void create() throws Exception {
        machine = Machine.create(config(), Map.of());
        control = machine.control();
        control.listen(events::add);
    }

    /** Memory goes only when the guest has ended, whatever a test came to. */
    @AfterEach
    void close() throws Exception {
        machine.stop();
        outcome.get(2, TimeUnit.MINUTES);
        machine.close();
    }

    private MachineConfig config() throws IOException {
        return new MachineConfig(
                guest.board(),
                Map.of(),
                Accelerator.TCG,
                64 << 20,
                1,
                guest.write(folder.resolve("kernel")),
                Optional.empty(),
                "",
                List.of(),
                List.of(new DeviceConfig("edu", Map.of())),
                false);
    }

    private void start() {
        CompletableFuture<MachineOutcome> run = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> run.complete(machine.run()));
        outcome = run;
    }

    private int counter() {
        try {
            return control.memory().getIntLe(guest.counterGpa());
        } catch (GuestAccessException e) {
            throw new AssertionError(e);
        }
    }

    /** Until the guest has counted beyond a number, or for ever. */
    private void awaitMoreThan(int count) {
        while (counter() <= count) {
            Thread.onSpinWait();
        }
    }

    private MachineEvent next() throws InterruptedException {
        return events.poll(2, TimeUnit.MINUTES);
    }

    @Test
    void aStoppedGuestMakesNoStepUntilItGoesOn() throws Exception {
        start();
        awaitMoreThan(0);
        for (int i = 0; i < ROUNDS; i++) {
            control.stop();
            assertThat(control.state()).isEqualTo(RunState.PAUSED);
            int count = counter();
            long retired = machine.retiredInstructions();
            assertThat(control.inspect(this::counter)).isEqualTo(count);
            assertThat(control.state()).isEqualTo(RunState.PAUSED);
            assertThat(machine.retiredInstructions()).isEqualTo(retired);
            assertThat(next()).isEqualTo(new MachineEvent.Stop());
            control.stop();

            control.cont();
            control.cont();
            assertThat(next()).isEqualTo(new MachineEvent.Resume());
            awaitMoreThan(count);
        }
        control.quit(MachineEvent.Cause.HOST_QMP_QUIT);
        assertThat(outcome.get(2, TimeUnit.MINUTES)).isEqualTo(new MachineOutcome.Stopped());
        assertThat(next()).isEqualTo(new MachineEvent.Shutdown(MachineEvent.Cause.HOST_QMP_QUIT));
        assertThat(control.state()).isEqualTo(RunState.SHUTDOWN);
        assertThat(events).isEmpty();
    }

    @Test
    void aLookLeavesARunningGuestRunning() throws Exception {
        start();
        awaitMoreThan(0);
        for (int i = 0; i < ROUNDS; i++) {
            int[] twice = control.inspect(() -> new int[] {counter(), counter()});
            assertThat(twice[0]).isEqualTo(twice[1]);
            assertThat(control.state()).isEqualTo(RunState.RUNNING);
            awaitMoreThan(twice[1]);
        }
        machine.stop();
        assertThat(next()).isEqualTo(new MachineEvent.Shutdown(MachineEvent.Cause.HOST_UI));
        assertThat(outcome.get(2, TimeUnit.MINUTES)).isEqualTo(new MachineOutcome.Stopped());
    }

    @Test
    void whileSomebodyLooksAMachineIsWhatItWasAndWillBe() throws Exception {
        start();
        awaitMoreThan(0);
        assertThat(control.inspect(control::state)).isEqualTo(RunState.RUNNING);

        control.stop();
        assertThat(control.inspect(control::state)).isEqualTo(RunState.PAUSED);
        assertThat(next()).isEqualTo(new MachineEvent.Stop());

        machine.stop();
        assertThat(outcome.get(2, TimeUnit.MINUTES)).isEqualTo(new MachineOutcome.Stopped());
    }

    @Test
    void aStopThatIsWantedDuringALookHoldsAfterIt() throws Exception {
        start();
        awaitMoreThan(0);
        RunState seen =
                control.inspect(() -> {
                    control.requestStop();
                    return control.state();
                });

        assertThat(seen).isEqualTo(RunState.PAUSED);
        assertThat(next()).isEqualTo(new MachineEvent.Stop());
        int count = counter();
        assertThat(control.state()).isEqualTo(RunState.PAUSED);
        assertThat(control.inspect(this::counter)).isEqualTo(count);

        control.cont();
        assertThat(next()).isEqualTo(new MachineEvent.Resume());
        awaitMoreThan(count);
        machine.stop();
        assertThat(outcome.get(2, TimeUnit.MINUTES)).isEqualTo(new MachineOutcome.Stopped());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aResetStartsAnewAndAStoppedMachineStaysStopped(boolean stopped) throws Exception {
        start();
        awaitMoreThan(100_000);
        if (stopped) {
            control.stop();
            assertThat(next()).isEqualTo(new MachineEvent.Stop());
        }
        control.reset();
        assertThat(next())
                .isEqualTo(new MachineEvent.Reset(MachineEvent.Cause.HOST_QMP_SYSTEM_RESET));
        if (stopped) {
            int before = control.inspect(this::counter);
            assertThat(control.state()).isEqualTo(RunState.PAUSED);
            control.cont();
            assertThat(next()).isEqualTo(new MachineEvent.Resume());
            while (counter() == before) {
                Thread.onSpinWait();
            }
        }
        awaitMoreThan(0);
        machine.stop();
        assertThat(outcome.get(2, TimeUnit.MINUTES)).isEqualTo(new MachineOutcome.Stopped());
    }

    @Test
    void aMachineThatStartsStoppedWaitsForCont() throws Exception {
        control.startStopped();
        start();
        control.awaitLaunch();
        control.stop();
        assertThat(control.state()).isEqualTo(RunState.PRELAUNCH);
        assertThat(machine.retiredInstructions()).isZero();
        assertThat(counter()).isZero();
        control.cont();
        assertThat(next()).isEqualTo(new MachineEvent.Resume());
        awaitMoreThan(0);
        control.stop();
        control.quit(MachineEvent.Cause.HOST_SIGNAL);
        assertThat(outcome.get(2, TimeUnit.MINUTES)).isEqualTo(new MachineOutcome.Stopped());
    }

    @Test
    void aLookDuringTheLaunchDoesNotCountAsAStop() throws Exception {
        control.inspect(() -> {
            start();
            return launch();
        });
        awaitMoreThan(0);
        control.stop();
        assertThat(control.state()).isEqualTo(RunState.PAUSED);
        machine.stop();
        assertThat(outcome.get(2, TimeUnit.MINUTES)).isEqualTo(new MachineOutcome.Stopped());
    }

    private boolean launch() {
        try {
            control.awaitLaunch();
            return true;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aBoardWithoutAPowerButtonSaysSo() throws ConfigException {
        if (guest.board().equals("q35")) {
            control.powerdown();
            assertThat(events).containsExactly(new MachineEvent.Powerdown());
            return;
        }
        assertThatThrownBy(control::powerdown)
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("no power button");
        assertThat(events).isEmpty();
    }
}
