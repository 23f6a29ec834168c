package nestor.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import nestor.control.Json;
import nestor.control.socket.SocketServer;

/**
 * This process as the training run of Java's ahead-of-time cache (JEP 514, 515), which the launcher
 * assembles after its end; {@code scripts/aot-cache.sh} has the other half.
 */
final class TrainingRun {
    /** A guest that ended sooner has not shown which methods are hot. */
    private static final long WORTH_INSTRUCTIONS = 300_000_000;

    /** The file by which the launcher learns that the recording is good. */
    private static final String FILE_PROPERTY = "nestor.aot.learned";

    /** Machines without a CPU: what the user's own run did not need is to start as fast. */
    static final List<String> REHEARSED =
            List.of(
                    "-M q35 -device intel-iommu",
                    "-M virt,iommu=smmuv3",
                    "-M virt -device virtio-iommu-pci");

    private TrainingRun() {}

    /** A guest has ended. Does nothing where nobody records. */
    static void ended(long instructions) {
        Path learned = Path.of(System.getProperty(FILE_PROPERTY, ""));
        if (learned.toString().isEmpty()
                || instructions < WORTH_INSTRUCTIONS
                || Files.exists(learned)) {
            return;
        }
        try {
            for (String machine : REHEARSED) {
                rehearse(machine);
            }
            Files.write(learned, new byte[0]);
        } catch (CommandException | IOException e) {
            // Then there is no cache: the next run that boots a guest records again.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Starts a machine, has it answer a client, and ends it. */
    static void rehearse(String machine)
            throws CommandException, IOException, InterruptedException {
        Path folder = Files.createTempDirectory("nestor-training-");
        Path socket = folder.resolve("qmp");
        List<String> command = new ArrayList<>(List.of("run"));
        command.addAll(List.of(machine.split(" ", -1)));
        command.addAll(List.of("-S", "-accel", "qtest", "-serial", "null", "-name", "training"));
        command.addAll(List.of("-qmp", "unix:" + socket + ",server=on,wait=off"));
        Thread run = Thread.ofPlatform().daemon().start(() -> Main.execute(unheard(), command));
        try (CtlConnection client = connect(socket, run)) {
            client.call("query-status", Json.object());
            client.call("quit", Json.object());
            run.join();
        } finally {
            Files.deleteIfExists(socket);
            Files.deleteIfExists(folder);
        }
    }

    private static CtlConnection connect(Path socket, Thread run)
            throws CommandException, IOException {
        while (!SocketServer.isServed(socket)) {
            if (!run.isAlive()) {
                throw CommandException.failed("the machine did not start");
            }
            Thread.onSpinWait();
        }
        return new CtlConnection(socket);
    }

    private static Host unheard() {
        OutputStream nowhere = OutputStream.nullOutputStream();
        PrintStream text = new PrintStream(nowhere, false, StandardCharsets.UTF_8);
        return new Host(InputStream.nullInputStream(), nowhere, text, new Log(text), Map.of());
    }
}
