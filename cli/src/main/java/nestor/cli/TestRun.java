package nestor.cli;

import java.util.List;
import java.util.stream.Stream;
import nestor.cli.Ktap.Outcome;
import nestor.cli.Ktap.Result;

/**
 * What a run of the checks found.
 *
 * @param title which guest and preset
 * @param guest what the guest reported; checks it promised and did not report are there as failed
 * @param host what the host found afterwards
 */
record TestRun(String title, List<Result> guest, List<Result> host, VirtualMachine.Ending ending) {
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
