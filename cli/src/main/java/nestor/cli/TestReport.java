package nestor.cli;

import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import nestor.cli.Ktap.Outcome;
import nestor.cli.Ktap.Result;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** How {@code nestor test} writes what it found to standard output. */
enum TestReport {
    /** KTAP with two subtests, guest and host; the guest's lines appear as they come. */
    KTAP {
        @Override
        void begin(PrintStream out) {
            out.print("KTAP version 1\n1..2\n");
            out.flush();
        }

        @Override
        void guestLine(PrintStream out, String line) {
            out.print("  " + line + "\n");
            out.flush();
        }

        @Override
        void end(PrintStream out, TestRun run) {
            boolean guestPassed = TestRun.passed(run.guest()) && !run.guest().isEmpty();
            out.print((guestPassed ? "ok" : "not ok") + " 1 guest\n");
            out.print("  KTAP version 1\n  1.." + run.host().size() + "\n");
            for (Result result : run.host()) {
                result.diagnostics().forEach(line -> out.print("  # " + line + "\n"));
                String word = result.outcome() == Outcome.FAILED ? "not ok" : "ok";
                out.print("  " + word + " " + result.number() + " " + result.name() + "\n");
            }
            out.print((TestRun.passed(run.host()) ? "ok" : "not ok") + " 2 host\n");
        }
    },
    /** One JSON object. */
    JSON {
        @Override
        void end(PrintStream out, TestRun run) {
            JsonMapper mapper = new JsonMapper();
            ObjectNode root = mapper.createObjectNode();
            root.put("title", run.title());
            root.put("exitCode", run.exitCode());
            root.put("passed", run.count(Outcome.PASSED));
            root.put("failed", run.count(Outcome.FAILED));
            root.put("skipped", run.count(Outcome.SKIPPED));
            root.put("milliseconds", run.ending().duration().toMillis());
            root.put("instructions", run.ending().instructions());
            write(root.putArray("guest"), run.guest());
            write(root.putArray("host"), run.host());
            out.print(mapper.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n");
        }

        private void write(ArrayNode array, List<Result> results) {
            for (Result result : results) {
                ObjectNode node = array.addObject();
                node.put("name", result.name());
                node.put("outcome", result.outcome().name().toLowerCase(Locale.ROOT));
                if (!result.directive().isEmpty()) {
                    node.put("reason", result.directive());
                }
                ArrayNode lines = node.putArray("diagnostics");
                result.diagnostics().forEach(lines::add);
            }
        }
    },
    /** JUnit's XML, two suites. */
    JUNIT {
        @Override
        void end(PrintStream out, TestRun run) {
            out.print("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
            out.print("<testsuites name=\"" + xml(run.title()) + "\">\n");
            write(out, "guest", run.guest());
            write(out, "host", run.host());
            out.print("</testsuites>\n");
        }

        private void write(PrintStream out, String suite, List<Result> results) {
            long failed = results.stream().filter(r -> r.outcome() == Outcome.FAILED).count();
            long skipped = results.stream().filter(r -> r.outcome() == Outcome.SKIPPED).count();
            out.print(
                    "  <testsuite name=\"%s\" tests=\"%d\" failures=\"%d\" skipped=\"%d\">\n"
                            .formatted(suite, results.size(), failed, skipped));
            for (Result result : results) {
                out.print(
                        "    <testcase classname=\"nestor.%s\" name=\"%s\">\n"
                                .formatted(suite, xml(result.name())));
                switch (result.outcome()) {
                    case FAILED -> out.print("      <failure/>\n");
                    case SKIPPED ->
                            out.print(
                                    "      <skipped message=\""
                                            + xml(result.directive())
                                            + "\"/>\n");
                    case PASSED -> {}
                }
                String lines = String.join("\n", result.diagnostics());
                out.print("      <system-out>" + xml(lines) + "</system-out>\n    </testcase>\n");
            }
            out.print("  </testsuite>\n");
        }
    };

    /** Before the guest starts. */
    void begin(PrintStream out) {}

    /** A line of the guest's report. */
    void guestLine(PrintStream out, String line) {}

    /** After all checks. */
    abstract void end(PrintStream out, TestRun run);

    /**
     * Text inside an element or an attribute; characters that XML cannot carry become a question
     * mark.
     */
    static String xml(String text) {
        StringBuilder escaped = new StringBuilder();
        text.codePoints()
                .forEach(c -> {
                    switch (c) {
                        case '<' -> escaped.append("&lt;");
                        case '>' -> escaped.append("&gt;");
                        case '&' -> escaped.append("&amp;");
                        case '"' -> escaped.append("&quot;");
                        case '\n', '\t' -> escaped.appendCodePoint(c);
                        default ->
                                escaped.appendCodePoint(
                                        c < ' '
                                                        || c >= 0xd800 && c < 0xe000
                                                        || c == 0xfffe
                                                        || c == 0xffff
                                                ? '?'
                                                : c);
                    }
                });
        return escaped.toString();
    }
}
