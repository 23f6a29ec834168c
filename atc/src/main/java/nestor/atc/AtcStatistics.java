package nestor.atc;

/**
 * What an {@link Atc} has counted since it was made; the numbers are not of one instant.
 *
 * @param hits lookups answered
 * @param misses lookups of an address without an entry
 * @param permissionMisses lookups of an entry that did not permit the access
 * @param requests Translation Requests sent
 * @param staleDrops completed translations not cached, because an invalidation overtook them
 * @param evictions entries that made room for others
 * @param pasidRangeInvalidations of a range, in one PASID
 * @param pasidInvalidations of one PASID, every address
 * @param rangeInvalidations of a range, whatever the PASID
 * @param functionInvalidations of everything
 */
public record AtcStatistics(
        long hits,
        long misses,
        long permissionMisses,
        long requests,
        long staleDrops,
        long evictions,
        long pasidRangeInvalidations,
        long pasidInvalidations,
        long rangeInvalidations,
        long functionInvalidations) {}
