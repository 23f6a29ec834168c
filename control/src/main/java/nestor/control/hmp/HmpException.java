package nestor.control.hmp;

/** A command that cannot be carried out; the message is one line. */
final class HmpException extends Exception {
    private static final long serialVersionUID = 1;

    HmpException(String message) {
        super(message, null, false, false);
    }
}
