package nestor.trace;

/**
 * One JSON object a line: {@code name}, {@code ns}, {@code duration_ns} if it took time, fields.
 */
public final class JsonLinesSink implements TraceSink {
    private final TraceOutput output;

    /** Writes to {@code output} and closes it at the end. */
    public JsonLinesSink(TraceOutput output) {
        this.output = output;
    }

    @Override
    public void take(TraceRecord item) {
        String duration =
                item.durationNanos() == 0 ? "" : "\"duration_ns\":" + item.durationNanos() + ",";
        output.write(
                "{\"name\":%s,\"ns\":%d,%s\"fields\":%s}\n"
                        .formatted(
                                JsonText.string(item.name()),
                                item.nanos(),
                                duration,
                                JsonText.fields(item.fields())));
    }

    @Override
    public void flush() {
        output.flush();
    }

    @Override
    public void close() {
        output.close("");
    }
}
