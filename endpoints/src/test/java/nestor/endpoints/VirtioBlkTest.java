package nestor.endpoints;

import static nestor.virtio.testkit.DriverQueue.readable;
import static nestor.virtio.testkit.DriverQueue.writable;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import nestor.virtio.pci.VirtioPci;
import nestor.virtio.testkit.DriverQueue;
import nestor.virtio.testkit.DriverQueue.Part;
import nestor.virtio.testkit.TestMachine;
import nestor.virtio.testkit.VirtioDriver;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VirtioBlkTest {
    private static final int IN = 0;
    private static final int OUT = 1;
    private static final int FLUSH = 4;
    private static final int GET_ID = 8;
    private static final int DISCARD = 11;
    private static final int WRITE_ZEROES = 13;

    private static final int OK = 0;
    private static final int IOERR = 1;
    private static final int UNSUPP = 2;

    private static final int SECTORS = 2048;
    private static final byte POISON = (byte) 0xa5;

    @TempDir Path folder;
    private Path file;
    private byte[] image;
    private TestMachine machine;
    private VirtioDriver driver;
    private DriverQueue queue;
    private long header;
    private long data;
    private long status;

    @BeforeEach
    void image() throws IOException {
        file = folder.resolve("disk.img");
        image = new byte[SECTORS * 512];
        new SplittableRandom(1).nextBytes(image);
        Files.write(file, image);
        start(RawFile.open(file), 1);
    }

    private void start(BlockBackend disk, int queues) {
        machine = new TestMachine();
        driver =
                machine.plug(
                        1, new VirtioBlk(disk, "nestor-disk-0", queues), VirtioPci.Access.PLATFORM);
        driver.negotiate();
        queue = driver.queue(0, 256);
        for (int i = 1; i < queues; i++) {
            driver.queue(i, 256);
        }
        driver.driverOk();
        header = machine.allocate(16);
        data = machine.allocate(1 << 20);
        status = machine.allocate(1);
    }

    private int length;

    private int request(int type, long sector, Part... parts) {
        machine.write(
                header,
                ByteBuffer.allocate(16)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putInt(0, type)
                        .putLong(8, sector)
                        .array());
        machine.write(status, POISON);
        List<Part> all = new ArrayList<>();
        all.add(readable(header, 16));
        all.addAll(List.of(parts));
        all.add(writable(status, 1));
        length = queue.request(all.toArray(Part[]::new));
        return machine.read(status, 1)[0];
    }

    private byte[] onDisk(int sector, int sectors) throws IOException {
        return Arrays.copyOfRange(Files.readAllBytes(file), sector * 512, (sector + sectors) * 512);
    }

    private byte[] expected(int sector, int sectors) {
        return Arrays.copyOfRange(image, sector * 512, (sector + sectors) * 512);
    }

    @Test
    void configurationSpace() {
        assertThat(driver.config(2, 2)).isEqualTo(0x1042);
        assertThat(driver.device(0, 8)).isEqualTo(SECTORS);
        assertThat(driver.device(12, 4)).isEqualTo(254);
        assertThat(driver.device(20, 4)).isEqualTo(512);
        long features = driver.offered();
        assertThat(features & (1L << 9)).describedAs("FLUSH").isNotZero();
        assertThat(features & (1L << 5)).describedAs("RO").isZero();
        assertThat(features & (1L << 12)).describedAs("MQ").isZero();
    }

    @Test
    void reads() {
        assertThat(request(IN, 3, writable(data, 4096))).isEqualTo(OK);
        assertThat(length).isEqualTo(4097);
        assertThat(machine.read(data, 4096)).isEqualTo(expected(3, 8));
    }

    @Test
    void readsLargerThanTheStagingBuffer() {
        assertThat(request(IN, 0, writable(data, 700 * 512), writable(data + 700 * 512, 300 * 512)))
                .isEqualTo(OK);
        assertThat(machine.read(data, 1000 * 512)).isEqualTo(expected(0, 1000));
    }

    @Test
    @DisplayName("§5.2.6: framing does not matter: status in the last byte of one descriptor")
    void statusMaySitBehindTheData() {
        machine.write(header, new byte[16]);
        length = queue.request(readable(header, 7), readable(header + 7, 9), writable(data, 513));
        assertThat(length).isEqualTo(513);
        assertThat(machine.read(data, 512)).isEqualTo(expected(0, 1));
        assertThat(machine.read(data + 512, 1)[0]).isEqualTo((byte) OK);
    }

    @Test
    void writesAreInTheFileWhenTheStatusIs() throws IOException {
        byte[] bytes = new byte[300 * 512];
        new SplittableRandom(2).nextBytes(bytes);
        machine.write(data, bytes);
        assertThat(request(OUT, 100, readable(data, bytes.length))).isEqualTo(OK);
        assertThat(length).isEqualTo(1);
        assertThat(onDisk(100, 300)).isEqualTo(bytes);
        assertThat(onDisk(0, 100)).isEqualTo(expected(0, 100));
        assertThat(request(FLUSH, 0)).isEqualTo(OK);
    }

    @Test
    void outOfRangeIsAnIoError() {
        assertThat(request(IN, SECTORS - 1, writable(data, 1024))).isEqualTo(IOERR);
        assertThat(request(IN, SECTORS, writable(data, 512))).isEqualTo(IOERR);
        assertThat(request(IN, -1, writable(data, 512))).isEqualTo(IOERR);
        assertThat(request(OUT, 1L << 55, readable(data, 512))).isEqualTo(IOERR);
        assertThat(request(IN, 0, writable(data, 511))).isEqualTo(IOERR);
        assertThat(request(IN, SECTORS - 1, writable(data, 512))).isEqualTo(OK);
    }

    @Test
    void getIdTellsTheSerial() {
        assertThat(request(GET_ID, 0, writable(data, 20))).isEqualTo(OK);
        assertThat(new String(machine.read(data, 13), java.nio.charset.StandardCharsets.US_ASCII))
                .isEqualTo("nestor-disk-0");
        assertThat(machine.read(data + 13, 7)).containsOnly(0);
    }

    @Test
    void unknownRequestsAreUnsupported() {
        assertThat(request(99, 0, writable(data, 512))).isEqualTo(UNSUPP);
    }

    private int zeroing(int type, long sector, int sectors, int flags) {
        machine.write(
                data,
                ByteBuffer.allocate(16)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .putLong(0, sector)
                        .putInt(8, sectors)
                        .putInt(12, flags)
                        .array());
        return request(type, 0, readable(data, 16));
    }

    @Test
    void writeZeroesAndDiscardLeaveZeros() throws IOException {
        assertThat(zeroing(WRITE_ZEROES, 10, 5, 1)).isEqualTo(OK);
        assertThat(zeroing(DISCARD, 1000, 1000, 0)).isEqualTo(OK);
        assertThat(onDisk(10, 5)).containsOnly(0);
        assertThat(onDisk(1000, 1000)).containsOnly(0);
        assertThat(onDisk(15, 985)).isEqualTo(expected(15, 985));
    }

    @Test
    @DisplayName("§5.2.6.2: flags and ranges of DISCARD and WRITE_ZEROES")
    void zeroingIsChecked() throws IOException {
        assertThat(zeroing(DISCARD, 0, 1, 1)).isEqualTo(UNSUPP);
        assertThat(zeroing(WRITE_ZEROES, 0, 1, 2)).isEqualTo(UNSUPP);
        assertThat(zeroing(DISCARD, SECTORS - 1, 2, 0)).isEqualTo(IOERR);
        assertThat(zeroing(WRITE_ZEROES, 0, -1, 0)).isEqualTo(IOERR);
        assertThat(request(DISCARD, 0, readable(data, 32))).isEqualTo(IOERR);
        assertThat(onDisk(0, SECTORS)).isEqualTo(image);
    }

    @Test
    void aReadOnlyDiskRefusesToChange() throws IOException {
        start(RawFile.openReadOnly(file), 1);
        assertThat(driver.offered() & (1L << 5)).describedAs("RO").isNotZero();
        assertThat(driver.offered() & (3L << 13)).describedAs("DISCARD, WRITE_ZEROES").isZero();
        assertThat(request(OUT, 0, readable(data, 512))).isEqualTo(IOERR);
        assertThat(zeroing(DISCARD, 0, 1, 0)).isEqualTo(IOERR);
        assertThat(request(IN, 0, writable(data, 512))).isEqualTo(OK);
        assertThat(onDisk(0, SECTORS)).isEqualTo(image);
    }

    @Test
    void everyQueueServes() {
        start(openAgain(), 4);
        assertThat(driver.offered() & (1L << 12)).describedAs("MQ").isNotZero();
        assertThat(driver.device(34, 2)).isEqualTo(4);
        driver.reset();
        driver.negotiate();
        queue = driver.queue(3, 16);
        driver.driverOk();
        assertThat(request(IN, 0, writable(data, 512))).isEqualTo(OK);
    }

    private RawFile openAgain() {
        try {
            return RawFile.open(file);
        } catch (IOException failed) {
            throw new AssertionError(failed);
        }
    }

    @Test
    void malformedRequestsAreReturned() {
        assertThat(queue.request(readable(header, 16))).isZero();
        machine.write(status, POISON);
        queue.request(readable(header, 15), writable(status, 1));
        assertThat(machine.read(status, 1)[0]).isEqualTo((byte) IOERR);
    }

    @Test
    void dataThatCannotBeReachedIsAnIoError() throws IOException {
        assertThat(request(IN, 0, writable(0x10, 512))).isEqualTo(IOERR);
        assertThat(request(OUT, 0, readable(0x10, 512))).isEqualTo(IOERR);
        assertThat(onDisk(0, 1)).isEqualTo(expected(0, 1));
    }

    @Test
    void hostFailuresAreIoErrors() throws IOException {
        try (var channel =
                java.nio.channels.FileChannel.open(file, java.nio.file.StandardOpenOption.WRITE)) {
            channel.truncate(512);
        }
        assertThat(request(IN, 1, writable(data, 512))).isEqualTo(IOERR);
        assertThat(request(IN, 0, writable(data, 512))).isEqualTo(OK);
    }

    @Test
    void anInterruptedThreadDoesNotLoseTheDisk() {
        Thread.currentThread().interrupt();
        assertThat(request(IN, 0, writable(data, 512))).isEqualTo(OK);
        assertThat(Thread.interrupted()).describedAs("still pending").isTrue();
        assertThat(request(IN, 1, writable(data, 512))).isEqualTo(OK);
    }
}
