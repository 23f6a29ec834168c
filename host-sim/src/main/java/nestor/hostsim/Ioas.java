package nestor.hostsim;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import nestor.iommu.IovaRange;
import nestor.iommufd.Errno;
import nestor.iommufd.Uapi.IoasMap;
import org.jspecify.annotations.Nullable;

/** An address space: what it maps, and where nothing may be mapped. */
final class Ioas extends HostObject {
    /** What is mapped as one. */
    record Area(IovaRange range, long userVa, boolean writeable) {
        long va(long iova) {
            return userVa + (iova - range.first());
        }
    }

    private final ProcessMemory memory;
    private final TreeMap<Long, Area> areas = new TreeMap<>(Long::compareUnsigned);

    /** By what asks for them; a device's go when it is detached. */
    private final Map<Object, List<IovaRange>> reserved = new LinkedHashMap<>();

    /** Granules of what is attached, by the same. */
    private final Map<Object, Long> granules = new LinkedHashMap<>();

    private List<IovaRange> allowed = List.of();

    private boolean hugePages = true;

    Ioas(ProcessMemory memory) {
        this.memory = memory;
    }

    boolean hugePages() {
        return hugePages;
    }

    void hugePages(boolean on) {
        hugePages = on;
    }

    long alignment() {
        return granules.values().stream().mapToLong(Long::longValue).max().orElse(1);
    }

    /** Reserved ranges, in address order and merged. */
    private List<IovaRange> reservedRanges() {
        List<IovaRange> all = new ArrayList<>();
        reserved.values().forEach(all::addAll);
        all.sort((a, b) -> Long.compareUnsigned(a.first(), b.first()));
        return all;
    }

    private boolean isReserved(IovaRange range) {
        return reservedRanges().stream().anyMatch(range::overlaps);
    }

    private boolean isMapped(IovaRange range) {
        Map.Entry<Long, Area> before = areas.floorEntry(range.last());
        return before != null && before.getValue().range().overlaps(range);
    }

    /** Takes a device in; its ranges conflict with what is mapped or allowed: EADDRINUSE. */
    void enter(Object who, List<IovaRange> ranges, long granule) throws Refusal {
        for (IovaRange range : ranges) {
            boolean conflicts = isMapped(range) || allowed.stream().anyMatch(range::overlaps);
            Refusal.when(conflicts, Errno.EADDRINUSE);
        }
        for (Area area : areas.values()) {
            Refusal.when(!area.range().isAligned(granule), Errno.EADDRINUSE);
            Refusal.when(!memory.contains(area.userVa(), size(area.range())), Errno.EFAULT);
        }
        reserved.put(who, List.copyOf(ranges));
        granules.put(who, granule);
    }

    void leave(Object who) {
        reserved.remove(who);
        granules.remove(who);
    }

    /** The kernel's test module reserves by hand. */
    void reserve(IovaRange range) throws Refusal {
        Refusal.when(isMapped(range), Errno.EADDRINUSE);
        reserved.put(new Object(), List.of(range));
    }

    private static long size(IovaRange range) {
        return range.last() - range.first() + 1;
    }

    /** Where {@code [userVa, userVa + sizeBytes)} comes to lie. */
    long map(int flags, long userVa, long sizeBytes, long iova) throws Refusal {
        Refusal.when((flags & (IoasMap.READABLE | IoasMap.WRITEABLE)) == 0, Errno.EINVAL);
        Refusal.when(iova == -1 || sizeBytes == -1, Errno.EOVERFLOW);
        Refusal.when(sizeBytes == 0 || sizeBytes % alignment() != 0, Errno.EINVAL);
        Refusal.when(Long.compareUnsigned(userVa + (sizeBytes - 1), userVa) < 0, Errno.EOVERFLOW);
        IovaRange range = place(flags, userVa, sizeBytes, iova);
        if (!granules.isEmpty()) {
            Refusal.when(!memory.contains(userVa, sizeBytes), Errno.EFAULT);
        }
        boolean writeable = (flags & IoasMap.WRITEABLE) != 0;
        areas.put(range.first(), new Area(range, userVa, writeable));
        return range.first();
    }

    private IovaRange place(int flags, long userVa, long sizeBytes, long iova) throws Refusal {
        if ((flags & IoasMap.FIXED_IOVA) == 0) {
            return hole(userVa, sizeBytes).orElseThrow(() -> new Refusal(Errno.ENOSPC));
        }
        Refusal.when(Long.compareUnsigned(iova + (sizeBytes - 1), iova) < 0, Errno.EOVERFLOW);
        Refusal.when((iova & alignment() - 1) != 0, Errno.EINVAL);
        Refusal.when((userVa & alignment() - 1) != 0, Errno.EINVAL);
        IovaRange range = new IovaRange(iova, iova + (sizeBytes - 1));
        Refusal.when(isReserved(range), Errno.EINVAL);
        Refusal.when(isMapped(range), Errno.EEXIST);
        return range;
    }

    /** The lowest hole with the alignment that the user's address has, to keep large pages. */
    private Optional<IovaRange> hole(long userVa, long sizeBytes) {
        long natural = Math.min(Long.lowestOneBit(userVa | sizeBytes), 1L << 30);
        long align = Math.max(Math.max(natural, alignment()), 1);
        List<IovaRange> within = allowed.isEmpty() ? List.of(IovaRange.ALL) : allowed;
        for (IovaRange window : within) {
            long at = alignUp(window.first(), align);
            while (Long.compareUnsigned(at, window.first()) >= 0) {
                long last = at + (sizeBytes - 1);
                if (Long.compareUnsigned(last, at) < 0
                        || Long.compareUnsigned(last, window.last()) > 0
                        || last == -1) {
                    break;
                }
                IovaRange range = new IovaRange(at, last);
                Optional<IovaRange> obstacle = obstacle(range);
                if (obstacle.isEmpty()) {
                    return Optional.of(range);
                }
                long next = alignUp(obstacle.get().last() + 1, align);
                if (Long.compareUnsigned(next, at) <= 0) {
                    break; // beyond the last address
                }
                at = next;
            }
        }
        return Optional.empty();
    }

