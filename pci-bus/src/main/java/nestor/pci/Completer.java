package nestor.pci;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import nestor.vmm.memory.GuestAccessException;
import nestor.vmm.memory.GuestMemory;

/**
 * What answers a request once its address is translated: RAM, the MSI doorbell, or another
 * function's BAR. Nothing else does: ECAM, the IOMMU's and the board's registers, a function's own
 * BARs and holes are Unsupported Requests.
 *
 * <p>A request that reaches a BAR runs that device's MMIO code on the requester's thread. If this
 * makes the other device do DMA on the same thread, its requests to RAM and the doorbell work, but
 * those to BARs are Unsupported Requests: the depth of DMA-to-MMIO is 1 whatever guests arrange.
 */
final class Completer {
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG =
            ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int PAGE_BYTES = 1 << GuestMemory.PAGE_LOG2;

    private final GuestMemory memory;
    private final MsiDoorbell doorbell;
    private final Set<Thread> insideMmio = ConcurrentHashMap.newKeySet();
    private volatile BarRoutes routes = new BarRoutes();

    Completer(GuestMemory memory, MsiDoorbell doorbell) {
        this.memory = memory;
        this.doorbell = doorbell;
    }

    BarRoutes routes() {
        return routes;
    }

    void routes(BarRoutes now) {
        routes = now;
    }

    /** How much of {@code bytes} from {@code gpa} one call moves: all in RAM, else to page end. */
    long blockBytes(long gpa, long bytes) {
        return memory.contains(gpa, bytes)
                ? bytes
                : Math.min(bytes, PAGE_BYTES - (gpa & PAGE_BYTES - 1));
    }

    CompletionStatus read(
            PciFunction.State who, long gpa, MemorySegment dst, long offset, long bytes) {
        if (!memory.contains(gpa, bytes)) {
            return peer(who, gpa, dst, offset, bytes, Translation.READ);
        }
        try {
            if (isSingleCopy(gpa, bytes)) {
                put(dst, offset, (int) bytes, load(gpa, (int) bytes));
            } else {
                memory.copyOut(gpa, dst, offset, bytes);
            }
            return CompletionStatus.SUCCESSFUL;
        } catch (GuestAccessException noRam) {
            return CompletionStatus.UNSUPPORTED_REQUEST;
        }
    }

    CompletionStatus write(
            PciFunction.State who, long gpa, MemorySegment src, long offset, long bytes) {
        if (!memory.contains(gpa, bytes)) {
            return doorbell.contains(gpa)
                    ? message(who, gpa, src, offset, bytes)
                    : peer(who, gpa, src, offset, bytes, Translation.WRITE);
        }
        try {
            if (isSingleCopy(gpa, bytes)) {
                store(gpa, (int) bytes, get(src, offset, (int) bytes));
            } else {
                memory.copyIn(src, offset, gpa, bytes);
            }
            return CompletionStatus.SUCCESSFUL;
        } catch (GuestAccessException noRam) {
            return CompletionStatus.UNSUPPORTED_REQUEST;
        }
    }

    private CompletionStatus message(
            PciFunction.State who, long gpa, MemorySegment src, long offset, long bytes) {
        if (bytes != Integer.BYTES || (gpa & 3) != 0) {
            return CompletionStatus.UNSUPPORTED_REQUEST;
        }
        doorbell.sink().signal(who.requester().rid(), gpa, src.get(INT, offset));
        return CompletionStatus.SUCCESSFUL;
    }

    /** Moves to or from BARs in naturally aligned accesses of up to 8 bytes, lowest first. */
    private CompletionStatus peer(
            PciFunction.State who,
            long gpa,
            MemorySegment data,
            long offset,
            long bytes,
            int access) {
        Thread self = Thread.currentThread();
        BarRoutes snapshot = routes;
        if (!reaches(who, snapshot, gpa) || !insideMmio.add(self)) {
            return CompletionStatus.UNSUPPORTED_REQUEST;
        }
        try {
            long done = 0;
            while (done < bytes) {
                long at = gpa + done;
                if (!reaches(who, snapshot, at)) {
                    return CompletionStatus.UNSUPPORTED_REQUEST;
                }
                int size = accessBytes(at, bytes - done);
                if (access == Translation.READ) {
                    put(data, offset + done, size, snapshot.read(at, size));
                } else {
                    snapshot.write(at, size, get(data, offset + done, size));
                }
                done += size;
            }
            return CompletionStatus.SUCCESSFUL;
        } finally {
            insideMmio.remove(self);
        }
    }

    /** Whether {@code gpa} is in a BAR of another function, and nothing else. */
    boolean isPeer(PciFunction.State who, long gpa) {
        return !memory.contains(gpa, 1) && reaches(who, routes, gpa);
    }

    private static boolean reaches(PciFunction.State who, BarRoutes routes, long gpa) {
        for (AddressRange own : who.bars()) {
            if (own.contains(gpa)) {
                return false;
            }
        }
        return routes.claims(gpa);
    }

    private static int accessBytes(long gpa, long bytes) {
        int aligned = (int) Math.min(Long.lowestOneBit(gpa | 8), 8);
        return (int) Math.min(aligned, Long.highestOneBit(bytes));
    }

    private static boolean isSingleCopy(long gpa, long bytes) {
        return (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8) && (gpa & bytes - 1) == 0;
    }

    private long load(long gpa, int bytes) throws GuestAccessException {
        return switch (bytes) {
            case 1 -> memory.getByte(gpa);
            case 2 -> memory.getShortLe(gpa);
            case 4 -> memory.getIntLe(gpa);
            default -> memory.getLongLe(gpa);
        };
    }

    private void store(long gpa, int bytes, long value) throws GuestAccessException {
        switch (bytes) {
            case 1 -> memory.setByte(gpa, (byte) value);
            case 2 -> memory.setShortLe(gpa, (short) value);
            case 4 -> memory.setIntLe(gpa, (int) value);
            default -> memory.setLongLe(gpa, value);
        }
    }

    private static long get(MemorySegment data, long offset, int bytes) {
        return switch (bytes) {
            case 1 -> data.get(ValueLayout.JAVA_BYTE, offset);
            case 2 -> data.get(SHORT, offset);
            case 4 -> data.get(INT, offset);
            default -> data.get(LONG, offset);
        };
    }

    private static void put(MemorySegment data, long offset, int bytes, long value) {
        switch (bytes) {
            case 1 -> data.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
            case 2 -> data.set(SHORT, offset, (short) value);
            case 4 -> data.set(INT, offset, (int) value);
            default -> data.set(LONG, offset, value);
        }
    }
}
