package nestor.debug.gdb;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import nestor.debug.SocketSpec;
import nestor.machine.Accelerator;
import nestor.machine.Machine;
import nestor.machine.MachineConfig;
import nestor.machine.MachineOutcome;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A guest of five instructions that counts into memory, under a debugger. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
@SuppressWarnings("NullAway.Init") // each test begins with start()
class GdbServerTest {
    private static final long ENTRY = 0x4000_0000L;
    private static final long LOOP = ENTRY + 72;
    private static final long STORE = LOOP + 4;
    private static final long COUNTER = ENTRY + 96;

    private static final String X0 = "p0";
    private static final String PC = "p20";

    @TempDir private Path folder;
    private Machine machine;
    private GdbServer server;
    private CompletableFuture<MachineOutcome> run;
    private GdbClient gdb;

    /** An Image whose first instruction jumps over its header. */
    private static byte[] image() {
        ByteBuffer image = ByteBuffer.allocate(128).order(ByteOrder.LITTLE_ENDIAN);
        image.putInt(0x1400_0010); // b to 64
        image.putLong(16, 4096);
        image.putInt(56, 0x644d_5241);
        image.position(64);
        image.putInt(0xd280_0000); // mov x0, #0
        image.putInt(0x1000_00e1); // adr x1, COUNTER
        image.putInt(0x9100_0400); // LOOP: add x0, x0, #1
        image.putInt(0xf900_0020); // str x0, [x1]
        image.putInt(0x17ff_fffe); // b LOOP
        return image.array();
    }

    @BeforeEach
    void start() throws Exception {
        Path kernel = Files.write(folder.resolve("Image"), image());
        machine =
                Machine.create(
                        new MachineConfig(
                                "virt",
                                Map.of(),
                                Accelerator.TCG,
                                64 << 20,
                                1,
                                kernel,
                                Optional.empty(),
                                "",
                                List.of(),
                                List.of(),
                                false),
                        Map.of());
        machine.control().startStopped();
        SocketSpec spec = SocketSpec.parse("-gdb", "unix:" + socket(), true);
        server = GdbServer.open(spec, machine.control(), line -> "asked: " + line);
        run = CompletableFuture.supplyAsync(machine::run);
        gdb = new GdbClient(socket());
        assertThat(gdb.ask("?")).isEqualTo("T05thread:1;");
    }

    @AfterEach
    void close() throws Exception {
        gdb.close();
        machine.stop();
        assertThat(run.get(2, TimeUnit.MINUTES)).isEqualTo(new MachineOutcome.Stopped());
        server.close();
        machine.close();
    }

    private Path socket() {
        return folder.resolve("gdb");
    }

    /** A little-endian word of 64 bits. */
    private static long word(String hex) {
        return Long.reverseBytes(Long.parseUnsignedLong(hex, 16));
    }

    private long pc() throws IOException {
        return word(gdb.ask(PC));
    }

    private long counter() throws IOException {
        return word(gdb.ask("m%x,8".formatted(COUNTER)));
    }

    private void order(String packet) throws IOException {
        assertThat(gdb.ask(packet)).isEqualTo("OK");
    }

    @Test
    void guestWaitsAtItsEntryAndStepsOneInstructionAtATime() throws Exception {
        assertThat(pc()).isEqualTo(ENTRY);

        assertThat(gdb.ask("vCont;s:1;c")).startsWith("T05thread:1;");
        assertThat(pc()).isEqualTo(ENTRY + 64);
        assertThat(gdb.ask("s")).startsWith("T05thread:1;");
        assertThat(pc()).isEqualTo(ENTRY + 68);
    }

    @Test
    void breakpointStopsBeforeTheInstructionEachTime() throws Exception {
        order("Z1,%x,4".formatted(STORE));
        for (int round = 1; round <= 3; round++) {
            assertThat(gdb.ask("c")).isEqualTo("T05thread:1;hwbreak:;");
            assertThat(pc()).isEqualTo(STORE);
            assertThat(word(gdb.ask(X0))).isEqualTo(round);
            assertThat(counter()).isEqualTo(round - 1);
            order("z1,%x,4".formatted(STORE)); // as GDB gets over it
            assertThat(gdb.ask("s")).startsWith("T05");
            order("Z1,%x,4".formatted(STORE));
        }
    }

    @Test
    void watchpointNamesTheAddressAndStopsBeforeTheStore() throws Exception {
        order("Z2,%x,8".formatted(COUNTER));

        assertThat(gdb.ask("c")).isEqualTo("T05thread:1;watch:%x;".formatted(COUNTER));

        assertThat(pc()).isEqualTo(STORE);
        assertThat(counter()).isZero();
    }

    @Test
    void registersAndMemoryThatTheDebuggerSetsAreTheGuests() throws Exception {
        order("Z1,%x,4".formatted(STORE));
        gdb.ask("c");
        order("P0=7856341200000000");
        order("z1,%x,4".formatted(STORE));

        assertThat(gdb.ask("s")).startsWith("T05");
        assertThat(counter()).isEqualTo(0x1234_5678);

        order("M%x,8:0000000000000001".formatted(COUNTER));
        assertThat(counter()).isEqualTo(1L << 56);
    }

    @Test
    void interruptStopsARunningGuest() throws Exception {
        gdb.send("c");
        gdb.interrupt();

        assertThat(gdb.next()).startsWith("T02thread:1;");
        assertThat(pc()).isBetween(ENTRY, LOOP + 8);
    }

    @Test
    void secondDebuggerIsTurnedAwayAndTheFirstGoesOn() throws Exception {
        try (GdbClient second = new GdbClient(socket())) {
            assertThat(second.next()).isEqualTo("end");
        }
        assertThat(gdb.ask("qC")).isEqualTo("QC1");
    }

    @Test
    void guestRunsOnWithoutTrapsWhenTheDebuggerHasLeftAndTheNextFindsItThere() throws Exception {
        order("Z1,%x,4".formatted(LOOP));
        assertThat(gdb.ask("c")).startsWith("T05");
        order("D");
        assertThat(gdb.next()).isEqualTo("end");
        gdb.close();

        gdb = new GdbClient(socket());
        assertThat(gdb.ask("?")).isEqualTo("T05thread:1;");
        long before = counter();
        gdb.send("c");
        gdb.interrupt();
        assertThat(gdb.next()).startsWith("T02");
        assertThat(counter()).isGreaterThanOrEqualTo(before);
    }

    @Test
    void monitorLinesAreAnsweredWithText() throws Exception {
        assertThat(gdb.ask("qRcmd,696e666f"))
                .isEqualTo(Hex.of("asked: info\n".getBytes(StandardCharsets.US_ASCII)));
    }

    @Test
    void wrongPacketsAreRefusedAndTheNextOneIsServed() throws Exception {
        for (String packet :
                List.of("m", "mzz,8", "pzz", "p7fff", "M0,4:00", "Z9,0,4", "Z1,x", "H", "P0=1")) {
            assertThat(gdb.ask(packet)).as(packet).matches("(E[0-9a-f]{2})?");
        }
        assertThat(gdb.ask("m0,8")).isEqualTo("E14");
        assertThat(pc()).isEqualTo(ENTRY);
    }
}
