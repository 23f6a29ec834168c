package nestor.cpu;

/** A run of decoded instructions inside one 4 KiB page of RAM, as {@link CodePages} sees it. */
public interface CodeBlock {
    /** Guest-physical address of the first instruction. */
    long gpa();

    /** Bytes of guest memory it was decoded from. */
    int sizeBytes();

    /**
     * The bytes have changed: from its next execution on, the block must send the CPU back to
     * decoding. Any thread, under the lock of {@link CodePages}.
     */
    void kill();
}
