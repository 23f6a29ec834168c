package nestor.trace;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import jdk.jfr.ValueDescriptor;
import jdk.jfr.consumer.RecordedEvent;

/**
 * What a trace point recorded.
 *
 * @param name of the trace point
 * @param nanos when it began, since the trace did
 * @param durationNanos 0 if it took no time
 * @param fields in the order of their declaration: numbers, booleans and strings
 */
public record TraceRecord(
        String name, long nanos, long durationNanos, SequencedMap<String, Object> fields) {
    /** Copies an event, whose object is used again. */
    static TraceRecord of(RecordedEvent event, long nanos) {
        SequencedMap<String, Object> fields = new LinkedHashMap<>();
        for (ValueDescriptor field : event.getFields()) {
            switch (field.getName()) {
                case "startTime", "duration", "eventThread", "stackTrace" -> {}
                default -> {
                    Object value = event.getValue(field.getName());
                    fields.put(field.getName(), value == null ? "" : value);
                }
            }
        }
        return new TraceRecord(
                event.getEventType().getName(), nanos, event.getDuration().toNanos(), fields);
    }

    /** A field that is a number; -1 if there is none of that name. */
    long number(String field) {
        return fields.get(field) instanceof Number number ? number.longValue() : -1;
    }

    /** A field as text; empty if there is none of that name. */
    String text(String field) {
        return String.valueOf(fields.getOrDefault(field, ""));
    }

    /** Whether a field is there and true. */
    boolean flag(String field) {
        return Boolean.TRUE.equals(fields.get(field));
    }

    /** Requester ID or StreamID; -1 if the record is about no function. */
    public int rid() {
        return (int) Math.max(number("rid"), number("sid"));
    }

    /** A value as people write it: addresses and IDs of functions in hexadecimal. */
    public static String shown(Map.Entry<String, Object> field) {
        return switch (field.getValue()) {
            case Long value when !field.getKey().equals("bytes") -> "0x" + Long.toHexString(value);
            case Integer value when field.getKey().equals("rid") || field.getKey().equals("sid") ->
                    "0x" + Integer.toHexString(value);
            case Object value -> value.toString();
        };
    }
}
