package nestor.trace;

import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingStream;
import org.jspecify.annotations.Nullable;

/**
 * Which trace points are on, and who gets their records. Nothing is recorded, and the Flight
 * Recorder not even started, before a point is on. Any thread.
 */
public final class Tracing implements AutoCloseable {
    /** What the Flight Recorder may keep on disk for a reader that does not keep up. */
    private static final long MAX_PENDING_BYTES = 256L << 20;

    private static final String DATA_LOSS = "jdk.DataLoss";

    private final TraceRegistry registry;
    private final List<TraceSink> sinks;
    private final Consumer<String> warning;
    private final Map<TraceSink, Set<String>> watchers = new LinkedHashMap<>();
    private final Instant origin = Instant.now();
    private @Nullable RecordingStream stream;
    private boolean closed;

    /** Replaced, never changed; read by the thread of the stream. */
    private volatile Set<String> enabled = Set.of();

    /** Likewise: what has been in {@link #enabled} at some time. */
    private volatile Set<String> everEnabled = Set.of();

    /** Likewise. */
    private volatile List<Watcher> watching = List.of();

    private boolean lossReported;

    private record Watcher(TraceSink sink, Set<String> names) {}

    /**
     * With no point on.
     *
     * @param sinks get every record; they are closed with this
     * @param warning is told, once, that records were lost
     */
    public Tracing(TraceRegistry registry, List<TraceSink> sinks, Consumer<String> warning) {
        this.registry = registry;
        this.sinks = List.copyOf(sinks);
        this.warning = warning;
    }

    /** The names of all points, in order. */
    public Collection<String> names() {
        return registry.names();
    }

    /** The names that a pattern fits. */
    public Set<String> matching(String glob) {
        return registry.matching(glob);
    }

    /** Whether the records of a point go to the sinks. */
    public boolean isEnabled(String name) {
        return enabled.contains(name);
    }

    /**
     * Switches points on or off.
     *
     * @return the names that the pattern fits; none: nothing has changed
     */
    public Set<String> set(String glob, boolean on) {
        Set<String> names = new TreeSet<>(registry.matching(glob));
        change(names, on);
        return names;
    }

    private synchronized void change(Set<String> names, boolean on) {
        Set<String> wanted = new TreeSet<>(enabled);
        if (on) {
            wanted.addAll(names);
        } else {
            wanted.removeAll(names);
        }
        enabled = Set.copyOf(wanted);
        wanted.addAll(everEnabled);
        everEnabled = Set.copyOf(wanted);
        apply();
    }

    /** Adds a sink with points of its own, which are on for it alone. */
    public synchronized void watch(TraceSink sink, Set<String> names) {
        watchers.put(sink, Set.copyOf(names));
        watchersChanged();
    }

    /** Takes such a sink away; it is not closed. Records under way may still reach it. */
    public synchronized void unwatch(TraceSink sink) {
        watchers.remove(sink);
        watchersChanged();
    }

    private void watchersChanged() {
        List<Watcher> all = new ArrayList<>();
        watchers.forEach((watcher, watched) -> all.add(new Watcher(watcher, watched)));
        watching = List.copyOf(all);
        apply();
    }

    private void apply() {
        Set<String> wanted = new TreeSet<>(enabled);
        watchers.values().forEach(wanted::addAll);
        if (closed || stream == null && wanted.isEmpty()) {
            return;
        }
        RecordingStream running = stream == null ? start() : stream;
        for (String name : registry.names()) {
            if (wanted.contains(name)) {
                running.enable(name).withoutStackTrace();
            } else {
                running.disable(name);
            }
        }
    }

    private RecordingStream start() {
        RecordingStream started = new RecordingStream();
        started.setMaxSize(MAX_PENDING_BYTES);
        started.enable(DATA_LOSS);
        started.onEvent(this::record);
        started.onFlush(this::flush);
        started.startAsync();
        stream = started;
        return started;
    }

    private void record(RecordedEvent event) {
        String name = event.getEventType().getName();
        if (name.equals(DATA_LOSS)) {
            reportLoss();
            return;
        }
        long nanos = Math.max(0, Duration.between(origin, event.getStartTime()).toNanos());
        TraceRecord item = TraceRecord.of(event, nanos);
        boolean watched = false;
        for (Watcher watcher : watching) {
            if (watcher.names.contains(name)) {
                watcher.sink.take(item);
                watched = true;
            }
        }
        // What was recorded while a point was on is delivered even if it is off by now; what a
        // watcher alone had on is not.
        if (enabled.contains(name) || !watched && everEnabled.contains(name)) {
            sinks.forEach(sink -> sink.take(item));
        }
    }

    private void reportLoss() {
        if (!lossReported) {
            lossReported = true;
            warning.accept("trace: events came faster than they could be kept; some are missing");
        }
    }

    private void flush() {
        sinks.forEach(TraceSink::flush);
        watching.forEach(watcher -> watcher.sink.flush());
    }

    /** Delivers what has been recorded and closes the sinks. */
    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (stream != null) {
            stream.stop();
            stream.close();
        }
        sinks.forEach(TraceSink::close);
        watchers.keySet().forEach(TraceSink::close);
    }
}
