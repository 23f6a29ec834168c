package nestor.guest;

/**
 * An image cannot be had. The message is one line for the user: what was tried, why it failed, what
 * to do.
 */
public final class ImageException extends Exception {
    private static final long serialVersionUID = 1L;

    ImageException(String message) {
        super(message);
    }

    ImageException(String message, Throwable cause) {
        super(message, cause);
    }
}
