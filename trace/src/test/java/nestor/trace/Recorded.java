package nestor.trace;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/** Records and an output for tests. */
final class Recorded implements TraceOutput {
    final StringBuilder text = new StringBuilder();

    /** A record that took no time. */
    static TraceRecord event(String name, long nanos, Object... fields) {
        return event(name, nanos, 0L, fields);
    }

    /** A record that took a while. */
    static TraceRecord lasting(String name, long nanos, long durationNanos, Object... fields) {
        return event(name, nanos, durationNanos, fields);
    }

    private static TraceRecord event(String name, long nanos, long durationNanos, Object[] fields) {
        SequencedMap<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < fields.length; i += 2) {
            map.put((String) fields[i], fields[i + 1]);
        }
        return new TraceRecord(name, nanos, durationNanos, map);
    }

    @Override
    public void write(byte[] piece) {
        text.append(new String(piece, StandardCharsets.UTF_8));
    }

    @Override
    public void flush() {}

    @Override
    public void close(String last) {
        text.append(last);
    }
}
