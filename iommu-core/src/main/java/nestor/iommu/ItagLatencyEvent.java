package nestor.iommu;

import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/**
 * An ITag was completed. The last event of each bucket in a recording is the histogram of {@link
 * AtcInvalidator#latencies}.
 */
@Name("nestor.iommu.ItagLatency")
@Enabled(false)
@StackTrace(false)
final class ItagLatencyEvent extends Event {
    int rid;

    @Description("From sending the Invalidate Request to its completion")
    long latencyNanos;

    @Description("log2 of the latency in nanoseconds")
    int bucket;

    @Description("Completions in this bucket so far")
    long count;

    static void emit(int rid, long latencyNanos, long count) {
        ItagLatencyEvent event = new ItagLatencyEvent();
        if (event.shouldCommit()) {
            event.rid = rid;
            event.latencyNanos = latencyNanos;
            event.bucket = LatencyHistogram.bucket(latencyNanos);
            event.count = count;
            event.commit();
        }
    }
}
