package nestor.vmm.memory;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Guest-physical RAM, and the only way to touch it. Every address is a GPA; every multi-byte value
 * is little-endian.
 *
 * <p>A naturally aligned access of 1, 2, 4 or 8 bytes is single-copy atomic; reads acquire, writes
 * release. A misaligned one, and every bulk copy, may tear. An access that is not wholly inside one
 * RAM region throws {@link GuestAccessException} and moves no byte.
 *
 * <p>Safe for use by any thread.
 */
public final class GuestMemory implements Doublewords, AutoCloseable {
    /** Granule of {@link #watchPage}: 4 KiB whatever the guest's own page size. */
    public static final int PAGE_LOG2 = 12;

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ATOMIC_BYTE = ValueLayout.JAVA_BYTE.varHandle();
    private static final VarHandle ATOMIC_SHORT =
            ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle ATOMIC_INT =
            ValueLayout.JAVA_INT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final VarHandle ATOMIC_LONG =
            ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private final Arena arena;
    private final RamRegion[] regions;
    private final byte[][] watched;
    private final List<PageWriteListener> listeners = new CopyOnWriteArrayList<>();

    private GuestMemory(Arena arena, List<RamRegion> regions) {
        this.arena = arena;
        this.regions = regions.toArray(RamRegion[]::new);
        this.watched = new byte[this.regions.length][];
        for (int i = 0; i < watched.length; i++) {
            watched[i] = new byte[Math.toIntExact(this.regions[i].sizeBytes() >>> PAGE_LOG2)];
        }
    }

    /** Where RAM lies: {@code sizeBytes} from {@code gpa}, both multiples of 4 KiB. */
    public record Range(long gpa, long sizeBytes) {
        public Range {
            long pageMask = (1L << PAGE_LOG2) - 1;
            if (((gpa | sizeBytes) & pageMask) != 0 || sizeBytes <= 0) {
                throw new IllegalArgumentException("RAM is a positive number of 4 KiB pages");
            }
        }
    }

    /** RAM of one range in anonymous memory, zeroed: for tests and small guests. */
    public static GuestMemory anonymous(long gpa, long sizeBytes) {
        Arena arena = Arena.ofShared();
        return new GuestMemory(
                arena, List.of(new RamRegion(gpa, arena.allocate(sizeBytes, 1L << PAGE_LOG2))));
    }

    /**
     * RAM backed by shared mappings of an unlinked file on the host's memory file system where that
     * has room for all of it (pages the guest never touches then cost nothing), else by anonymous
     * memory.
     *
     * @throws IOException if the backing file cannot be made or mapped
     */
    public static GuestMemory shared(List<Range> ranges) throws IOException {
        long total = ranges.stream().mapToLong(Range::sizeBytes).sum();
        Path memoryFs = Path.of("/dev/shm");
        boolean room = Files.isWritable(memoryFs) && memoryFs.toFile().getUsableSpace() >= total;
        Arena arena = Arena.ofShared();
        List<RamRegion> regions = new ArrayList<>();
        if (room) {
            Path file = Files.createTempFile(memoryFs, "nestor-ram-", "");
            try (FileChannel channel =
                    FileChannel.open(
                            file,
                            StandardOpenOption.READ,
                            StandardOpenOption.WRITE,
                            StandardOpenOption.DELETE_ON_CLOSE)) {
                long offset = 0;
                for (Range range : ranges) {
                    MemorySegment segment =
                            channel.map(
                                    FileChannel.MapMode.READ_WRITE,
                                    offset,
                                    range.sizeBytes(),
                                    arena);
                    regions.add(new RamRegion(range.gpa(), segment));
                    offset += range.sizeBytes();
                }
            }
        } else {
            for (Range range : ranges) {
                MemorySegment segment = arena.allocate(range.sizeBytes(), 1L << PAGE_LOG2);
                regions.add(new RamRegion(range.gpa(), segment));
            }
        }
        regions.sort(Comparator.comparingLong(RamRegion::gpa));
        return new GuestMemory(arena, regions);
    }

