package nestor.machine.boot;

/** A file that cannot be booted from; the message is one clear line without the file's name. */
public final class BootFileException extends Exception {
    private static final long serialVersionUID = 1L;

    public BootFileException(String message) {
        super(message);
    }
}
