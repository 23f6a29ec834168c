package nestor.endpoints;

import static nestor.vmm.register.BitField.bit;
import static nestor.vmm.register.Register.readOnly;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import nestor.virtio.DescriptorChain;
import nestor.virtio.DriverLink;
import nestor.virtio.VirtioDevice;
import nestor.virtio.Virtqueue;
import nestor.vmm.mmio.MmioRegion;
import nestor.vmm.register.BitField;
import nestor.vmm.register.Register;
import nestor.vmm.register.RegisterFile;
import org.jspecify.annotations.Nullable;

/**
 * A block device (virtio 1.3 §5.2). Requests are executed to their end when they are taken, through
 * one staging buffer; nothing written is held back.
 */
public final class VirtioBlk implements VirtioDevice {
    private static final System.Logger LOG = System.getLogger(VirtioBlk.class.getName());

    private static final int DEVICE_ID = 2;
    private static final int CLASS_CODE = 0x01_00_00; // SCSI storage, as drivers expect of virtio
    private static final int QUEUE_SIZE = 256;
    private static final int SECTOR_BYTES = 512;
    private static final int ID_BYTES = 20;

    /** What one request may ask for: SEG_MAX and SIZE_MAX tell the driver. */
    private static final int SEG_MAX = QUEUE_SIZE - 2;

    private static final int SIZE_MAX = 1 << 17;
    private static final long MAX_DATA_BYTES = (long) SEG_MAX * SIZE_MAX;

    /** Sectors of one DISCARD or WRITE_ZEROES segment; one segment a request. */
    private static final int MAX_ZERO_SECTORS = 1 << 15;

    private static final int MAX_ZERO_SEGMENTS = 1;
    private static final int ZERO_SEGMENT_BYTES = 16;
    private static final int STAGING_BYTES = 1 << 17;

    /** Bytes moved in one go; then whoever serves the loop may do something else first. */
    private static final long SERVE_BUDGET_BYTES = 1 << 22;

    /** Feature bits (§5.2.3). */
    private static final class Feature {
        static final long SIZE_MAX = 1L << 1;
        static final long SEG_MAX = 1L << 2;
        static final long RO = 1L << 5;
        static final long BLK_SIZE = 1L << 6;
        static final long FLUSH = 1L << 9;
        static final long MQ = 1L << 12;
        static final long DISCARD = 1L << 13;
        static final long WRITE_ZEROES = 1L << 14;

        private Feature() {}
    }

    /** Status byte (§5.2.6). */
    private static final byte S_OK = 0;

    private static final byte S_IOERR = 1;
    private static final byte S_UNSUPP = 2;

    /** Flag of a DISCARD or WRITE_ZEROES segment (§5.2.6). */
    private static final BitField UNMAP = bit(0);

    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final BlockBackend disk;
    private final byte[] serial;
    private final int queues;
    private final RegisterFile config;
    private final ByteBuffer staging = ByteBuffer.allocateDirect(STAGING_BYTES);
    private final MemorySegment stagingBytes = MemorySegment.ofBuffer(staging);
    private final MemorySegment header = Arena.ofAuto().allocate(BlockRequest.HEADER_BYTES, 8);
    private final MemorySegment zeroSegment = Arena.ofAuto().allocate(ZERO_SEGMENT_BYTES, 8);
    private final MemorySegment status = Arena.ofAuto().allocate(1);
    private @Nullable DriverLink link;
    private @Nullable DescriptorChain chain;

    /** Bytes at the start of the device-writable part that the request at hand has written. */
    private long written;

    private boolean failureLogged;

    /**
     * @param serial what GET_ID tells; its first 20 bytes in ASCII
     * @param queues request queues, 1..64
     */
    public VirtioBlk(BlockBackend disk, String serial, int queues) {
        this.disk = disk;
        this.serial = Arrays.copyOf(serial.getBytes(StandardCharsets.US_ASCII), ID_BYTES);
        this.queues = queues;
        this.config =
                new RegisterFile(
                        0x40,
                        1,
                        List.of(
                                field("capacity", 0, 8, disk.sizeBytes() / SECTOR_BYTES),
                                field("size_max", 8, 4, SIZE_MAX),
                                field("seg_max", 12, 4, SEG_MAX),
                                field("blk_size", 20, 4, SECTOR_BYTES),
                                field("num_queues", 34, 2, queues),
                                field("max_discard_sectors", 36, 4, MAX_ZERO_SECTORS),
                                field("max_discard_seg", 40, 4, MAX_ZERO_SEGMENTS),
                                field("discard_sector_alignment", 44, 4, 1),
                                field("max_write_zeroes_sectors", 48, 4, MAX_ZERO_SECTORS),
                                field("max_write_zeroes_seg", 52, 4, MAX_ZERO_SEGMENTS),
                                field("write_zeroes_may_unmap", 56, 1, 0)));
    }

    private static Register field(String name, long offset, int sizeBytes, long value) {
        return readOnly(name, offset, sizeBytes, value, "§5.2.4");
    }

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public int classCode() {
        return CLASS_CODE;
    }

    @Override
    public long features() {
        return Feature.SIZE_MAX
                | Feature.SEG_MAX
                | Feature.BLK_SIZE
                | Feature.FLUSH
                | (queues > 1 ? Feature.MQ : 0)
                | (disk.isReadOnly() ? Feature.RO : Feature.DISCARD | Feature.WRITE_ZEROES);
    }

    @Override
    public int[] queueSizes() {
        int[] sizes = new int[queues];
        Arrays.fill(sizes, QUEUE_SIZE);
        return sizes;
    }

    @Override
    public int configBytes() {
        return 60;
    }

    @Override
    public MmioRegion config() {
        return config;
    }

