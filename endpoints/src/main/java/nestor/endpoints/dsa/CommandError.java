package nestor.endpoints.dsa;

/** Error codes of CMDSTS (§4). */
final class CommandError {
    static final int NONE = 0x00;
    static final int INVALID_COMMAND = 0x01;
    static final int INVALID_WQ = 0x02;
    static final int DEVICE_NOT_DISABLED = 0x10;
    static final int BUS_MASTER_DISABLED = 0x12;
    static final int WQ_SIZES = 0x14;
    static final int GROUP_WQS = 0x15;
    static final int GROUP_ENGINES = 0x16;
    static final int GROUP_INCOMPLETE = 0x17;
    static final int GROUP_READ_BUFFERS = 0x18;
    static final int DEVICE_NOT_ENABLED = 0x20;
    static final int WQ_NOT_DISABLED = 0x21;
    static final int WQ_SIZE = 0x22;
    static final int WQ_PRIORITY = 0x23;
    static final int WQ_MODE = 0x24;
    static final int WQ_BLOCK_ON_FAULT = 0x25;
    static final int WQ_PASID = 0x26;
    static final int WQ_MAX_BATCH = 0x27;
    static final int WQ_MAX_TRANSFER = 0x28;
    static final int DISABLE_NOT_ENABLED = 0x31;
    static final int NOT_ENABLED = 0x32;
    static final int INTERRUPT_INDEX = 0x41;
    static final int NO_INTERRUPT_HANDLE = 0x42;

    private CommandError() {}
}