    /**
     * Memory that somebody else has made, and keeps alive, as RAM. Page watches see what is written
     * through this object only.
     *
     * @param regions of whole pages, which do not overlap
     */
    public static GuestMemory over(List<RamRegion> regions) {
        List<RamRegion> sorted = new ArrayList<>(regions);
        sorted.sort(Comparator.comparingLong(RamRegion::gpa));
        return new GuestMemory(Arena.ofShared(), sorted);
    }

    /** The RAM regions, in address order. */
    public List<RamRegion> regions() {
        return List.of(regions);
    }

    /** Whether all of {@code [gpa, gpa + sizeBytes)} is RAM of one region. */
    public boolean contains(long gpa, long sizeBytes) {
        for (RamRegion region : regions) {
            if (region.contains(gpa, sizeBytes)) {
                return true;
            }
        }
        return false;
    }

    public byte getByte(long gpa) throws GuestAccessException {
        RamRegion region = region(gpa, 1);
        return (byte) ATOMIC_BYTE.getAcquire(region.segment(), gpa - region.gpa());
    }

    public short getShortLe(long gpa) throws GuestAccessException {
        RamRegion region = region(gpa, 2);
        long offset = gpa - region.gpa();
        return (gpa & 1) == 0
                ? (short) ATOMIC_SHORT.getAcquire(region.segment(), offset)
                : region.segment().get(SHORT, offset);
    }

    public int getIntLe(long gpa) throws GuestAccessException {
        RamRegion region = region(gpa, 4);
        long offset = gpa - region.gpa();
        return (gpa & 3) == 0
                ? (int) ATOMIC_INT.getAcquire(region.segment(), offset)
                : region.segment().get(INT, offset);
    }

    @Override
    public long getLongLe(long gpa) throws GuestAccessException {
        RamRegion region = region(gpa, 8);
        long offset = gpa - region.gpa();
        return (gpa & 7) == 0
                ? (long) ATOMIC_LONG.getAcquire(region.segment(), offset)
                : region.segment().get(LONG, offset);
    }

    public void setByte(long gpa, byte value) throws GuestAccessException {
        RamRegion region = region(gpa, 1);
        ATOMIC_BYTE.setRelease(region.segment(), gpa - region.gpa(), value);
        written(gpa, 1);
    }

    public void setShortLe(long gpa, short value) throws GuestAccessException {
        RamRegion region = region(gpa, 2);
        long offset = gpa - region.gpa();
        if ((gpa & 1) == 0) {
            ATOMIC_SHORT.setRelease(region.segment(), offset, value);
        } else {
            region.segment().set(SHORT, offset, value);
        }
        written(gpa, 2);
    }

    public void setIntLe(long gpa, int value) throws GuestAccessException {
        RamRegion region = region(gpa, 4);
        long offset = gpa - region.gpa();
        if ((gpa & 3) == 0) {
            ATOMIC_INT.setRelease(region.segment(), offset, value);
        } else {
            region.segment().set(INT, offset, value);
        }
        written(gpa, 4);
    }

    public void setLongLe(long gpa, long value) throws GuestAccessException {
        RamRegion region = region(gpa, 8);
        long offset = gpa - region.gpa();
        if ((gpa & 7) == 0) {
            ATOMIC_LONG.setRelease(region.segment(), offset, value);
        } else {
            region.segment().set(LONG, offset, value);
        }
        written(gpa, 8);
    }

    /**
     * Atomically replaces the 8 bytes at {@code gpa} if they hold {@code expected}.
     *
     * @param gpa a multiple of 8
     * @return the value found, equal to {@code expected} exactly if the replacement happened
     */
    public long compareAndExchangeLongLe(long gpa, long expected, long value)
            throws GuestAccessException {
        RamRegion region = region(gpa, 8);
        long seen =
                (long)
                        ATOMIC_LONG.compareAndExchange(
                                region.segment(), gpa - region.gpa(), expected, value);
        if (seen == expected) {
            written(gpa, 8);
        }
        return seen;
    }

