package nestor.virtio.iommu;

import java.util.Optional;
import nestor.iommu.IovaRange;
import nestor.virtio.iommu.table.TableDescriptor;

/** Requests of drivers with tables of their own, the same whatever the profile's layout. */
sealed interface TableRequest extends Request {
    int ATTACH_TABLE = 6;
    int INVALIDATE = 7;
    int PAGE_RESPONSE = 8;

    /**
     * Attaches an endpoint to a domain with tables.
     *
     * @param format the number of the tables' format
     * @param table empty if the format has no meaning in this profile
     * @param malformed whether a reserved field or an unknown flag is set
     */
    record AttachTable(
            int domain,
            int endpoint,
            int format,
            Optional<TableDescriptor> table,
            boolean malformed)
            implements TableRequest {}

    /** How much of a domain an INVALIDATE is about. */
    enum Scope {
        DOMAIN,
        PASID,
        ADDRESS,
        /** No granularity, or several. */
        NONE
    }

    /**
     * Forgets what is cached of a domain with tables.
     *
     * @param iotlb drop translations
     * @param deviceTlb drop translations in endpoints
     * @param pasidCache drop contexts
     * @param leaf whether what is kept of tables above a leaf may stay
     * @param malformed whether an unknown cache or flag is set, or no cache
     * @param pasid counts if {@code hasPasid}
     * @param asid ARCHID, counts if {@code hasAsid}
     * @param first address, for {@link Scope#ADDRESS} only, as the two that follow
     * @param pages unsigned
     * @param granuleLog2 log2 of a page's bytes, 0..255
     */
    record Invalidate(
            int domain,
            Scope scope,
            boolean iotlb,
            boolean deviceTlb,
            boolean pasidCache,
            boolean leaf,
            boolean malformed,
            boolean hasPasid,
            int pasid,
            boolean hasAsid,
            int asid,
            long first,
            long pages,
            int granuleLog2)
            implements TableRequest {
        /** The addresses, in whole pages; empty if they go beyond the address space. */
        Optional<IovaRange> range() {
            if (pages == 0 || granuleLog2 >= Long.SIZE) {
                return Optional.empty();
            }
            long start = first & -1L << granuleLog2;
            long more = pages - 1;
            long room = (-1L - start) >>> granuleLog2; // whole pages that follow the first
            if (Long.compareUnsigned(more, room) > 0) {
                return Optional.empty();
            }
            long lastPage = start + (more << granuleLog2);
            return Optional.of(new IovaRange(start, lastPage | ~(-1L << granuleLog2)));
        }
    }

    /** How a driver answers a page request group. */
    enum ResponseCode {
        SUCCESS,
        INVALID,
        FAILURE
    }

    /**
     * Answers a page request group.
     *
     * @param pasid counts if {@code hasPasid}
     * @param group Page Request Group index, unsigned
     * @param code empty if it has no meaning
     * @param malformed whether a reserved field or an unknown flag is set
     */
    record PageResponse(
            int endpoint,
            boolean hasPasid,
            int pasid,
            int group,
            Optional<ResponseCode> code,
            boolean malformed)
            implements TableRequest {}
}
