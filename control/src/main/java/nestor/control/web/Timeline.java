package nestor.control.web;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CopyOnWriteArrayList;
import nestor.control.Json;
import nestor.trace.TraceRecord;
import nestor.trace.TraceSink;
import nestor.trace.Tracing;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * What devices and IOMMUs do, told to the pages that want to know. Its trace points are on only
 * while there is such a page.
 */
final class Timeline implements TraceSink {
    private static final List<String> GLOBS =
            List.of(
                    "dma_*",
                    "ats_*",
                    "pri_*",
                    "smmuv3_cmdq_consume*",
                    "smmuv3_record_event",
                    "vtd_inv_desc",
                    "vtd_dmar_fault",
                    "virtio_iommu_cmd",
                    "virtio_iommu_report_fault");

    /** Bound on what is counted apart; the guest chooses how many functions speak. */
    private static final int MAX_COUNTERS = 512;

    private record Counter(String name, int rid) {}

    private final Tracing tracing;
    private final List<EventRing> told = new CopyOnWriteArrayList<>();
    private final Map<Counter, Density> counts = new HashMap<>();

    Timeline(Tracing tracing) {
        this.tracing = tracing;
    }

    /** A page wants to know; on the thread that answers. */
    void join(EventRing ring) {
        if (told.contains(ring)) {
            return;
        }
        told.add(ring);
        if (told.size() == 1) {
            Set<String> points = new TreeSet<>();
            GLOBS.forEach(glob -> points.addAll(tracing.matching(glob)));
            tracing.watch(this, points);
        }
    }

    /** The page is gone, or looks at something else; on the thread that answers. */
    void leave(EventRing ring) {
        if (told.remove(ring)) {
            ring.clear();
            if (told.isEmpty()) {
                tracing.unwatch(this);
            }
        }
    }

    @Override
    public void take(TraceRecord item) {
        count(new Counter(item.name(), item.rid()), item.nanos());
        told.forEach(ring -> ring.add(item));
    }

    private void count(Counter counter, long nanos) {
        synchronized (counts) {
            Density density = counts.get(counter);
            if (density == null) {
                if (counts.size() >= MAX_COUNTERS) {
                    return;
                }
                density = new Density();
                counts.put(counter, density);
            }
            density.add(nanos);
        }
    }

    @Override
    public void flush() {
        told.forEach(EventRing::flush);
    }

    @Override
    public void close() {
        told.clear();
    }

    /** What waits for a page, what it missed, and how many there were of each kind. */
    ObjectNode batch(EventRing ring) {
        ObjectNode batch = Json.object();
        ArrayNode events = batch.putArray("events");
        for (TraceRecord item : ring.take()) {
            ObjectNode event = events.addObject();
            event.put("name", item.name())
                    .put("rid", item.rid())
                    .put("nanos", item.nanos())
                    .put("duration", item.durationNanos());
            ObjectNode fields = event.putObject("fields");
            item.fields()
                    .entrySet()
                    .forEach(field -> fields.put(field.getKey(), TraceRecord.shown(field)));
        }
        batch.put("dropped", ring.dropped()).put("slot-nanos", Density.SLOT_NANOS);
        ArrayNode counted = batch.putArray("counts");
        synchronized (counts) {
            long told = ring.toldUpTo();
            counts.forEach((counter, density) -> {
                ObjectNode one = counted.addObject();
                one.put("name", counter.name())
                        .put("rid", counter.rid())
                        .put("count", density.total());
                ArrayNode slots = one.putArray("slots");
                density.since(told, (slot, number) -> slots.add(slot).add(number));
                ring.toldUpTo(Math.max(ring.toldUpTo(), density.last()));
            });
        }
        return batch;
    }
}
