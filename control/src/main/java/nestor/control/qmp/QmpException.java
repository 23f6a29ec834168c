package nestor.control.qmp;

/** A command that failed: what goes into the {@code error} of its reply. */
final class QmpException extends Exception {
    private static final long serialVersionUID = 1;

    /** QMP's error classes, as far as they are used. */
    enum ErrorClass {
        GENERIC_ERROR("GenericError"),
        COMMAND_NOT_FOUND("CommandNotFound"),
        DEVICE_NOT_FOUND("DeviceNotFound");

        private final String title;

        ErrorClass(String title) {
            this.title = title;
        }

        String title() {
            return title;
        }
    }

    private final ErrorClass errorClass;

    QmpException(ErrorClass errorClass, String description) {
        super(description, null, false, false);
        this.errorClass = errorClass;
    }

    static QmpException generic(String description) {
        return new QmpException(ErrorClass.GENERIC_ERROR, description);
    }

    ErrorClass errorClass() {
        return errorClass;
    }

    /** What it says. */
    String description() {
        String text = getMessage();
        return text == null ? "" : text;
    }
}
