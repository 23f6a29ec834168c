package nestor.control.socket;

import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import nestor.control.ControlledMachine;
import nestor.control.ListenAddress;
import nestor.control.hmp.HmpCommands;
import nestor.control.qmp.QmpCommands;
import nestor.machine.Accelerator;
import nestor.machine.ConfigException;
import nestor.machine.DeviceConfig;
import nestor.machine.Machine;
import nestor.machine.MachineConfig;
import nestor.machine.MachineOutcome;
import nestor.testkit.CountingGuest;
import nestor.trace.TraceRegistry;
import nestor.trace.Tracing;
import nestor.vmm.memory.GuestAccessException;

/** A machine whose guest counts, with a QMP and an HMP monitor on unix sockets. */
public final class RunningGuest implements AutoCloseable {
    public final Machine machine;
    public final SocketServer server = new SocketServer();
    final Monitors monitors = new Monitors(server);
    final CompletableFuture<MachineOutcome> outcome = new CompletableFuture<>();
    public final ControlledMachine controlled;
    final Path qmp;
    final Path hmp;
    private final CountingGuest guest;

    public RunningGuest(CountingGuest guest, Path folder) throws ConfigException, IOException {
        this.guest = guest;
        MachineConfig config =
                new MachineConfig(
                        guest.board(),
                        Map.of(),
                        Accelerator.TCG,
                        64 << 20,
                        1,
                        guest.write(folder.resolve("kernel")),
                        Optional.empty(),
                        "",
                        List.of(),
                        List.of(
                                new DeviceConfig("pcie-root-port", Map.of("id", "rp1")),
                                new DeviceConfig("edu", Map.of("id", "edu0")),
                                iommu(guest)),
                        false);
        machine = Machine.create(config, Map.of());
        controlled =
                new ControlledMachine(
                        "test",
                        "0",
                        machine,
                        config,
                        List.of(new ControlledMachine.Chardev("serial0", "null")),
                        text -> new DeviceConfig(text, Map.of()),
                        new Tracing(TraceRegistry.ofProgram(), List.of(), _ -> {}));
        HmpCommands human = new HmpCommands(controlled);
        QmpCommands commands = new QmpCommands(controlled, human);
        qmp = folder.resolve("qmp");
        hmp = folder.resolve("hmp");
        monitors.listen(
                new ListenAddress.Unix(qmp),
                () -> new QmpConversation(commands, InstantSource.system()));
        monitors.listen(new ListenAddress.Unix(hmp), () -> new HmpConversation(human));
        machine.control().listen(monitors::tell);
        Thread.ofPlatform().daemon().start(() -> outcome.complete(machine.run()));
    }

    private static DeviceConfig iommu(CountingGuest guest) {
        return new DeviceConfig(
                guest == CountingGuest.VIRT ? "arm-smmuv3" : "intel-iommu", Map.of());
    }

    public int counter() {
        try {
            return machine.control().memory().getIntLe(guest.counterGpa());
        } catch (GuestAccessException e) {
            throw new AssertionError(e);
        }
    }

    /** Until the guest has got further than a number. */
    public void awaitMoreThan(int count) {
        while (counter() <= count) {
            Thread.onSpinWait();
        }
    }

    @Override
    public void close() throws IOException {
        machine.stop();
        outcome.join();
        monitors.close();
        server.close();
        machine.close();
    }
}
