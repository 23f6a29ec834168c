package nestor.machine;

/**
 * The user asked for a machine that cannot be: one clear line that names the option or property.
 * Thrown only before the machine runs; the command line exits 2.
 */
public final class ConfigException extends Exception {
    private static final long serialVersionUID = 1L;

    public ConfigException(String message) {
        super(message);
    }

    public ConfigException(String message, Throwable cause) {
        super(message, cause);
    }
}