    private Optional<IovaRange> obstacle(IovaRange range) {
        Map.Entry<Long, Area> before = areas.floorEntry(range.last());
        if (before != null && before.getValue().range().overlaps(range)) {
            return Optional.of(before.getValue().range());
        }
        return reservedRanges().stream().filter(range::overlaps).findFirst();
    }

    private static long alignUp(long address, long align) {
        return address + (align - 1) & -align;
    }

    /** Bytes that were mapped. */
    long unmap(long iova, long sizeBytes) throws Refusal {
        if (iova == 0 && sizeBytes == -1) {
            long all = areas.values().stream().mapToLong(area -> size(area.range())).sum();
            areas.clear();
            return all;
        }
        Refusal.when(sizeBytes == 0, Errno.EINVAL);
        Refusal.when(iova == -1 || sizeBytes == -1, Errno.EOVERFLOW);
        Refusal.when(Long.compareUnsigned(iova + (sizeBytes - 1), iova) < 0, Errno.EOVERFLOW);
        IovaRange range = new IovaRange(iova, iova + (sizeBytes - 1));
        List<Area> inside =
                areas.values().stream().filter(area -> area.range().overlaps(range)).toList();
        boolean cut = inside.stream().anyMatch(area -> !range.contains(area.range()));
        Refusal.when(inside.isEmpty() || cut, Errno.ENOENT);
        inside.forEach(area -> areas.remove(area.range().first()));
        return inside.stream().mapToLong(area -> size(area.range())).sum();
    }

    /** Copies a mapping, in as many pieces as it has; where it comes to lie. */
    long copy(Ioas source, int flags, long sourceIova, long sizeBytes, long iova) throws Refusal {
        Refusal.when((flags & (IoasMap.READABLE | IoasMap.WRITEABLE)) == 0, Errno.EINVAL);
        Refusal.when(sourceIova == -1 || sizeBytes == -1, Errno.EOVERFLOW);
        Refusal.when(
                Long.compareUnsigned(sourceIova + (sizeBytes - 1), sourceIova) < 0,
                Errno.EOVERFLOW);
        Refusal.when(sizeBytes == 0, Errno.EINVAL);
        List<Area> pieces = source.pieces(sourceIova, sizeBytes);
        boolean writes = (flags & IoasMap.WRITEABLE) != 0;
        Refusal.when(writes && pieces.stream().anyMatch(piece -> !piece.writeable()), Errno.EPERM);
        Refusal.when(sizeBytes % alignment() != 0, Errno.EINVAL);
        IovaRange target = place(flags, pieces.getFirst().userVa(), sizeBytes, iova);
        for (Area piece : pieces) {
            long at = target.first() + (piece.range().first() - sourceIova);
            var range = new IovaRange(at, at + (size(piece.range()) - 1));
            areas.put(at, new Area(range, piece.userVa(), writes));
        }
        return target.first();
    }

    /** What maps all of a range, cut to it; ENOENT if something in it is not mapped. */
    List<Area> pieces(long iova, long sizeBytes) throws Refusal {
        List<Area> pieces = new ArrayList<>();
        long last = iova + (sizeBytes - 1);
        long at = iova;
        while (true) {
            Area area = area(at);
            if (area == null) {
                throw new Refusal(Errno.ENOENT);
            }
            long end =
                    Long.compareUnsigned(area.range().last(), last) < 0
                            ? area.range().last()
                            : last;
            pieces.add(new Area(new IovaRange(at, end), area.va(at), area.writeable()));
            if (end == last) {
                return pieces;
            }
            at = end + 1;
        }
    }

    /** The area that maps {@code iova}. */
    @Nullable Area area(long iova) {
        Map.Entry<Long, Area> before = areas.floorEntry(iova);
        return before != null && before.getValue().range().contains(iova)
                ? before.getValue()
                : null;
    }

    ProcessMemory memory() {
        return memory;
    }

    void allow(List<IovaRange> ranges) throws Refusal {
        for (int i = 0; i < ranges.size(); i++) {
            for (int j = 0; j < i; j++) {
                Refusal.when(ranges.get(i).overlaps(ranges.get(j)), Errno.EINVAL);
            }
        }
        Refusal.when(ranges.stream().anyMatch(this::isReserved), Errno.EADDRINUSE);
        List<IovaRange> sorted = new ArrayList<>(ranges);
        sorted.sort((a, b) -> Long.compareUnsigned(a.first(), b.first()));
        allowed = List.copyOf(sorted);
    }

    /** The holes between what is reserved. */
    List<IovaRange> usable() {
        List<IovaRange> holes = new ArrayList<>();
        long at = 0;
        for (IovaRange range : reservedRanges()) {
            if (Long.compareUnsigned(range.first(), at) > 0) {
                holes.add(new IovaRange(at, range.first() - 1));
            }
            if (range.last() == -1) {
                return holes;
            }
            at = Long.compareUnsigned(range.last() + 1, at) > 0 ? range.last() + 1 : at;
        }
        holes.add(new IovaRange(at, -1));
        return holes;
    }
}