    /** Copies {@code dst.byteSize()} bytes of guest memory from {@code gpa} into {@code dst}. */
    public void copyOut(long gpa, MemorySegment dst) throws GuestAccessException {
        copyOut(gpa, dst, 0, dst.byteSize());
    }

    /**
     * Copies {@code sizeBytes} of guest memory from {@code gpa} to {@code offset} in {@code dst}.
     */
    public void copyOut(long gpa, MemorySegment dst, long offset, long sizeBytes)
            throws GuestAccessException {
        RamRegion region = region(gpa, sizeBytes);
        MemorySegment.copy(region.segment(), gpa - region.gpa(), dst, offset, sizeBytes);
    }

    /** Copies all of {@code src} into guest memory at {@code gpa}. */
    public void copyIn(MemorySegment src, long gpa) throws GuestAccessException {
        copyIn(src, 0, gpa, src.byteSize());
    }

    /**
     * Copies {@code sizeBytes} from {@code offset} in {@code src} to guest memory at {@code gpa}.
     */
    public void copyIn(MemorySegment src, long offset, long gpa, long sizeBytes)
            throws GuestAccessException {
        RamRegion region = region(gpa, sizeBytes);
        MemorySegment.copy(src, offset, region.segment(), gpa - region.gpa(), sizeBytes);
        if (sizeBytes > 0) {
            written(gpa, sizeBytes);
        }
    }

    /** Adds a listener for writes to watched pages; called on the writer's thread. */
    public void onWatchedWrite(PageWriteListener listener) {
        listeners.add(listener);
    }

    /**
     * Watches the 4 KiB page that holds {@code gpa}, until {@link #unwatchPage}: every write to it
     * through this class is reported. The software CPU's own stores are its own business.
     */
    public void watchPage(long gpa) throws GuestAccessException {
        setWatched(gpa, (byte) 1);
    }

    public void unwatchPage(long gpa) throws GuestAccessException {
        setWatched(gpa, (byte) 0);
    }

    /** Whether the page that holds {@code gpa} is watched; false outside RAM. */
    public boolean isWatched(long gpa) {
        int index = indexOf(gpa, 1);
        return index >= 0 && watched[index][pageIndex(index, gpa)] != 0;
    }

    private void setWatched(long gpa, byte state) throws GuestAccessException {
        int index = indexOf(gpa, 1);
        if (index < 0) {
            throw new GuestAccessException(gpa);
        }
        watched[index][pageIndex(index, gpa)] = state;
        VarHandle.fullFence();
    }

    private void written(long gpa, long sizeBytes) {
        int index = indexOf(gpa, sizeBytes);
        int last = pageIndex(index, gpa + sizeBytes - 1);
        for (int page = pageIndex(index, gpa); page <= last; page++) {
            if (watched[index][page] != 0) {
                long pageGpa = regions[index].gpa() + ((long) page << PAGE_LOG2);
                listeners.forEach(listener -> listener.pageWritten(pageGpa));
            }
        }
    }

    private int pageIndex(int index, long gpa) {
        return (int) ((gpa - regions[index].gpa()) >>> PAGE_LOG2);
    }

    private int indexOf(long gpa, long sizeBytes) {
        for (int i = 0; i < regions.length; i++) {
            if (regions[i].contains(gpa, sizeBytes)) {
                return i;
            }
        }
        return -1;
    }

    private RamRegion region(long gpa, long sizeBytes) throws GuestAccessException {
        for (RamRegion region : regions) {
            if (region.contains(gpa, sizeBytes)) {
                return region;
            }
        }
        throw new GuestAccessException(gpa);
    }

    /** Releases the backing memory; every later access fails. The last step of a shutdown. */
    @Override
    public void close() {
        arena.close();
    }
}
