package nestor.endpoints.dsa;

import java.util.Optional;

/** The commands of the CMD register, by code (§4). */
enum Command {
    ENABLE_DEVICE(1),
    DISABLE_DEVICE(2),
    DRAIN_ALL(3),
    ABORT_ALL(4),
    RESET_DEVICE(5),
    ENABLE_WQ(6),
    DISABLE_WQ(7),
    DRAIN_WQ(8),
    ABORT_WQ(9),
    RESET_WQ(10),
    DRAIN_PASID(11),
    ABORT_PASID(12),
    REQUEST_INTERRUPT_HANDLE(13),
    RELEASE_INTERRUPT_HANDLE(14);

    private final int code;

    Command(int code) {
        this.code = code;
    }

    /** The command of that code, if a device with {@code options} has it. */
    static Optional<Command> of(int code, DsaOptions options) {
        for (Command command : values()) {
            if (command.code == code && command.exists(options)) {
                return Optional.of(command);
            }
        }
        return Optional.empty();
    }

    /** CMDCAP: a bit for each code. */
    static long capabilities(DsaOptions options) {
        long bits = 0;
        for (Command command : values()) {
            bits |= command.exists(options) ? 1L << command.code : 0;
        }
        return bits;
    }

    private boolean exists(DsaOptions options) {
        return this != REQUEST_INTERRUPT_HANDLE && this != RELEASE_INTERRUPT_HANDLE
                || options.interruptHandles() == DsaOptions.InterruptHandles.REQUESTED;
    }

    /** Error codes of CMDSTS. */
    static final class Error {
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

        private Error() {}
    }
}
