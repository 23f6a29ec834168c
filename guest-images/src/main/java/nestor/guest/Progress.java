package nestor.guest;

/**
 * Port for showing how far a long step is. The command line draws a bar on a terminal, and nothing
 * otherwise.
 */
public interface Progress {

    /** A step under way. Its methods are called by the thread that began it. */
    interface Task extends AutoCloseable {
        /** This many more bytes are done; never negative. */
        void advance(long bytes);

        /** The step has ended, well or not. */
        @Override
        void close();
    }

    /**
     * Begins a step.
     *
     * @param what for people, such as "fetching linux-image-arm64"
     * @param totalBytes the bytes to do, or -1 if that is not known
     */
    Task begin(String what, long totalBytes);

    /** Shows nothing. */
    static Progress none() {
        return (_, _) ->
                new Task() {
                    @Override
                    public void advance(long bytes) {}

                    @Override
                    public void close() {}
                };
    }
}
