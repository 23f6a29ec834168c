package nestor.debug.qtest;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import nestor.debug.SocketSpec;
import nestor.machine.Accelerator;
import nestor.machine.DeviceConfig;
import nestor.machine.Machine;
import nestor.machine.MachineConfig;
import nestor.machine.MachineOutcome;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Boards and their IOMMUs, driven by nothing but lines of text. */
@Timeout(value = 5, unit = TimeUnit.MINUTES)
@SuppressWarnings("NullAway.Init") // each test begins with start()
class QtestTest {
    private static final long VIRT_ECAM = 0x40_1000_0000L;
    private static final long VIRT_MEM32 = 0x1000_0000L;
    private static final long VIRT_RAM = 0x4000_0000L;
    private static final long UART = 0x0900_0000L;
    private static final long SMMU = 0x0905_0000L;
    private static final long Q35_ECAM = 0xb000_0000L;
    private static final long Q35_MEM32 = 0xc000_0000L;
    private static final long VTD = 0xfed9_0000L;
    private static final long IOVA = 0x10_0000;
    private static final int RAM_BYTES = 128 << 20;
    private static final int PATTERN = 0x1234_5678;
    private static final long REFUSED = 0xdead_0002L;

    @TempDir Path folder;
    private final ByteArrayOutputStream log = new ByteArrayOutputStream();
    private Machine machine;
    private QtestServer server;
    private QtestClient client;
    private CompletableFuture<MachineOutcome> run;
    private long testdev;

    @AfterEach
    void close() throws Exception {
        client.close();
        assertThat(run.get(2, TimeUnit.MINUTES)).isEqualTo(new MachineOutcome.Stopped());
        server.close();
        machine.close();
    }

    private void start(String type, Map<String, String> properties, String... devices)
            throws Exception {
        machine =
                Machine.create(
                        new MachineConfig(
                                type,
                                properties,
                                Accelerator.QTEST,
                                RAM_BYTES,
                                1,
                                Path.of(""),
                                Optional.empty(),
                                "",
                                List.of(),
                                List.of(devices).stream()
                                        .map(name -> new DeviceConfig(name, Map.of()))
                                        .toList(),
                                false),
                        Map.of());
        Path socket = folder.resolve("qtest");
        SocketSpec spec =
                SocketSpec.parse("-qtest", "unix:" + socket + ",server=on,wait=off", false);
        server = QtestServer.on(spec, machine, new PrintStream(log, true, StandardCharsets.UTF_8));
        server.start();
        run = CompletableFuture.supplyAsync(machine::run);
        client = new QtestClient(socket);
    }

    /** Finds the test function on bus 0 and turns it on; returns its RID. */
    private int testdev(long ecam, long bar) throws IOException {
        for (int rid = 0; rid < 256; rid++) {
            long configuration = ecam + ((long) rid << 12);
            if (client.readl(configuration) == 0x0005_1b36) {
                client.writel(configuration + 0x10, bar);
                client.order("writew 0x%x 0x6", configuration + 4);
                testdev = bar;
                return rid;
            }
        }
        throw new IllegalStateException("no iommu-testdev on bus 0");
    }

    /** Has the test function write one word at {@code iova}; its result register. */
    private long dma(long iova, long gpa) throws IOException {
        client.writel(testdev + 0x04, iova & 0xffff_ffffL);
        client.writel(testdev + 0x08, iova >>> 32);
        client.writel(testdev + 0x0c, 4);
        client.writel(testdev + 0x1c, gpa & 0xffff_ffffL);
        client.writel(testdev + 0x20, gpa >>> 32);
        client.writel(testdev + 0x14, 1);
        client.readl(testdev);
        return client.readl(testdev + 0x10);
    }

