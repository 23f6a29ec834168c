package nestor.cli;

import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import nestor.cli.terminal.Signals;
import nestor.cli.terminal.Terminal;
import nestor.control.ControlledMachine;
import nestor.machine.ConfigException;
import nestor.machine.Machine;
import nestor.machine.MachineConfig;
import nestor.machine.MachineOutcome;
import nestor.trace.TraceRegistry;
import nestor.trace.Tracing;
import nestor.vmm.chardev.CharBackend;

/**
 * One run of a machine: from its creation to its end, with signals, a time limit, and a watch for
 * panics.
 */
final class VirtualMachine {
    /**
     * How it ended.
     *
     * @param signal the signal that ended it
     * @param instructions retired by the guest
     */
    record Ending(
            MachineOutcome outcome,
            boolean panicked,
            boolean timedOut,
            OptionalInt signal,
            long instructions,
            Duration duration) {
        int exitCode(int timeoutCode) {
            if (signal.isPresent()) {
                return ExitCode.ofSignal(signal.getAsInt());
            }
            if (outcome instanceof MachineOutcome.Failed) {
                return ExitCode.INTERNAL;
            }
            if (outcome instanceof MachineOutcome.HostFailed) {
                return ExitCode.FAILED;
            }
            if (panicked) {
                return ExitCode.GUEST_PANIC;
            }
            if (outcome instanceof MachineOutcome.Exited(int status)) {
                return status;
            }
            return timedOut ? timeoutCode : ExitCode.OK;
        }

        /** Millions of instructions per second of wall time. */
        double mips() {
            return instructions * 1e3 / Math.max(1, duration.toNanos());
        }

        @Override
        public String toString() {
            if (instructions == 0) {
                return "%.2f s".formatted(duration.toMillis() / 1e3);
            }
            return "%,d instructions retired in %.2f s, %.1f MIPS"
                    .formatted(instructions, duration.toMillis() / 1e3, mips());
        }
    }

    /** What is to happen between the making of a machine and its run. */
    @FunctionalInterface
    interface Start {
        void run(ControlledMachine machine) throws CommandException;
    }

    private final Terminal terminal;
    private final Optional<Duration> limit;
    private final AtomicReference<Optional<ControlledMachine>> running =
            new AtomicReference<>(Optional.empty());
    private volatile Runnable onStop = () -> {};
    private volatile Consumer<String> onDeviceDeleted = _ -> {};
    private volatile Attachment attachment = _ -> () -> {};
    private volatile Consumer<Machine> onEnded = _ -> {};
    private volatile ChaosOptions.Plan chaos = _ -> {};
    private volatile boolean timedOut;
    private String name = "";
    private List<ControlledMachine.Chardev> chardevs = List.of();
    private Optional<OracleWatch> oracle = Optional.empty();
    private Tracing tracing = new Tracing(TraceRegistry.ofProgram(), List.of(), _ -> {});

    VirtualMachine(Terminal terminal, Optional<Duration> limit) {
        this.terminal = terminal;
        this.limit = limit;
    }

    /** What else a stop needs; before {@link #run}. */
    void onStop(Runnable action) {
        onStop = action;
    }

    /** Who is told the id of each device that has left; before {@link #run}. */
    void onDeviceDeleted(Consumer<String> listener) {
        onDeviceDeleted = listener;
    }

    /** What looks at the machine from outside while it runs. */
    @FunctionalInterface
    interface Attachment {
        /**
         * Attaches itself before the guest runs.
         *
         * @return what takes it away when the guest has ended
         */
        Closeable to(Machine machine) throws ConfigException, IOException;
    }

    /** What is attached to the machine; before {@link #run}. */
    void attach(Attachment attached) {
        attachment = attached;
    }

    /** Who looks on at the machine's IOMMUs; before {@link #run}. */
    void watch(Optional<OracleWatch> watch) {
        oracle = watch;
    }

    /** Who looks at the machine once it has ended, before it is closed; before {@link #run}. */
    void onEnded(Consumer<Machine> observer) {
        onEnded = observer;
    }

    /** How its devices misbehave; before {@link #run}. */
    void chaos(ChaosOptions.Plan plan) {
        chaos = plan;
    }

    /** Asks the machine to stop, if it runs. Any thread. */
    void stop() {
        onStop.run();
        running.get().ifPresent(controlled -> controlled.machine().stop());
    }

    /** What a monitor shows of the machine besides itself; before {@link #run}. */
    void describe(String title, List<ControlledMachine.Chardev> consoles) {
        name = title;
        chardevs = List.copyOf(consoles);
    }

    /** Whose points the monitors switch; before {@link #run}. */
    void trace(Tracing points) {
        tracing = points;
    }

    /** What the monitor looks at. */
    Optional<ControlledMachine> machine() {
        return running.get();
    }

    /**
     * Runs the machine on this thread until it ends.
     *
     * @param start runs once the configuration has been accepted, before the guest does
     */
    Ending run(MachineConfig config, Map<String, CharBackend> backends, Start start)
            throws CommandException, ConfigException, IOException {
        Map<String, CharBackend> watched = new HashMap<>(backends);
        AtomicReference<Runnable> panicked = new AtomicReference<>(() -> {});
        PanicWatch watch =
                new PanicWatch(
                        Objects.requireNonNull(backends.get(Consoles.SERIAL)),
                        () -> {
                            panicked.get().run();
                            stop();
                        });
        watched.put(Consoles.SERIAL, watch);
        long began = System.nanoTime();
        try (Machine machine = Machine.create(config, watched);
                Signals signals = new Signals(terminal, this::stop);
                Closeable _ = attachment.to(machine)) {
            machine.onDeviceDeleted(onDeviceDeleted);
            oracle.ifPresent(looking -> machine.watch(looking.oracle()));
            panicked.set(machine.control()::guestPanicked);
            running.set(
                    Optional.of(
                            new ControlledMachine(
                                    name,
                                    Version.text().replaceFirst("nestor ", ""),
                                    machine,
                                    config,
                                    chardevs,
                                    MonitorCommands::device,
                                    tracing)));
            if (signals.received().isPresent()) {
                machine.stop();
            }
            chaos.begin(machine);
            CountDownLatch ended = new CountDownLatch(1);
            limit.ifPresent(duration -> startDeadline(duration, ended));
            start.run(running.get().orElseThrow());
            MachineOutcome outcome = machine.run();
            ended.countDown();
            onEnded.accept(machine);
            chaos.ended(machine);
            Ending ending =
                    new Ending(
                            outcome,
                            watch.panicked(),
                            timedOut,
                            signals.received(),
                            machine.retiredInstructions(),
                            Duration.ofNanos(System.nanoTime() - began));
            TrainingRun.ended(ending.instructions());
            return ending;
        } finally {
            running.set(Optional.empty());
        }
    }

    private void startDeadline(Duration duration, CountDownLatch ended) {
        Thread.ofPlatform()
                .daemon()
                .name("time limit")
                .start(() -> {
                    try {
                        if (!ended.await(duration.toMillis(), TimeUnit.MILLISECONDS)) {
                            timedOut = true;
                            stop();
                        }
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                });
    }
}
