package nestor.control.hmp;

import java.util.List;
import nestor.control.view.WalkView;
import nestor.iommu.walk.CachedTranslation;
import nestor.iommu.walk.WalkOutcome;
import nestor.iommu.walk.WalkReport;
import nestor.iommu.walk.WalkStep;
import nestor.pci.Requester;
import nestor.pci.Translation;

/** A walk as text: each entry with its fields, and under it, indented, its own walk of stage 2. */
final class WalkText {
    private static final int WIDTH = 100;

    private final StringBuilder text = new StringBuilder();

    private WalkText() {}

    static String of(WalkReport report) {
        WalkText walk = new WalkText();
        walk.head(report);
        walk.steps(report.structures(), "");
        walk.steps(report.stage1(), "");
        walk.steps(report.stage2(), "");
        walk.outcome(report.outcome());
        report.cached().forEach(walk::cached);
        return walk.text.toString();
    }

    private void head(WalkReport report) {
        Requester requester = report.requester();
        text.append("%s: %s".formatted(report.model(), WalkView.place(requester.rid())));
        if (requester.hasPasid()) {
            text.append(" pasid 0x%x".formatted(requester.pasid()));
            text.append(requester.privileged() ? " privileged" : "");
        }
        text.append(
                " iova 0x%x %s%n"
                        .formatted(report.iova(), CachedTranslation.access(report.access())));
    }

    private void steps(List<WalkStep> steps, String indent) {
        for (WalkStep step : steps) {
            text.append(indent).append(step.name());
            step.ipa().ifPresent(ipa -> text.append(" at IPA 0x%x".formatted(ipa)));
            step.gpa().ifPresent(gpa -> text.append(" at 0x%x".formatted(gpa)));
            text.append(" (").append(step.section()).append(")\n");
            fields(step, indent + "    ");
            for (String error : step.errors()) {
                text.append(indent).append("    ! ").append(error).append('\n');
            }
            steps(step.stage2(), indent + "  | ");
        }
    }

    private void fields(WalkStep step, String indent) {
        StringBuilder line = new StringBuilder(indent);
        for (var field : step.fields()) {
            String one = "%s=0x%x ".formatted(field.name(), field.value());
            if (line.length() + one.length() > WIDTH) {
                text.append(line.toString().stripTrailing()).append('\n');
                line = new StringBuilder(indent);
            }
            line.append(one);
        }
        if (!line.toString().isBlank()) {
            text.append(line.toString().stripTrailing()).append('\n');
        }
    }

    private void outcome(WalkOutcome outcome) {
        switch (outcome) {
            case WalkOutcome.Mapped mapped -> {
                text.append(
                        "=> 0x%x, 2^%d bytes, %s"
                                .formatted(
                                        mapped.output(),
                                        mapped.sizeLog2(),
                                        CachedTranslation.access(mapped.granted())));
                mapped.ats().ifPresent(ats -> text.append("; by ATS 0x%x".formatted(ats)));
            }
            case WalkOutcome.Untranslated(String why) ->
                    text.append("=> untranslated: ").append(why);
            case WalkOutcome.Refused refused -> {
                text.append("=> %s (%s)".formatted(refused.fault(), refused.section()));
                if (!refused.detail().isEmpty()) {
                    text.append(": ").append(refused.detail());
                }
            }
        }
        text.append('\n');
    }

    private void cached(CachedTranslation cached) {
        text.append(cached.cache());
        if (cached.mapping().isPresent()) {
            Translation.Mapping mapping = cached.mapping().get();
            text.append(
                    ": 0x%x, 2^%d bytes -> 0x%x, %s"
                            .formatted(
                                    mapping.iovaBase(),
                                    mapping.sizeLog2(),
                                    mapping.gpaBase(),
                                    CachedTranslation.access(mapping.access())));
        }
        text.append(cached.stale().map(why -> "  STALE: " + why).orElse("")).append('\n');
    }
}