    @Test
    void memoryIsReadAsItWasWrittenInEveryWidth() throws Exception {
        start("virt", Map.of());
        long at = VIRT_RAM + 0x1000;
        assertThat(client.ask("endianness")).isEqualTo("OK little");
        client.writeq(at, 0x0123_4567_89ab_cdefL);
        assertThat(client.ask("readb 0x%x", at)).isEqualTo("OK 0x00000000000000ef");
        assertThat(client.ask("readw 0x%x", at)).isEqualTo("OK 0x000000000000cdef");
        assertThat(client.ask("readl 0x%x", at)).isEqualTo("OK 0x0000000089abcdef");
        assertThat(client.ask("readq 0x%x", at)).isEqualTo("OK 0x0123456789abcdef");
        assertThat(client.ask("read 0x%x 0x8", at)).isEqualTo("OK 0xefcdab8967452301");
        client.order("memset 0x%x 3 0x5a", at);
        client.order("write 0x%x 2 0x0102", at + 3);
        client.order("b64write 0x%x 1 /w==", at + 5);
        assertThat(client.ask("b64read 0x%x 8", at)).isEqualTo("OK WlpaAQL/IwE=");
        assertThat(client.ask("readl 0x3f000000")).isEqualTo("OK 0x00000000ffffffff");
        assertThat(log.toString(StandardCharsets.UTF_8))
                .containsPattern("\\[R \\+[0-9.]+] endianness\\R\\[S \\+[0-9.]+] OK little");
    }

    @Test
    void wrongLinesAreRefusedAndTheNextOneIsServed() throws Exception {
        start("virt", Map.of());
        assertThat(client.ask("frobnicate")).isEqualTo("FAIL Unknown command 'frobnicate'");
        assertThat(client.ask("writel 0x40000000")).startsWith("FAIL ");
        assertThat(client.ask("readl nowhere")).startsWith("FAIL ");
        assertThat(client.ask("read 0x40000000 0x7fffffff")).startsWith("FAIL ");
        assertThat(client.ask("write 0x40000000 1 0xz")).startsWith("FAIL ");
        assertThat(client.ask("irq_intercept_in toaster")).isEqualTo("FAIL Unknown device");
        assertThat(client.ask("clock_set -1")).startsWith("FAIL ");
        assertThat(client.ask("endianness")).isEqualTo("OK little");
    }

    @Test
    void timeMovesByStepsOnly() throws Exception {
        start("q35", Map.of());
        assertThat(client.ask("clock_step 1000")).isEqualTo("OK 1000");
        assertThat(client.ask("clock_step 0")).isEqualTo("OK 1000");
        assertThat(client.ask("clock_set 5000")).isEqualTo("OK 5000");
        assertThat(client.ask("clock_step")).isEqualTo("OK 5000"); // no timer is armed
    }

    @Test
    void alarmOfTheClockOfArmsBoardRaisesItsInterrupt() throws Exception {
        start("virt", Map.of());
        long rtc = 0x0901_0000L;
        client.order("irq_intercept_in gic");
        client.writel(rtc + 0x10, 1); // RTCIMSC
        client.writel(rtc + 0x04, client.readl(rtc) + 3); // RTCMR
        client.ask("clock_step %d", 2_000_000_000L);
        assertThat(client.interrupts()).isEmpty();
        client.ask("clock_step %d", 2_000_000_000L);
        assertThat(client.interrupts()).containsExactly("IRQ raise 2");
        client.writel(rtc + 0x1c, 1); // RTCICR
        assertThat(client.interrupts()).containsExactly("IRQ raise 2", "IRQ lower 2");
    }

    @Test
    void portsOfThePcAreReadAndWritten() throws Exception {
        start("q35", Map.of());
        client.order("outb 0x3ff 0xa5"); // the UART's scratch register
        assertThat(client.ask("inb 0x3ff")).isEqualTo("OK 0x00a5");
        client.order("irq_intercept_in /machine/q35/ioapic");
        client.order("set_irq_in ioapic unnamed-gpio-in 4 1");
        client.order("set_irq_in ioapic unnamed-gpio-in 4 1");
        assertThat(client.interrupts()).containsExactly("IRQ raise 4");
        assertThat(client.ask("set_irq_in ioapic unnamed-gpio-in 99 1")).startsWith("FAIL ");
    }

    @Test
    void deviceRegistersOfTheVirtBoardAreReached() throws Exception {
        start("virt", Map.of());
        assertThat(client.readl(UART + 0xfe0)).isEqualTo(0x11); // UARTPeriphID0
    }

