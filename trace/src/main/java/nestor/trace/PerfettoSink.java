package nestor.trace;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Trace-event JSON, the format that Perfetto and about:tracing open: a process for each PCI
 * function and one for the rest of the machine, a thread for each kind of event. Memory requests
 * that overlap are on lanes of their own, because slices of one thread must nest.
 */
public final class PerfettoSink implements TraceSink {
    /** The process of events that are about no function. */
    private static final int MACHINE = 0x1_0000;

    private static final int MAX_LANES = 32;
    private static final double NANOS_PER_MICRO = 1e3;

    /** What an event without a duration is shown with. */
    private static final long INSTANT_NANOS = 100;

    private final TraceOutput output;
    private final Map<String, Integer> threads = new LinkedHashMap<>();
    private final Map<Integer, Boolean> processes = new LinkedHashMap<>();
    private final Map<Integer, long[]> lanes = new LinkedHashMap<>();
    private final PageRequestFlows flows;
    private boolean first = true;

    /** Where a slice is: flows are drawn between slices. */
    record Slice(int pid, int tid, long nanos) {}

    /** Writes to {@code output} and closes it at the end. */
    public PerfettoSink(TraceOutput output) {
        this.output = output;
        flows = new PageRequestFlows(this::flow);
        output.write("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
    }

    @Override
    public void take(TraceRecord item) {
        int rid = item.rid();
        int pid = rid < 0 ? MACHINE : rid;
        if (processes.put(pid, true) == null) {
            metadata(pid, 0, "process_name", rid < 0 ? "machine" : "function " + function(rid));
        }
        boolean dma = item.name().startsWith("dma_");
        int tid = thread(pid, dma ? "dma " + lane(pid, item) : item.name());
        long durationNanos = Math.max(INSTANT_NANOS, item.durationNanos());
        event(
                "\"ph\":\"X\",\"name\":%s,\"cat\":\"nestor\",\"pid\":%d,\"tid\":%d,\"ts\":%s,\"dur\":%s,\"args\":%s"
                        .formatted(
                                JsonText.string(item.name()),
                                pid,
                                tid,
                                micros(item.nanos()),
                                micros(durationNanos),
                                JsonText.fields(item.fields())));
        flows.take(item, new Slice(pid, tid, item.nanos()));
    }

    /** The first lane whose last request had ended when this one began. */
    private int lane(int pid, TraceRecord item) {
        long[] ends = lanes.computeIfAbsent(pid, _ -> new long[MAX_LANES]);
        for (int lane = 0; lane < MAX_LANES; lane++) {
            if (ends[lane] <= item.nanos()) {
                ends[lane] = item.nanos() + Math.max(INSTANT_NANOS, item.durationNanos());
                return lane;
            }
        }
        return MAX_LANES;
    }

    private int thread(int pid, String title) {
        String key = pid + " " + title;
        Integer known = threads.get(key);
        if (known != null) {
            return known;
        }
        int tid = threads.size() + 1;
        threads.put(key, tid);
        metadata(pid, tid, "thread_name", title);
        return tid;
    }

    private void metadata(int pid, int tid, String what, String title) {
        SequencedMap<String, Object> arguments = new LinkedHashMap<>();
        arguments.put("name", title);
        event(
                "\"ph\":\"M\",\"name\":\"%s\",\"pid\":%d,\"tid\":%d,\"args\":%s"
                        .formatted(what, pid, tid, JsonText.fields(arguments)));
    }

    /** A step of a flow: {@code s} begins it, {@code t} goes on, {@code f} ends it. */
    private void flow(char phase, long id, Slice at) {
        event(
                "\"ph\":\"%c\",\"bp\":\"e\",\"id\":%d,\"name\":\"page request\",\"cat\":\"pri\",\"pid\":%d,\"tid\":%d,\"ts\":%s"
                        .formatted(phase, id, at.pid, at.tid, micros(at.nanos)));
    }

    private void event(String body) {
        output.write((first ? "{" : ",\n{") + body + "}");
        first = false;
    }

    private static String micros(long nanos) {
        return String.format(Locale.ROOT, "%.3f", nanos / NANOS_PER_MICRO);
    }

    /** Bus, device and function of a Requester ID. */
    private static String function(int rid) {
        return "%02x:%02x.%x".formatted(rid >> 8, rid >> 3 & 0x1f, rid & 7);
    }

    @Override
    public void flush() {
        output.flush();
    }

    @Override
    public void close() {
        flows.close();
        output.close("\n]}\n");
    }
}
