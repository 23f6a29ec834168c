package nestor.cli;

import java.util.List;
import java.util.stream.Stream;
import nestor.cli.Ktap.Outcome;
import nestor.cli.Ktap.Result;

/**
 * What one run found.
 *
 * @param name of the {@link PresetRun}
 * @param title which guest and preset
 * @param guest what the guest reported; checks it promised and did not report are there as failed
 * @param host what the host found afterwards
 */
record TestRun(
        String name,
        String title,
        List<Result> guest,
        List<Result> host,
        VirtualMachine.Ending ending) {
    long count(Outcome outcome) {
        return Stream.concat(guest.stream(), host.stream())
                .filter(result -> result.outcome() == outcome)
                .count();
    }

    /** Signals, time limits and panics first; then whether every check passed. */
    int exitCode() {
        int code = ending.exitCode(ExitCode.TEST_TIMEOUT);
        return code != ExitCode.OK || count(Outcome.FAILED) == 0 ? code : ExitCode.FAILED;
    }

    /** Of several runs: what else than a failed check ended one, else whether any check failed. */
    static int exitCode(List<TestRun> runs) {
        int worst = ExitCode.OK;
        for (TestRun run : runs) {
            int code = run.exitCode();
            if (code != ExitCode.OK && code != ExitCode.FAILED) {
                return code;
            }
            worst = Math.max(worst, code);
        }
        return worst;
    }

    /** Whether nothing went wrong, and there was something that could. */
    boolean passed() {
        return exitCode() == ExitCode.OK && !guest.isEmpty();
    }

    String summary() {
        return "%d passed, %d failed, %d skipped (%s; %s)"
                .formatted(
                        count(Outcome.PASSED),
                        count(Outcome.FAILED),
                        count(Outcome.SKIPPED),
                        title,
                        ending);
    }

    static boolean passed(List<Result> results) {
        return results.stream().noneMatch(result -> result.outcome() == Outcome.FAILED);
    }
}
