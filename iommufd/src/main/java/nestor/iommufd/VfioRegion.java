package nestor.iommufd;

import java.util.ArrayList;
import java.util.List;

/**
 * A region of a VFIO device (VFIO_DEVICE_GET_REGION_INFO): a BAR, its ROM, its configuration space.
 *
 * @param index of {@link Uapi.RegionInfo}
 * @param flags of {@link Uapi.RegionInfo}
 * @param sizeBytes 0 if there is none
 * @param offset of its first byte in the device's file
 * @param mappable what of it mmap(2) takes, by offsets in the region
 */
public record VfioRegion(int index, int flags, long sizeBytes, long offset, List<Area> mappable) {
    /** A part of a region. */
    public record Area(long offset, long sizeBytes) {}

    public VfioRegion {
        mappable = List.copyOf(mappable);
    }

    /** Whether {@code [offset, offset + bytes)} lies in it. */
    public boolean contains(long at, long bytes) {
        return at >= 0 && bytes >= 0 && at <= sizeBytes - bytes;
    }

    /** What the kernel filled in, capabilities and all. */
    static VfioRegion decode(Struct info) {
        int flags = info.word(Uapi.RegionInfo.FLAGS);
        long size = info.doubleword(Uapi.RegionInfo.SIZE);
        return new VfioRegion(
                info.word(Uapi.RegionInfo.INDEX),
                flags,
                size,
                info.doubleword(Uapi.RegionInfo.OFFSET),
                (flags & Uapi.RegionInfo.FLAG_MMAP) == 0 ? List.of() : areas(info, flags, size));
    }

    /** All of it, unless a capability names parts. Capabilities are linked by their offsets. */
    private static List<Area> areas(Struct info, int flags, long size) {
        long room = info.bytes().byteSize();
        int at =
                (flags & Uapi.RegionInfo.FLAG_CAPS) == 0
                        ? 0
                        : info.word(Uapi.RegionInfo.CAP_OFFSET);
        int before = 0;
        while (at > before && at <= room - Uapi.SparseMmap.AREAS) {
            if (info.half(at + Uapi.SparseMmap.ID) == Uapi.SparseMmap.CAP_ID) {
                return sparse(info, at, room);
            }
            before = at;
            at = info.word(at + Uapi.SparseMmap.NEXT);
        }
        return List.of(new Area(0, size));
    }

    private static List<Area> sparse(Struct info, int at, long room) {
        List<Area> areas = new ArrayList<>();
        int count = info.word(at + Uapi.SparseMmap.NR_AREAS);
        long area = at + (long) Uapi.SparseMmap.AREAS;
        for (int i = 0; i < count && area <= room - Uapi.SparseMmap.AREA_BYTES; i++) {
            long size = info.doubleword(area + Uapi.SparseMmap.AREA_SIZE);
            if (size > 0) {
                areas.add(new Area(info.doubleword(area + Uapi.SparseMmap.AREA_OFFSET), size));
            }
            area += Uapi.SparseMmap.AREA_BYTES;
        }
        return areas;
    }
}
