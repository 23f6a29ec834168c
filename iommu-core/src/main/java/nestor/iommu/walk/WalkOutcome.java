package nestor.iommu.walk;

import java.util.Optional;

/** What becomes of the request. */
public sealed interface WalkOutcome {
    /**
     * It reaches memory.
     *
     * @param output guest-physical address of the request's own address
     * @param sizeLog2 of the block that is mapped as a whole
     * @param granted all that the mapping allows this requester, in the bits of {@link
     *     nestor.pci.Translation}
     * @param ats what an ATS translation of the address gives, if not {@code output}: with
     *     split-stage ATS, an IPA
     */
    record Mapped(long output, int sizeLog2, int granted, Optional<Long> ats)
            implements WalkOutcome {}

    /**
     * It passes as it is.
     *
     * @param why the field that says so
     */
    record Untranslated(String why) implements WalkOutcome {}

    /**
     * It does not.
     *
     * @param fault what the architecture calls it
     * @param section where that is defined
     * @param detail stage, level and address, or what else there is to say; may be empty
     * @param granted what the mapping would allow this requester, if there is one; else 0
     */
    record Refused(String fault, String section, String detail, int granted)
            implements WalkOutcome {}
}
