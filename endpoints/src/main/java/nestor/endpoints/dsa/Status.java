package nestor.endpoints.dsa;

import static nestor.vmm.register.BitField.bit;

import nestor.vmm.register.BitField;

/** Status codes of completion records, and of SWERROR (§6.2). */
final class Status {
    static final int NONE = 0x00;
    static final int SUCCESS = 0x01;
    static final int SUCCESS_FALSE_PREDICATE = 0x02;
    static final int PAGE_FAULT = 0x03;
    static final int PAGE_REQUEST_FAILED = 0x04;
    static final int BATCH_FAILED = 0x05;
    static final int BATCH_PAGE_FAULT = 0x06;
    static final int DELTA_OFFSET_NOT_INCREASING = 0x07;
    static final int DELTA_OFFSET_OUT_OF_RANGE = 0x08;
    static final int DIF_ERROR = 0x09;
    static final int UNSUPPORTED_OPERATION = 0x10;
    static final int INVALID_FLAGS = 0x11;
    static final int RESERVED_FIELD = 0x12;
    static final int TRANSFER_SIZE = 0x13;
    static final int DESCRIPTOR_COUNT = 0x14;
    static final int DELTA_RECORD_SIZE = 0x15;
    static final int OVERLAPPING_BUFFERS = 0x16;
    static final int DUALCAST_ALIGNMENT = 0x17;
    static final int DESCRIPTOR_LIST_ALIGNMENT = 0x18;
    static final int INTERRUPT_HANDLE = 0x19;
    static final int COMPLETION_ADDRESS = 0x1a;
    static final int COMPLETION_ALIGNMENT = 0x1b;
    static final int ADDRESS_ALIGNMENT = 0x1c;
    static final int PRIVILEGE = 0x1d;
    static final int HARDWARE_ERROR = 0x20;
    static final int TRANSLATION_FAILED = 0x22;

    /** What was written to a portal was no descriptor for it; in SWERROR only. */
    static final int PORTAL_WRITE = 0x50;

    /** A descriptor was written to a work queue that is not enabled; in SWERROR only. */
    static final int WQ_NOT_ENABLED = 0x51;

    /** A descriptor was written to a dedicated work queue that is full; in SWERROR only. */
    static final int WQ_OVERFLOW = 0x52;

    /** The fault was of a write. */
    static final BitField WRITE = bit(7);

    private Status() {}
}
