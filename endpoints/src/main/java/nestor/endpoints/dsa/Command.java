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
}