    @Override
    public void start(DriverLink driver) {
        link = driver;
        chain = new DescriptorChain(driver.memory());
    }

    @Override
    public void stop() {
        link = null;
        chain = null;
    }

    @Override
    public void serve(int index, Virtqueue queue) {
        DescriptorChain request = chain;
        DriverLink driver = link;
        if (request == null || driver == null) {
            return;
        }
        long budget = SERVE_BUDGET_BYTES;
        while (budget > 0 && queue.next(request)) {
            queue.complete(request, execute(request));
            budget -= request.readableBytes() + request.writableBytes();
        }
        if (budget <= 0) {
            driver.kick(index);
        }
    }

    /** Executes a request and writes its status; returns how much the driver finds written. */
    private long execute(DescriptorChain request) {
        if (request.writableBytes() == 0) {
            return 0;
        }
        written = 0;
        byte result = S_IOERR;
        try {
            if (request.readableBytes() >= BlockRequest.HEADER_BYTES && request.read(0, header)) {
                result = dispatch(request, BlockRequest.decode(header));
            }
        } catch (IOException failed) {
            logOnce(failed);
        }
        status.set(ValueLayout.JAVA_BYTE, 0, result);
        long statusAt = request.writableBytes() - 1;
        boolean told = request.write(statusAt, status);
        return told && written == statusAt ? statusAt + 1 : written;
    }

    private byte dispatch(DescriptorChain request, BlockRequest decoded) throws IOException {
        return switch (decoded) {
            case BlockRequest.In(long sector) -> in(request, sector);
            case BlockRequest.Out(long sector) -> out(request, sector);
            case BlockRequest.Flush _ -> {
                disk.flush();
                yield S_OK;
            }
            case BlockRequest.GetId _ -> getId(request);
            case BlockRequest.Discard _, BlockRequest.WriteZeroes _ -> zero(request, decoded);
            case BlockRequest.Unknown _ -> S_UNSUPP;
        };
    }

    private byte in(DescriptorChain request, long sector) throws IOException {
        long sizeBytes = request.writableBytes() - 1;
        if (!isTransfer(sector, sizeBytes)) {
            return S_IOERR;
        }
        while (written < sizeBytes) {
            int step = (int) Math.min(STAGING_BYTES, sizeBytes - written);
            disk.read(sector * SECTOR_BYTES + written, staging.clear().limit(step));
            if (!request.write(written, staged(step))) {
                return S_IOERR;
            }
            written += step;
        }
        return S_OK;
    }

    private byte out(DescriptorChain request, long sector) throws IOException {
        long sizeBytes = request.readableBytes() - BlockRequest.HEADER_BYTES;
        if (disk.isReadOnly() || !isTransfer(sector, sizeBytes)) {
            return S_IOERR;
        }
        long done = 0;
        while (done < sizeBytes) {
            int step = (int) Math.min(STAGING_BYTES, sizeBytes - done);
            if (!request.read(BlockRequest.HEADER_BYTES + done, staged(step))) {
                return S_IOERR;
            }
            disk.write(sector * SECTOR_BYTES + done, staging.clear().limit(step));
            done += step;
        }
        return S_OK;
    }

    private MemorySegment staged(int sizeBytes) {
        return sizeBytes == STAGING_BYTES ? stagingBytes : stagingBytes.asSlice(0, sizeBytes);
    }

    private boolean isTransfer(long sector, long sizeBytes) {
        return sizeBytes % SECTOR_BYTES == 0
                && sizeBytes <= MAX_DATA_BYTES
                && isOnDisk(sector, sizeBytes / SECTOR_BYTES);
    }

    private boolean isOnDisk(long sector, long sectors) {
        long capacity = disk.sizeBytes() / SECTOR_BYTES;
        return sector >= 0 && sector <= capacity && sectors <= capacity - sector;
    }

    private byte getId(DescriptorChain request) {
        long sizeBytes = Math.min(ID_BYTES, request.writableBytes() - 1);
        MemorySegment id = MemorySegment.ofArray(serial).asSlice(0, sizeBytes);
        if (!request.write(0, id)) {
            return S_IOERR;
        }
        written = sizeBytes;
        return S_OK;
    }

    /** Discarded sectors read as zero, which §5.2.6.2 allows and leaves to the device. */
    private byte zero(DescriptorChain request, BlockRequest decoded) throws IOException {
        if (disk.isReadOnly()) {
            return S_IOERR;
        }
        long sizeBytes = request.readableBytes() - BlockRequest.HEADER_BYTES;
        if (sizeBytes != ZERO_SEGMENT_BYTES
                || !request.read(BlockRequest.HEADER_BYTES, zeroSegment)) {
            return S_IOERR;
        }
        long sector = zeroSegment.get(LONG, 0);
        long sectors = Integer.toUnsignedLong(zeroSegment.get(INT, 8));
        int flags = zeroSegment.get(INT, 12);
        boolean mayUnmap = decoded instanceof BlockRequest.WriteZeroes;
        long known = mayUnmap ? UNMAP.mask() : 0;
        if ((flags & ~known) != 0) { // §5.2.6.2: an unknown flag, or unmap in a discard
            return S_UNSUPP;
        }
        if (sectors > MAX_ZERO_SECTORS || !isOnDisk(sector, sectors)) {
            return S_IOERR;
        }
        disk.zero(sector * SECTOR_BYTES, sectors * SECTOR_BYTES);
        return S_OK;
    }

    private void logOnce(IOException failed) {
        if (!failureLogged) {
            failureLogged = true;
            LOG.log(
                    System.Logger.Level.WARNING,
                    "disk I/O failed, the guest is told: " + failed.getMessage());
        }
    }
}
