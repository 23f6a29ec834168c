package nestor.smmuv3.config;

import nestor.paging.WalkResult;
import org.jspecify.annotations.Nullable;

/**
 * Why a stream has no usable configuration (IHI 0070, §7.3.3 to §7.3.11), in the order in which the
 * architecture checks.
 *
 * @param kind the event it is
 * @param fetchAddress of the structure that could not be read, else 0
 * @param stage2 the stage-2 fault on the way to a context descriptor, else null
 * @param ste whose stage 2 it is, else null
 */
public record ConfigFault(
        Kind kind,
        long fetchAddress,
        WalkResult.@Nullable Fault stage2,
        @Nullable StreamTableEntry ste) {
    /** Events of configuration. */
    public enum Kind {
        C_BAD_STREAMID,
        F_STE_FETCH,
        C_BAD_STE,
        C_BAD_SUBSTREAMID,
        F_STREAM_DISABLED,
        STAGE2_OF_CD_FETCH,
        F_CD_FETCH,
        C_BAD_CD
    }

    /** A fault that is all in its kind. */
    public static ConfigFault of(Kind kind) {
        return new ConfigFault(kind, 0, null, null);
    }

    static ConfigFault fetchAborted(Kind kind, long address) {
        return new ConfigFault(kind, address, null, null);
    }
}
