package nestor.cli;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A reader of KTAP version 1 (Linux, Documentation/dev-tools/ktap.rst), one level deep, fed line by
 * line. Diagnostic lines belong to the result that follows them. Whatever is not KTAP is passed
 * over: kernels print into reports. One thread.
 */
final class Ktap {
    /** How a test ended. */
    enum Outcome {
        PASSED,
        FAILED,
        SKIPPED
    }

    /**
     * One result line.
     *
     * @param directive what follows {@code # SKIP}, else empty
     * @param diagnostics the lines before it, without {@code #}
     */
    record Result(
            int number, String name, Outcome outcome, String directive, List<String> diagnostics) {
        /** The diagnostics of the form {@code key=value}; the first of a key counts. */
        Map<String, String> values() {
            Map<String, String> values = new LinkedHashMap<>();
            for (String line : diagnostics) {
                int equals = line.indexOf('=');
                if (equals > 0) {
                    values.putIfAbsent(line.substring(0, equals), line.substring(equals + 1));
                }
            }
            return values;
        }
    }

    /** A guest that prints results for ever must not fill the heap. */
    private static final int MAX_RESULTS = 10_000;

    private static final int MAX_DIAGNOSTICS = 1_000;

    private static final Pattern PLAN = Pattern.compile("1\\.\\.(\\d{1,6})(?: .*)?");
    private static final Pattern RESULT =
            Pattern.compile("(not )?ok (\\d{1,6})(?: -)?(?: ([^#]*))?(?:# *(\\w+)(.*))?");

    private final List<Result> results = new ArrayList<>();
    private final List<String> diagnostics = new ArrayList<>();
    private OptionalInt planned = OptionalInt.empty();

    /** Reads one line, without its end. */
    void accept(String line) {
        Matcher result = RESULT.matcher(line);
        if (result.matches()) {
            if (results.size() < MAX_RESULTS) {
                results.add(decode(result));
            }
            diagnostics.clear();
            return;
        }
        Matcher plan = PLAN.matcher(line);
        if (plan.matches()) {
            planned = OptionalInt.of(Integer.parseInt(plan.group(1)));
        } else if (line.startsWith("#") && diagnostics.size() < MAX_DIAGNOSTICS) {
            diagnostics.add(line.substring(1).strip());
        }
    }

    List<Result> results() {
        return results;
    }

    /** How many results the plan promised; empty without a plan. */
    OptionalInt planned() {
        return planned;
    }

    /** Whether as many results came as were promised. */
    boolean isComplete() {
        return planned.isPresent() && planned.getAsInt() == results.size();
    }

    private Result decode(Matcher line) {
        String name = line.group(3) == null ? "" : line.group(3).strip();
        boolean skipped = "SKIP".equalsIgnoreCase(line.group(4));
        boolean expected =
                "TODO".equalsIgnoreCase(line.group(4)) || "XFAIL".equalsIgnoreCase(line.group(4));
        boolean failed = line.group(1) != null && !expected;
        Outcome outcome = failed ? Outcome.FAILED : skipped ? Outcome.SKIPPED : Outcome.PASSED;
        String directive = line.group(5) == null ? "" : line.group(5).strip();
        return new Result(
                Integer.parseInt(line.group(2)),
                name,
                outcome,
                directive,
                List.copyOf(diagnostics));
    }
}
