package nestor.pci;

/**
 * Hears of what software does to a function's settings: for a device whose other half is somewhere
 * else. Called on the thread that makes the configuration access, with no lock held; the settings
 * are asked of the function.
 */
public interface PciFunctionListener {
    /** Memory Space, Bus Master, or an enable of MSI or MSI-X was written, or all were reset. */
    void configured();

    /** The Requester ID is another one: the function was plugged, or its bus renumbered. */
    void renumbered();
}
