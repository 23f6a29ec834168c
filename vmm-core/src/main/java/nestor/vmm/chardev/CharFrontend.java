package nestor.vmm.chardev;

/** Guest side of a character device: a UART, a console port. */
@FunctionalInterface
public interface CharFrontend {
    /**
     * Host input. Any thread.
     *
     * @return how many bytes were taken, 0..{@code length}; the backend offers the rest again after
     *     {@link CharBackend#resume}
     */
    int receive(byte[] data, int offset, int length);
}
