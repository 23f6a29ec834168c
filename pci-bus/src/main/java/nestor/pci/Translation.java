package nestor.pci;

/** What a {@link TranslationAgent} answers. Faults are recorded by the agent, not carried here. */
public sealed interface Translation {
    /** Access bits of a mapping or a request. */
    int READ = 1;

    int WRITE = 2;
    int EXECUTE = 4;

    /**
     * A translation for one naturally aligned block; a hit returns the very object the IOTLB
     * stores.
     *
     * @param iovaBase first address of the block, aligned to its size
     * @param sizeLog2 of the block in bytes, 12..64
     * @param gpaBase guest-physical address of {@code iovaBase}
     * @param access {@link #READ}, {@link #WRITE}, {@link #EXECUTE} or'ed
     */
    record Mapping(long iovaBase, int sizeLog2, long gpaBase, int access) implements Translation {
        /** The guest-physical address of {@code iova}, which must lie in the block. */
        public long gpa(long iova) {
            return gpaBase + (iova - iovaBase);
        }

        /** Bytes from {@code iova} to the end of the block, at least 1; Long.MAX_VALUE if more. */
        public long bytesFrom(long iova) {
            if (sizeLog2 >= 63) {
                return Long.MAX_VALUE;
            }
            return (1L << sizeLog2) - (iova - iovaBase);
        }
    }

    /** No translation: the request completes with {@code status}. */
    record Rejected(CompletionStatus status) implements Translation {}

    /** The request is over, without effect: a read gives zeros, a write is ignored (RAZ/WI). */
    record Ignored() implements Translation {}

    /** The agent keeps the request; its {@link StalledTransaction} hears what becomes of it. */
    record Stalled() implements Translation {}
}
