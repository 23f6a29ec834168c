package nestor.virtio.iommu.table;

import nestor.iommu.format.ContextDescriptor;
import nestor.paging.Permissions;
import nestor.paging.TableFormat;
import nestor.paging.X86Paging;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/**
 * How the requests of one PASID are translated: decoded once, immutable.
 *
 * @param tag of its entries in the IOTLB, for unprivileged accesses and pages that are not global
 * @param lower the tables of the lower range, or the only ones; null if there are no walks in it
 * @param upper the tables of the upper range; null if there are no walks in it
 * @param cd the Context descriptor; null if there is none
 * @param identity whether addresses pass unchanged
 * @param privilegedRefused whether privileged requests are refused
 */
record Context(
        long tag,
        @Nullable TableFormat lower,
        @Nullable TableFormat upper,
        @Nullable ContextDescriptor cd,
        boolean identity,
        boolean privilegedRefused) {
    /** S1DSS says that requests without PASID bypass. */
    static final Context IDENTITY = new Context(0, null, null, null, true, false);

    /** From a legal Context descriptor. */
    static Context of(ContextDescriptor cd, long tag, int outputBits) {
        return new Context(
                tag,
                cd.range0().disabled() ? null : cd.stage1OfTtb0(outputBits),
                cd.range1().disabled() ? null : cd.stage1OfTtb1(outputBits),
                cd,
                false,
                false);
    }

    /** From a first stage of VT-d; without SRE there are no privileged requests (VT-d §9.6). */
    static Context of(X86Paging format, long tag, boolean supervisorRequests) {
        return new Context(tag, format, format, null, false, !supervisorRequests);
    }

    /** The tables for {@code iova}; null if its range has no walks. */
    @Nullable TableFormat tables(long iova) {
        return ContextDescriptor.isUpper(iova) ? upper : lower;
    }

    /** The address without a top byte that is ignored: as it is cached and invalidated. */
    long canonical(long iova) {
        return cd != null && cd.range(iova).topByteIgnored() ? iova << 8 >> 8 : iova;
    }

    /**
     * Whether faults are not reported: the process is going away and its tables are off already
     * (EPD0), or R is clear.
     */
    boolean isQuiet() {
        return cd != null && (cd.range0().disabled() || !cd.record());
    }

    /** PAN: privileged data accesses do not reach pages that users may access (IHI 0070, §5.4). */
    boolean deniesPrivileged(int permissions, int access) {
        return cd != null
                && cd.privilegedAccessNever()
                && (access & Translation.EXECUTE) == 0
                && (permissions & Permissions.USER_READ) != 0;
    }
}
