package nestor.iommu.oracle;

/**
 * What an oracle has seen so far.
 *
 * @param dmas requests of functions behind an IOMMU
 * @param completions of commands such as CMD_SYNC
 * @param compared cached translations that were compared with the tables, beside those DMAs used
 * @param reports stale translations, those included that were too many to be told
 * @param pending stale now, but not yet for the whole window
 */
public record OracleSummary(
        long dmas, long completions, long compared, long reports, int pending) {}
