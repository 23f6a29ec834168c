package nestor.cpu;

import java.util.List;
import nestor.vmm.memory.GuestMemory;
import nestor.vmm.memory.RamRegion;

/** Where each page of guest RAM lies in host memory. Immutable; any thread. */
public final class RamMap {
    /** 4 KiB whatever the guest's own page size, as in {@link GuestMemory#PAGE_LOG2}. */
    public static final int PAGE_LOG2 = GuestMemory.PAGE_LOG2;

    public static final long PAGE_BYTES = 1L << PAGE_LOG2;

    /** Not RAM. */
    public static final long NONE = 0;

    private final GuestMemory memory;
    private final long[] gpas;
    private final long[] sizes;
    private final long[] hosts;
    private final int[] firstPages;
    private final int pages;

    /**
     * The map of one machine's memory.
     *
     * @param memory stays open for as long as a vCPU runs on this map
     */
    public RamMap(GuestMemory memory) {
        this.memory = memory;
        List<RamRegion> regions = memory.regions();
        gpas = regions.stream().mapToLong(RamRegion::gpa).toArray();
        sizes = regions.stream().mapToLong(RamRegion::sizeBytes).toArray();
        hosts = regions.stream().mapToLong(region -> region.segment().address()).toArray();
        firstPages = new int[gpas.length];
        int page = 0;
        for (int i = 0; i < gpas.length; i++) {
            firstPages[i] = page;
            page += Math.toIntExact(sizes[i] >>> PAGE_LOG2);
        }
        pages = page;
    }

    /** The memory this maps. */
    public GuestMemory memory() {
        return memory;
    }

    /** Number of RAM pages. */
    public int pages() {
        return pages;
    }

    /** Host address of one guest-physical byte, or {@link #NONE}. */
    public long hostAddress(long gpa) {
        for (int i = 0; i < gpas.length; i++) {
            long offset = gpa - gpas[i];
            if (Long.compareUnsigned(offset, sizes[i]) < 0) {
                return hosts[i] + offset;
            }
        }
        return NONE;
    }

    /** Guest-physical address of a host address that {@link #hostAddress} gave. */
    public long gpa(long host) {
        int region = 0;
        while (Long.compareUnsigned(host - hosts[region], sizes[region]) >= 0) {
            region++;
        }
        return gpas[region] + (host - hosts[region]);
    }

    /** Guest-physical base of a page, by its number. */
    public long gpaOfPage(int page) {
        int region = gpas.length - 1;
        while (firstPages[region] > page) {
            region--;
        }
        return gpas[region] + ((long) (page - firstPages[region]) << PAGE_LOG2);
    }

    /** Number of the RAM page that holds {@code gpa}, counted over all regions; -1 if not RAM. */
    public int pageIndex(long gpa) {
        for (int i = 0; i < gpas.length; i++) {
            long offset = gpa - gpas[i];
            if (Long.compareUnsigned(offset, sizes[i]) < 0) {
                return firstPages[i] + (int) (offset >>> PAGE_LOG2);
            }
        }
        return -1;
    }
}
