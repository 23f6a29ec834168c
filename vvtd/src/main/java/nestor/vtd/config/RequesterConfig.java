package nestor.vtd.config;

import java.util.Objects;
import nestor.iommu.format.PasidEntry.TranslationType;
import nestor.paging.NestedWalker;
import nestor.paging.VtdSecondStage;
import nestor.paging.X86Paging;
import nestor.pci.Requester;
import nestor.pci.Translation;
import org.jspecify.annotations.Nullable;

/**
 * What root, context and PASID structures make of the requests of one RID and PASID: decoded once,
 * immutable, and dropped when software invalidates it.
 *
 * @param rid of the requests
 * @param requestPasid of the requests, or {@link Requester#NO_PASID}
 * @param context the context entry behind it
 * @param pasid whose PASID-table entry counts; 0 in legacy mode
 * @param domainId DID
 * @param type PGTT; legacy mode knows second stage and pass-through
 * @param first first-stage format; null if that stage does not translate
 * @param second second-stage format; null if that stage does not translate
 * @param nested walks both stages; null unless the second stage translates
 * @param tag of its IOTLB entries
 * @param supervisor SRE: privileged requests may come
 * @param executes ERE: execute requests may come
 * @param faultsDisabled FPD of any structure read
 */
public record RequesterConfig(
        int rid,
        int requestPasid,
        ContextEntry context,
        int pasid,
        int domainId,
        TranslationType type,
        @Nullable X86Paging first,
        @Nullable VtdSecondStage second,
        @Nullable NestedWalker nested,
        long tag,
        boolean supervisor,
        boolean executes,
        boolean faultsDisabled) {
    /** Whether requests pass untranslated. */
    public boolean isIdentity() {
        return type == TranslationType.PASS_THROUGH;
    }

    /** Whether requests fare the same; how the tables are walked is made anew for each. */
    public boolean saysTheSame(RequesterConfig other) {
        return context.equals(other.context)
                && pasid == other.pasid
                && domainId == other.domainId
                && type == other.type
                && Objects.equals(first, other.first)
                && Objects.equals(second, other.second)
                && supervisor == other.supervisor
                && executes == other.executes
                && faultsDisabled == other.faultsDisabled;
    }

    /** Whether the context entry is a scalable-mode one. */
    public boolean isScalable() {
        return context instanceof ContextEntry.Scalable;
    }

    /** Whether a request's attributes alone get it blocked (reasons 5Ch and 5Dh). */
    public boolean blocks(Requester requester, int access) {
        return requester.hasPasid()
                && (requester.privileged() && !supervisor
                        || (access & Translation.EXECUTE) != 0 && !executes);
    }
}
