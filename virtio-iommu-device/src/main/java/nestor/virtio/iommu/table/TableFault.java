package nestor.virtio.iommu.table;

import nestor.paging.WalkResult;

/** Why tables do not let a request through. */
public enum TableFault {
    /** There is no usable context for its PASID, or for a request without one. */
    NO_CONTEXT,
    /** A descriptor lies outside memory. */
    WALK_EABT,
    /** Nothing is mapped. */
    PTE_FETCH,
    /** The page is not for this access. */
    PERMISSION,
    /** The access flag is clear. */
    ACCESS,
    /** An address in a descriptor is larger than addresses are. */
    OOR_ADDRESS;

    static TableFault of(WalkResult.Kind kind) {
        return switch (kind) {
            case INPUT_RANGE, TRANSLATION, RESERVED -> PTE_FETCH;
            case ADDRESS_SIZE -> OOR_ADDRESS;
            case ACCESS_FLAG -> ACCESS;
            case PERMISSION -> PERMISSION;
            case EXTERNAL_ABORT, UPDATE_FAILED -> WALK_EABT;
        };
    }
}
