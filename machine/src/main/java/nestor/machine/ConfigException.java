package nestor.machine;

/**
 * The user asked for a machine that cannot be: one clear line that names the option or property.
 * Before the machine runs the command line exits 2; afterwards only hot-plug throws it, and the
 * machine runs on.
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
