package nestor.control.view;

import java.util.List;
import nestor.control.Json;
import nestor.iommu.walk.CachedTranslation;
import nestor.iommu.walk.WalkField;
import nestor.iommu.walk.WalkOutcome;
import nestor.iommu.walk.WalkReport;
import nestor.iommu.walk.WalkStep;
import nestor.pci.Requester;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A walk as JSON. What has 64 bits is a string in hexadecimal, which every reader keeps whole. */
public final class WalkView {
    private WalkView() {}

    public static ObjectNode of(WalkReport report) {
        ObjectNode node = Json.object();
        Requester requester = report.requester();
        node.put("model", report.model()).put("function", place(requester.rid()));
        node.put("rid", requester.rid());
        if (requester.hasPasid()) {
            node.put("pasid", requester.pasid()).put("privileged", requester.privileged());
        }
        node.put("iova", hex(report.iova()))
                .put("access", CachedTranslation.access(report.access()));
        steps(node.putArray("structures"), report.structures());
        steps(node.putArray("stage1"), report.stage1());
        steps(node.putArray("stage2"), report.stage2());
        outcome(node.putObject("result"), report.outcome());
        ArrayNode cached = node.putArray("cached");
        report.cached().forEach(one -> cached(cached.addObject(), one));
        return node;
    }

    /** Bus, device and function of a Requester ID. */
    public static String place(int rid) {
        return "%02x:%02x.%d".formatted(rid >>> 8, rid >>> 3 & 0x1f, rid & 7);
    }

    static String hex(long value) {
        return "0x" + Long.toHexString(value);
    }

    private static void steps(ArrayNode list, List<WalkStep> steps) {
        steps.forEach(step -> step(list.addObject(), step));
    }

    /** One structure or descriptor. */
    static void step(ObjectNode node, WalkStep step) {
        node.put("name", step.name()).put("section", step.section());
        step.ipa().ifPresent(ipa -> node.put("ipa", hex(ipa)));
        step.gpa().ifPresent(gpa -> node.put("gpa", hex(gpa)));
        ArrayNode words = node.putArray("words");
        step.words().forEach(word -> words.add(hex(word)));
        ObjectNode fields = node.putObject("fields");
        for (WalkField field : step.fields()) {
            fields.put(field.name(), hex(field.value()));
        }
        ArrayNode errors = node.putArray("errors");
        step.errors().forEach(errors::add);
        if (!step.stage2().isEmpty()) {
            steps(node.putArray("stage2"), step.stage2());
        }
    }

    private static void outcome(ObjectNode node, WalkOutcome outcome) {
        switch (outcome) {
            case WalkOutcome.Mapped mapped -> {
                node.put("kind", "mapped")
                        .put("output", hex(mapped.output()))
                        .put("size-log2", mapped.sizeLog2())
                        .put("granted", CachedTranslation.access(mapped.granted()));
                mapped.ats().ifPresent(ats -> node.put("ats", hex(ats)));
            }
            case WalkOutcome.Untranslated(String why) ->
                    node.put("kind", "untranslated").put("why", why);
            case WalkOutcome.Refused refused ->
                    node.put("kind", "refused")
                            .put("fault", refused.fault())
                            .put("section", refused.section())
                            .put("detail", refused.detail())
                            .put("granted", CachedTranslation.access(refused.granted()));
        }
    }

    private static void cached(ObjectNode node, CachedTranslation cached) {
        node.put("cache", cached.cache());
        cached.mapping()
                .ifPresent(mapping ->
                        node.put("iova", hex(mapping.iovaBase()))
                                .put("size-log2", mapping.sizeLog2())
                                .put("output", hex(mapping.gpaBase()))
                                .put("access", CachedTranslation.access(mapping.access())));
        cached.stale().ifPresent(why -> node.put("stale", why));
    }
}
