package nestor.trace;

import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SequencedMap;
import nestor.pci.AtsEntry;
import nestor.pci.PageResponse;
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

    /** Stands for the PASID of a page by its translated address. */
    private static final long OUTPUT = -2;

    /** Writes a step. */
    @FunctionalInterface
    interface Steps {
        void step(char phase, long id, PerfettoSink.Slice at);
    }

    private record Page(int rid, long pasid, long page) {}

    /**
     * A group of page requests that is answered together; its index is the function's (§10.4.1).
     */
    private record Group(int rid, long prgIndex) {}

    private static final class Flow {
        final long id;
        PerfettoSink.Slice last;
        @Nullable Group group;
        boolean answered;

        /** The page that it was translated to, once it was. */
        @Nullable Page output;

        Flow(long id, PerfettoSink.Slice first) {
            this.id = id;
            last = first;
        }
    }

    private final Steps steps;
    private final SequencedMap<Page, Flow> open = new LinkedHashMap<>();
    private final Map<Group, Integer> waiting = new HashMap<>();
    private final Map<Page, Flow> translated = new HashMap<>();
    private long lastId;

    PageRequestFlows(Steps steps) {
        this.steps = steps;
    }

    void take(TraceRecord item, PerfettoSink.Slice at) {
        int rid = item.rid();
        Page page = new Page(rid, item.number("pasid"), item.number("address") >>> PAGE_SHIFT);
        switch (item.name()) {
            case "ats_translation_request" -> translation(page, outputOf(item, page), at);
            case "pri_page_request" -> requested(page, new Group(rid, item.number("prgIndex")), at);
            case "pri_page_response" ->
                    answered(
                            new Group(rid, item.number("prgIndex")),
                            item.number("code") == PageResponse.SUCCESS,
                            at);
            case "dma_read", "dma_write" -> end(item.flag("translated"), page, at);
            default -> {}
        }
    }

    /** May be the one that finds nothing; whether it is shows when a page request follows. */
    private void translation(Page page, @Nullable Page output, PerfettoSink.Slice at) {
        Flow flow = open.get(page);
        if (flow != null && flow.group != null) {
            step(flow, at);
            if (flow.answered && output != null) {
                flow.output = output;
                translated.put(output, flow);
            }
            return;
        }
        // Not drawn yet: nothing begins before a page request comes.
        open.remove(page);
        makeRoom();
        open.put(page, new Flow(0, at));
    }

    private void requested(Page page, Group group, PerfettoSink.Slice at) {
        Flow known = open.remove(page);
        if (known != null && known.answered) { // and asks for the same once more
            finish(known);
            known = null;
        }
        if (known == null || known.group == null) {
            Flow begun = new Flow(++lastId, known == null ? at : known.last);
            steps.step('s', begun.id, begun.last);
            known = begun;
            makeRoom();
        } else {
            leave(known);
            forgetOutput(known);
            known.output = null;
        }
        open.put(page, known);
        known.group = group;
        known.answered = false;
        waiting.merge(group, 1, Integer::sum);
        if (!known.last.equals(at)) {
            step(known, at);
        }
    }

    /** Where the first entry of a completion says that the page is; null if it is nowhere. */
    private static @Nullable Page outputOf(TraceRecord item, Page page) {
        String first = item.text("entries").split(" ", 2)[0];
        if (first.isEmpty()) {
            return null;
        }
        AtsEntry entry = new AtsEntry(Long.parseUnsignedLong(first, 16));
        long within = item.number("address") & (1L << entry.sizeLog2()) - 1;
        return entry.access() == 0
                ? null
                : new Page(page.rid, OUTPUT, entry.address() + within >>> PAGE_SHIFT);
    }

    /** A group that is refused leads nowhere: its flows end. */
    private void answered(Group group, boolean success, PerfettoSink.Slice at) {
        if (!waiting.containsKey(group)) {
            return;
        }
        for (Iterator<Flow> all = open.values().iterator(); all.hasNext(); ) {
            Flow flow = all.next();
            if (group.equals(flow.group) && !flow.answered) {
                leave(flow);
                if (success) {
                    flow.answered = true;
                    step(flow, at);
                } else {
                    all.remove();
                    steps.step('f', flow.id, at);
                }
            }
        }
    }

    private void leave(Flow flow) {
        if (flow.group != null && !flow.answered) {
            waiting.computeIfPresent(flow.group, (_, count) -> count > 1 ? count - 1 : null);
        }
    }

    /** A memory request ends the flow of its page once that was answered. */
    private void end(boolean isTranslated, Page page, PerfettoSink.Slice at) {
        Flow flow =
                isTranslated
                        ? translated.get(new Page(page.rid, OUTPUT, page.page))
                        : open.get(page);
        if (flow != null && flow.answered) {
            open.values().remove(flow);
            forgetOutput(flow);
            steps.step('f', flow.id, at);
        }
    }

    private void forgetOutput(Flow flow) {
        if (flow.output != null) {
            translated.remove(flow.output, flow);
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
            forgetOutput(flow);
            steps.step('f', flow.id, flow.last);
        }
    }

    void close() {
        for (Iterator<Flow> rest = open.values().iterator(); rest.hasNext(); rest.remove()) {
            finish(rest.next());
        }
    }
}
