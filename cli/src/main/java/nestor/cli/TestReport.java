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
    /**
     * KTAP: a subtest for each run, in it one for the guest and one for the host; the guest's lines
     * appear as they come.
     */
    KTAP {
        @Override
        void begin(PrintStream out, int runs) {
            out.print("KTAP version 1\n1.." + runs + "\n");
            out.flush();
        }

        @Override
        void beginRun(PrintStream out, String name) {
            out.print("  KTAP version 1\n  # Subtest: " + name + "\n  1..2\n");
            out.flush();
        }

        @Override
        void guestLine(PrintStream out, String line) {
            out.print("    " + line + "\n");
            out.flush();
        }

        @Override
        void endRun(PrintStream out, int number, TestRun run) {
            boolean guestPassed = TestRun.passed(run.guest()) && !run.guest().isEmpty();
            out.print("  " + word(guestPassed) + " 1 guest\n");
            out.print("    KTAP version 1\n    1.." + run.host().size() + "\n");
            for (Result result : run.host()) {
                result.diagnostics().forEach(line -> out.print("    # " + line + "\n"));
                String word = word(result.outcome() != Outcome.FAILED);
                out.print("    " + word + " " + result.number() + " " + result.name() + "\n");
            }
            out.print("  " + word(TestRun.passed(run.host())) + " 2 host\n");
            out.print(word(run.passed()) + " " + number + " " + run.name() + "\n");
            out.flush();
        }

        private String word(boolean passed) {
            return passed ? "ok" : "not ok";
        }
    },
    /** One JSON object. */
    JSON {
        @Override
        void end(PrintStream out, List<TestRun> runs) {
            JsonMapper mapper = new JsonMapper();
            ObjectNode root = mapper.createObjectNode();
            root.put("exitCode", TestRun.exitCode(runs));
            counts(root, runs);
            ArrayNode array = root.putArray("runs");
            for (TestRun run : runs) {
                ObjectNode node = array.addObject();
                node.put("name", run.name());
                node.put("title", run.title());
                node.put("exitCode", run.exitCode());
                counts(node, List.of(run));
                node.put("milliseconds", run.ending().duration().toMillis());
                node.put("instructions", run.ending().instructions());
                write(node.putArray("guest"), run.guest());
                write(node.putArray("host"), run.host());
            }
            out.print(mapper.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n");
        }

        private void counts(ObjectNode node, List<TestRun> runs) {
            for (Outcome outcome : Outcome.values()) {
                node.put(
                        outcome.name().toLowerCase(Locale.ROOT),
                        runs.stream().mapToLong(run -> run.count(outcome)).sum());
            }
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
    /** JUnit's XML, two suites for each run. */
    JUNIT {
        @Override
        void end(PrintStream out, List<TestRun> runs) {
            out.print("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
            out.print("<testsuites name=\"nestor test\">\n");
            for (TestRun run : runs) {
                out.print("  <!-- " + xml(run.title()).replace("--", "- -") + " -->\n");
                write(out, run.name() + ".guest", run.guest());
                write(out, run.name() + ".host", run.host());
            }
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

    /** Before all runs. */
    void begin(PrintStream out, int runs) {}

    /** Before the guest of a run starts. */
    void beginRun(PrintStream out, String name) {}

    /** A line of the guest's report. */
    void guestLine(PrintStream out, String line) {}

    /** After the checks of a run, the {@code number}th. */
    void endRun(PrintStream out, int number, TestRun run) {}

    /** After all runs. */
    void end(PrintStream out, List<TestRun> runs) {}

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
