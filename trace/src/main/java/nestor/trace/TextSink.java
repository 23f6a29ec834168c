package nestor.trace;

import java.util.Map;
import java.util.stream.Collectors;

/** One line for each record: name, then its fields. */
public final class TextSink implements TraceSink {
    private static final long NANOS_PER_MICRO = 1_000;
    private static final long MICROS_PER_SECOND = 1_000_000;

    private final TraceOutput output;

    /** Writes to {@code output} and closes it at the end. */
    public TextSink(TraceOutput output) {
        this.output = output;
    }

    @Override
    public void take(TraceRecord item) {
        long micros = item.nanos() / NANOS_PER_MICRO;
        String fields =
                item.fields().entrySet().stream()
                        .map(TextSink::field)
                        .collect(Collectors.joining());
        output.write(
                "%d.%06d %s%s%n"
                        .formatted(
                                micros / MICROS_PER_SECOND,
                                micros % MICROS_PER_SECOND,
                                item.name(),
                                fields));
    }

    private static String field(Map.Entry<String, Object> field) {
        return " " + field.getKey() + " " + TraceRecord.shown(field);
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
