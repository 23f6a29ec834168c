package nestor.vtd.config;

import nestor.vtd.event.FaultReason;

/**
 * Why a request finds no usable configuration.
 *
 * @param processingDisabled FPD of a structure that was read on the way
 */
public record ConfigFault(FaultReason reason, boolean processingDisabled) {
    /** Whether it is recorded. */
    public boolean recorded() {
        return !(processingDisabled && reason.qualified());
    }
}
