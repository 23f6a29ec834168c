package nestor.vmm.chardev;

/** Host side of a character device: a terminal, a file, a buffer. */
public interface CharBackend {
    /** Guest output. Any thread; never waits for the guest. */
    void write(byte[] data, int offset, int length);

    /** Names who takes host input. Called once, before the machine runs. */
    void connect(CharFrontend frontend);

    /** The front end has room again after {@link CharFrontend#receive} took less. Any thread. */
    void resume();
}
