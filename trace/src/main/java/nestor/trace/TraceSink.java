package nestor.trace;

/** Where records go. On the thread that reads the events; closed when it has ended. */
public interface TraceSink extends AutoCloseable {
    /** Takes a record; records come in the order in which they ended. */
    void take(TraceRecord item);

    /** All records so far are to be seen outside. */
    void flush();

    /** Leaves a whole file behind. */
    @Override
    void close();
}
