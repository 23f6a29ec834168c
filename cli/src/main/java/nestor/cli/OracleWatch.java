package nestor.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import nestor.cli.Ktap.Outcome;
import nestor.cli.Ktap.Result;
import nestor.iommu.oracle.OracleSummary;
import nestor.iommu.oracle.StaleReport;
import nestor.iommu.oracle.StaleTranslationOracle;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The oracle of one machine: its reports go to standard error as they come, and at the end to a
 * file of one JSON object a line, the summary last.
 */
final class OracleWatch {
    private final Log log;
    private final String run;
    private final Optional<Path> json;
    private final StaleTranslationOracle oracle;
    private final List<StaleReport> reports = new ArrayList<>();

    OracleWatch(Log log, String run, long windowNanos, Optional<Path> json) {
        this.log = log;
        this.run = run;
        this.json = json;
        this.oracle = new StaleTranslationOracle(windowNanos, this::report);
    }

    StaleTranslationOracle oracle() {
        return oracle;
    }

    /** Pages that one command left out are told line by line. */
    void report(StaleReport report) {
        boolean known;
        synchronized (reports) {
            known = !reports.isEmpty() && reports.getLast().hasSameCause(report);
            reports.add(report);
        }
        List<String> lines = known ? List.of(report.title() + ", the same") : report.lines();
        lines.forEach(line -> log.error("oracle: " + line));
    }

    private List<StaleReport> reports() {
        synchronized (reports) {
            return List.copyOf(reports);
        }
    }

    /** The machine has ended: says what was looked at, and writes the file. */
    OracleSummary finish() throws IOException {
        OracleSummary summary = oracle.summary();
        log.info("oracle: " + text(summary));
        if (json.isPresent()) {
            Files.writeString(
                    json.get(),
                    json(summary),
                    StandardCharsets.UTF_8,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        }
        return summary;
    }

    /** {@link #finish} as a check of {@code nestor test}. */
    Result result(int number) throws IOException {
        OracleSummary summary = finish();
        List<String> diagnostics = new ArrayList<>(List.of(text(summary)));
        reports().forEach(report -> diagnostics.add(report.title()));
        boolean sighted = summary.dmas() > 0 && summary.completions() > 0;
        return new Result(
                number,
                "no-stale-translation",
                summary.reports() == 0 && sighted ? Outcome.PASSED : Outcome.FAILED,
                "",
                diagnostics);
    }

    /**
     * {@link #finish} as a check of a kernel that leaves translations in an ATC.
     *
     * @param present whether it is to be found there
     */
    Result defect(int number, boolean present) throws IOException {
        Result clean = result(number);
        List<StaleReport> found = reports();
        boolean lost =
                !found.isEmpty()
                        && found.stream()
                                .allMatch(report -> report.missing().equals("CMD_ATC_INV"));
        List<String> diagnostics = new ArrayList<>(clean.diagnostics());
        diagnostics.add("defect=" + (lost ? "present" : "absent"));
        boolean passed = present ? lost : clean.outcome() == Outcome.PASSED;
        return new Result(
                number,
                "seen-by-the-oracle",
                passed ? Outcome.PASSED : Outcome.FAILED,
                "",
                diagnostics);
    }

    private static String text(OracleSummary summary) {
        return "stale translations: %d; %d DMAs and %d completions seen, %d cached translations"
                        .formatted(
                                summary.reports(),
                                summary.dmas(),
                                summary.completions(),
                                summary.compared())
                + " compared, %d still within the window".formatted(summary.pending());
    }

    private String json(OracleSummary summary) {
        JsonMapper mapper = new JsonMapper();
        StringBuilder lines = new StringBuilder();
        for (StaleReport report : reports()) {
            lines.append(mapper.writeValueAsString(json(mapper, report))).append('\n');
        }
        ObjectNode last = mapper.createObjectNode();
        last.put("run", run);
        last.put("reports", summary.reports());
        last.put("dmas", summary.dmas());
        last.put("completions", summary.completions());
        last.put("compared", summary.compared());
        last.put("pending", summary.pending());
        return lines.append(mapper.writeValueAsString(last)).append('\n').toString();
    }

    /** A 64-bit number is text, because many readers of JSON keep only 53 bits of one. */
    private ObjectNode json(JsonMapper mapper, StaleReport report) {
        ObjectNode node = mapper.createObjectNode();
        node.put("run", run);
        node.put("iommu", report.iommu());
        node.put("device", report.device());
        if (report.requester().hasPasid()) {
            node.put("pasid", report.requester().pasid());
        }
        node.put("iova", hex(report.iova()));
        node.put("cache", report.cache());
        node.put("cached", hex(report.cached().gpa(report.iova())));
        node.put("access", StaleReport.access(report.cached().access()));
        node.put("current", report.current());
        node.put("cachedSeconds", report.cachedNanos() / 1e9);
        node.put("staleSeconds", report.staleNanos() / 1e9);
        node.put("reportedSeconds", report.reportedNanos() / 1e9);
        node.put("uses", report.uses());
        node.put("missing", report.missing());
        report.covering().ifPresent(command -> node.put("covering", command));
        ArrayNode commands = node.putArray("commands");
        report.commands().forEach(commands::add);
        return node;
    }

    private static String hex(long address) {
        return "0x%x".formatted(address);
    }
}