    @Test
    @DisplayName("IHI 0070 §3.3, §5: stage 1 translates a DMA; an IOVA without mapping is an event")
    void smmuTranslatesByTablesThatTheClientWrote() throws Exception {
        start("virt", Map.of("iommu", "smmuv3"), "iommu-testdev");
        int rid = testdev(VIRT_ECAM, VIRT_MEM32);
        long streams = VIRT_RAM + 0x10_0000;
        long commands = VIRT_RAM + 0x20_0000;
        long events = VIRT_RAM + 0x21_0000;
        long context = VIRT_RAM + 0x22_0000;
        long tables = VIRT_RAM + 0x23_0000;
        long target = VIRT_RAM + 0x40_0000;
        client.writeq(tables, tables + 0x1000 | 3); // level 1
        client.writeq(tables + 0x1000, tables + 0x2000 | 3);
        client.writeq(tables + 0x2000 + (IOVA >>> 12 & 0x1ff) * 8, target | 1 << 10 | 1 << 6 | 3);
        client.writeq(
                context, 25 | 3L << 30 | 4L << 32 | 1L << 35 | 1L << 41 | 7L << 45 | 1L << 48);
        client.writeq(context + 8, tables);
        client.writeq(context + 24, 0xff); // MAIR
        client.writeq(streams + 64L * rid, context | 5 << 1 | 1); // STE: S1 translate, valid
        client.writeq(SMMU + 0x80, streams);
        client.writel(SMMU + 0x88, 8);
        client.writeq(SMMU + 0x90, commands | 4);
        client.writeq(SMMU + 0xa0, events | 4);
        client.writel(SMMU + 0x20, 0xd); // CMDQEN, EVENTQEN, SMMUEN
        assertThat(client.readl(SMMU + 0x24)).isEqualTo(0xd);
        client.writeq(commands, 4); // CFGI_ALL
        client.writeq(commands + 8, 31);
        client.writeq(commands + 16, 0x30); // TLBI_NSNH_ALL
        client.writeq(commands + 32, 0x46); // SYNC
        client.writel(SMMU + 0x98, 3);
        assertThat(client.readl(SMMU + 0x9c)).isEqualTo(3);

        assertThat(dma(IOVA + 0x10, target + 0x10)).isZero();
        assertThat(client.readl(target + 0x10)).isEqualTo(PATTERN);
        assertThat(client.readl(SMMU + 0x1_00a8)).isZero();
        assertThat(dma(IOVA + 0x1000, target)).isEqualTo(REFUSED);
        assertThat(client.readl(SMMU + 0x1_00a8)).isEqualTo(1); // EVENTQ_PROD
        assertThat(client.readq(events) & 0xff).isEqualTo(0x10); // F_TRANSLATION
        assertThat(client.readq(events) >>> 32).isEqualTo(rid);
        assertThat(client.readq(events + 16)).isEqualTo(IOVA + 0x1000);
    }

    @Test
    @DisplayName(
            "VT-d §9.1, §9.3, §9.9: second stage translates a DMA; without mapping it is a fault")
    void vtdTranslatesByTablesThatTheClientWrote() throws Exception {
        start("q35", Map.of(), "intel-iommu", "iommu-testdev");
        int rid = testdev(Q35_ECAM, Q35_MEM32);
        long root = 0x20_0000;
        long contexts = 0x20_1000;
        long tables = 0x21_0000;
        long target = 0x40_0000;
        client.writeq(root, contexts | 1);
        client.writeq(contexts + 16L * rid, tables | 1);
        client.writeq(contexts + 16L * rid + 8, 2 | 1 << 8); // AW: 4 levels; DID 1
        for (int level = 0; level < 3; level++) {
            client.writeq(tables + 0x1000L * level, tables + 0x1000L * (level + 1) | 3);
        }
        client.writeq(tables + 0x3000 + (IOVA >>> 12 & 0x1ff) * 8, target | 3);
        client.writeq(VTD + 0x20, root); // RTADDR
        client.writel(VTD + 0x18, 1L << 30); // SRTP
        client.writel(VTD + 0x18, 1L << 31); // TE
        assertThat(client.readl(VTD + 0x1c) >>> 30).isEqualTo(3); // TES, RTPS

        assertThat(dma(IOVA + 0x10, target + 0x10)).isZero();
        assertThat(client.readl(target + 0x10)).isEqualTo(PATTERN);
        assertThat(client.readl(VTD + 0x34) & 2).isZero(); // FSTS.PPF
        assertThat(dma(IOVA + 0x1000, target)).isEqualTo(REFUSED);
        assertThat(client.readl(VTD + 0x34) & 2).isEqualTo(2);
        long records = VTD + (client.readq(VTD + 0x08) >>> 24 & 0x3ff) * 16;
        assertThat(client.readq(records)).isEqualTo(IOVA + 0x1000);
        long high = client.readq(records + 8);
        assertThat(high & 0xffff).isEqualTo(rid);
        assertThat(high >>> 32 & 0xff).isEqualTo(5); // the write permission is missing
    }
}
