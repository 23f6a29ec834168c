package nestor.trace;

import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/**
 * Ties together what belongs to one page that a function had to ask for: the translation request
 * that found nothing, the page request, its response, the translation request that is tried again,
 * and the memory request. Each flow that begins ends, at its last step if nothing else comes.
 */
final class PageRequestFlows {
    /** Pages are told apart by 4 KiB: what PRI asks for (PCIe 6.0, §10.4). */
    private static final int PAGE_SHIFT = 12;

    private static final int MAX_OPEN = 4096;

    /** Writes a step. */
    @FunctionalInterface
    interface Steps {
        void step(char phase, long id, PerfettoSink.Slice at);
    }

    private record Page(int rid, long pasid, long page) {}

    /** A group of page requests that is answered together; its index is the function's (§10.4.1). */
    private record Group(int rid, long prgIndex) {}

    private static final class Flow {
        final long id;
        PerfettoSink.Slice last;
        @Nullable Group group;
        boolean answered;

        Flow(long id, PerfettoSink.Slice first) {
            this.id = id;
            last = first;
        }
    }

    private final Steps steps;
    private final SequencedMap<Page, Flow> open = new LinkedHashMap<>();
    private final Map<Group, Integer> waiting = new HashMap<>();
    private long lastId;

    PageRequestFlows(Steps steps) {
        this.steps = steps;
    }

    void take(TraceRecord item, PerfettoSink.Slice at) {
        int rid = item.rid();
        Page page =
                new Page(rid, item.number("pasid"), item.number("address") >>> PAGE_SHIFT);
        switch (item.name()) {
            case "ats_translation_request" -> translation(page, at);
            case "pri_page_request" ->
                    requested(page, new Group(rid, item.number("prgIndex")), at);
            case "pri_page_response" -> answered(new Group(rid, item.number("prgIndex")), at);
            case "dma_read", "dma_write" -> end(page, at);
            default -> {}
        }
    }

    /** May be the one that finds nothing; whether it is shows when a page request follows. */
    private void translation(Page page, PerfettoSink.Slice at) {
        Flow flow = open.get(page);
        if (flow != null && flow.group != null) {
            step(flow, at);
            return;
        }
        // Not drawn yet: nothing begins before a page request comes.
        open.remove(page);
        makeRoom();
        open.put(page, new Flow(0, at));
    }

    private void requested(Page page, Group group, PerfettoSink.Slice at) {
        Flow known = open.remove(page);
        if (known == null || known.group == null) {
            Flow begun = new Flow(++lastId, known == null ? at : known.last);
            steps.step('s', begun.id, begun.last);
            known = begun;
            makeRoom();
        } else {
            leave(known);
        }
        open.put(page, known);
        known.group = group;
        known.answered = false;
        waiting.merge(group, 1, Integer::sum);
        if (!known.last.equals(at)) {
            step(known, at);
        }
    }

    private void answered(Group group, PerfettoSink.Slice at) {
        if (!waiting.containsKey(group)) {
            return;
        }
        for (Flow flow : open.values()) {
            if (group.equals(flow.group) && !flow.answered) {
                leave(flow);
                flow.answered = true;
                step(flow, at);
            }
        }
    }

    private void leave(Flow flow) {
        if (flow.group != null && !flow.answered) {
            waiting.computeIfPresent(flow.group, (_, count) -> count > 1 ? count - 1 : null);
        }
    }

    /** A memory request ends the flow of its page once that was answered. */
    private void end(Page page, PerfettoSink.Slice at) {
        Flow flow = open.get(page);
        if (flow != null && flow.answered) {
            open.remove(page);
            steps.step('f', flow.id, at);
        }
    }

    private void step(Flow flow, PerfettoSink.Slice at) {
        steps.step('t', flow.id, at);
        flow.last = at;
    }

    private void makeRoom() {
        if (open.size() >= MAX_OPEN) {
            finish(open.pollFirstEntry().getValue());
        }
    }

    private void finish(Flow flow) {
        if (flow.group != null) {
            leave(flow);
            steps.step('f', flow.id, flow.last);
        }
    }

    void close() {
        for (Iterator<Flow> rest = open.values().iterator(); rest.hasNext(); rest.remove()) {
            finish(rest.next());
        }
    }
}
