package nestor.vtd.event;

/**
 * Fault reasons (§7.1.3, §5.1.4.1): those that this unit raises. FPD suppresses the record of a
 * qualified fault.
 */
public enum FaultReason {
    /** Legacy mode. */
    ROOT_NOT_PRESENT(0x01, false),
    CONTEXT_NOT_PRESENT(0x02),
    CONTEXT_INVALID(0x03),
    ADDRESS_BEYOND_WIDTH(0x04),
    WRITE_NOT_PERMITTED(0x05),
    READ_NOT_PERMITTED(0x06),
    TABLE_ACCESS(0x07),
    ROOT_ACCESS(0x08, false),
    CONTEXT_ACCESS(0x09, false),
    ROOT_RESERVED(0x0a, false),
    CONTEXT_RESERVED(0x0b),
    PAGE_ENTRY_RESERVED(0x0c),
    BLOCKED_BY_TRANSLATION_TYPE(0x0d),
    OUTPUT_IN_INTERRUPT_RANGE(0x0e),

    /** Interrupt remapping. */
    INTERRUPT_REQUEST_RESERVED(0x20, false),
    INTERRUPT_INDEX(0x21, false),
    IRTE_NOT_PRESENT(0x22),
    IRTE_ACCESS(0x23, false),
    IRTE_RESERVED(0x24),
    COMPATIBILITY_FORMAT_BLOCKED(0x25, false),
    SOURCE_NOT_VERIFIED(0x26),
    POSTED_DESCRIPTOR_ACCESS(0x27),
    POSTED_DESCRIPTOR_RESERVED(0x28),

    /** Root table address. */
    RTADDR_INVALID(0x30, false),
    LEGACY_REQUEST_WITH_PASID(0x31, false),
    LEGACY_PAGE_REQUEST(0x32, false),

    /** Scalable mode. */
    SM_ROOT_ACCESS(0x38, false),
    SM_ROOT_NOT_PRESENT(0x39, false),
    SM_ROOT_RESERVED(0x3a, false),
    SM_CONTEXT_ACCESS(0x40, false),
    SM_CONTEXT_NOT_PRESENT(0x41),
    SM_CONTEXT_RESERVED(0x42),
    DEVICE_TLB_DISABLED(0x44),
    PASID_DISABLED(0x45),
    PASID_BEYOND_DIRECTORY(0x46),
    PAGE_REQUESTS_DISABLED(0x47),
    RID_PASID_INVALID(0x48),
    PASID_DIRECTORY_ACCESS(0x50, false),
    PASID_DIRECTORY_NOT_PRESENT(0x51),
    PASID_DIRECTORY_RESERVED(0x52),
    PASID_ENTRY_ACCESS(0x58, false),
    PASID_ENTRY_NOT_PRESENT(0x59),
    PASID_ENTRY_RESERVED(0x5a),
    PASID_ENTRY_INVALID(0x5b),
    EXECUTE_REQUESTS_DISABLED(0x5c),
    SUPERVISOR_REQUESTS_DISABLED(0x5d),

    /** First stage. */
    FIRST_STAGE_ACCESS(0x70),
    FIRST_STAGE_NOT_PRESENT(0x71),
    FIRST_STAGE_RESERVED(0x72),
    FIRST_STAGE_ROOT_ACCESS(0x73),

    /** A first-stage structure through the second stage. */
    NESTED_ENTRY_BEYOND_WIDTH(0x74),
    NESTED_ROOT_READ_NOT_PERMITTED(0x75),
    NESTED_ENTRY_READ_NOT_PERMITTED(0x76),
    NESTED_UPDATE_NOT_PERMITTED(0x77),

    /** Second stage. */
    SECOND_STAGE_ACCESS(0x78),
    SECOND_STAGE_NOT_PRESENT(0x79),
    SECOND_STAGE_RESERVED(0x7a),
    SECOND_STAGE_ROOT_ACCESS(0x7b),
    SECOND_STAGE_UPDATE_FAILED(0x7d),

    /** The access itself. */
    NOT_CANONICAL(0x80),
    USER_NOT_PERMITTED(0x81),
    EXECUTE_NOT_PERMITTED(0x82),
    BEYOND_HOST_WIDTH(0x83),
    BEYOND_SECOND_STAGE_WIDTH(0x84),
    SM_WRITE_NOT_PERMITTED(0x85),
    SM_READ_NOT_PERMITTED(0x86),
    SM_OUTPUT_IN_INTERRUPT_RANGE(0x87),
    FIRST_STAGE_UPDATE_FAILED(0x91);

    private final int code;
    private final boolean qualified;

    FaultReason(int code) {
        this(code, true);
    }

    FaultReason(int code, boolean qualified) {
        this.code = code;
        this.qualified = qualified;
    }

    /** The FR field. */
    public int code() {
        return code;
    }

    /** Whether a set FPD keeps it out of the records. */
    public boolean qualified() {
        return qualified;
    }
}
