package nestor.endpoints;

import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicReference;
import nestor.atc.Atc;
import nestor.atc.AtcOptions;
import nestor.atc.CachedDmaPort;
import nestor.pci.InvalidateRequest;
import nestor.pci.PciFunction;
import nestor.pci.Requester;
import nestor.pci.Translation;
import nestor.virtio.pci.VirtioPci;
import nestor.virtio.testkit.DriverQueue;
import nestor.virtio.testkit.TestMachine;
import nestor.virtio.testkit.VirtioDriver;
import nestor.vmm.loop.MailboxLoop;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A disk with ATS behind an IOMMU: what reaches memory how. */
class VirtioBlkAtsTest {
    private static final long IOVA = 0x9_0000_0000L;
    private static final int SECTOR_BYTES = 512;
    private static final int PAGE_BYTES = 4096;
    private static final int RW = Translation.READ | Translation.WRITE;
    private static final int ATS_CAPABILITY = 0xf;

    @TempDir Path folder;
    private final byte[] image = new byte[64 * SECTOR_BYTES];
    private final MailboxLoop loop =
            new MailboxLoop(
                    "disk",
                    64,
                    (_, cause) -> {
                        throw new AssertionError(cause);
                    });
    private final TestMachine machine = new TestMachine(loop);
    private final TranslatingAgent agent = new TranslatingAgent();
    private PciFunction function;
    private final AtomicReference<Atc> atc = new AtomicReference<>();
    private VirtioDriver driver;
    private final AtomicReference<DriverQueue> queue = new AtomicReference<>();
    private long header;
    private long data;

    @BeforeEach
    void plug() throws IOException {
        new SplittableRandom(1).nextBytes(image);
        RawFile disk = RawFile.open(Files.write(folder.resolve("disk.img"), image));
        VirtioPci transport =
                VirtioPci.withAts(
                        "disk",
                        new VirtioBlk(disk, "disk", 1),
                        loop,
                        made -> {
                            atc.set(Atc.on(made.ats(), AtcOptions.setAssociative(64, 4)));
                            return new CachedDmaPort(made.dma(), made.ats(), atc.get());
                        });
        function = transport.function();
        for (long page = TestMachine.RAM; page < TestMachine.RAM + (1 << 20); page += PAGE_BYTES) {
            agent.map(page, page, RW);
        }
        machine.host().iommu(agent, _ -> true);
        driver = machine.plug(1, function);
    }

    private void start() {
        driver.negotiate();
        queue.set(driver.queue(0, 16));
        driver.driverOk();
        header = machine.allocate(PAGE_BYTES);
        data = machine.allocate(PAGE_BYTES);
        agent.map(IOVA, data, RW);
        agent.requests.clear();
    }

    @AfterEach
    void close() {
        loop.close();
        machine.close();
    }

    private void enableAts() {
        int at = 0x100;
        while ((driver.config(at, 4) & 0xffff) != ATS_CAPABILITY) {
            at = (int) (driver.config(at, 4) >>> 20);
        }
        driver.config(at + 6, 2, 0x8000);
    }

    /** Reads the disk's first sectors to {@link #IOVA}. @return the status. */
    private int read(int sectors) {
        machine.write(header, new byte[16]);
        machine.write(header + 16, (byte) 0xff);
        queue.get()
                .request(
                        readable(header, 16),
                        writable(IOVA, (long) sectors * SECTOR_BYTES),
                        writable(header + 16, 1));
        return machine.read(header + 16, 1)[0];
    }

    private List<String> of(String type) {
        return agent.requests.stream().filter(request -> request.startsWith(type)).toList();
    }

    @Test
    @DisplayName(
            "PCIe §10.2.4: with ATS enabled rings, tables and buffers go by translated requests")
    void everyAccessIsTranslatedOnceAtsIsEnabled() {
        enableAts();
        start();
        assertThat(read(8)).isZero();

        assertThat(machine.read(data, 8 * SECTOR_BYTES))
                .isEqualTo(Arrays.copyOf(image, 8 * SECTOR_BYTES));
        assertThat(of("TRANSLATED")).isNotEmpty();
        assertThat(of("UNTRANSLATED"))
                .as("interrupts only")
                .allMatch(request -> request.contains(" %x ".formatted(TestMachine.DOORBELL)));
        long asked = atc.get().statistics().requests();
        assertThat(read(8)).isZero();
        assertThat(atc.get().statistics().requests()).as("all is cached").isEqualTo(asked);
    }

    @Test
    void withoutTheEnableItIsADiskLikeAnyOther() {
        start();
        assertThat(read(8)).isZero();

        assertThat(of("TRANSLATED")).isEmpty();
        assertThat(atc.get().statistics().requests()).isZero();
    }

    @Test
    @DisplayName("PCIe §10.3: what was unmapped and invalidated is out of reach")
    void anInvalidationTakesThePageAway() {
        enableAts();
        start();
        assertThat(read(8)).isZero();
        byte[] before = machine.read(data, PAGE_BYTES);
        machine.write(data, new byte[PAGE_BYTES]);

        agent.pages.remove(IOVA);
        assertThat(read(1)).as("not invalidated: the device may still use it").isZero();
        machine.write(data, new byte[PAGE_BYTES]);
        int[] completed = {0};
        machine.host()
                .atsEndpoint(driver.rid())
                .orElseThrow()
                .invalidate(
                        new InvalidateRequest(driver.rid(), Requester.NO_PASID, 0, false, IOVA, 12),
                        () -> completed[0]++);

        assertThat(completed[0]).isEqualTo(1);
        assertThat(read(1)).as("an error, or no status at all").isNotZero();
        assertThat(machine.read(data, PAGE_BYTES)).isEqualTo(new byte[PAGE_BYTES]);
        assertThat(before).isNotEqualTo(new byte[PAGE_BYTES]);
    }
}
